// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package scim

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
)

// listMessage is a ListResponse on the wire.
type listMessage struct {
	TotalResults *int   `json:"totalResults"`
	Resources    []user `json:"Resources"`
}

// user is a User resource, as far as it matters.
type user struct {
	ID         text    `json:"id"`
	UserName   text    `json:"userName"`
	ExternalID text    `json:"externalId"`
	Active     flag    `json:"active"`
	Emails     []email `json:"emails"`
}

type email struct {
	Value   text `json:"value"`
	Primary flag `json:"primary"`
}

// listing is a page that was checked.
type listing struct {
	total int
	users []user
}

// read refuses what is JSON but no ListResponse: without the count, an error
// sent with status 200 would look like an empty list.
func (m listMessage) read() (listing, error) {
	switch {
	case m.TotalResults == nil:
		return listing{}, errors.New("it is not a SCIM list: totalResults is missing")
	case *m.TotalResults < 0:
		return listing{}, fmt.Errorf("totalResults is %d", *m.TotalResults)
	}
	return listing{total: *m.TotalResults, users: m.Resources}, nil
}

// text is a string; a number, which some servers send as an id, keeps its
// literal text.
type text string

func (t *text) UnmarshalJSON(raw []byte) error {
	var value any
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	dec.UseNumber()
	if err := dec.Decode(&value); err != nil {
		return err
	}
	switch v := value.(type) {
	case nil:
		*t = ""
	case string:
		*t = text(v)
	case json.Number:
		*t = text(v.String())
	default:
		return &json.UnmarshalTypeError{Value: "value", Field: "id, userName, externalId or emails.value"}
	}
	return nil
}

// flag is a boolean that may be missing. Some servers send it as a string.
type flag struct{ known, value bool }

func (f *flag) UnmarshalJSON(raw []byte) error {
	switch strings.ToLower(strings.Trim(string(raw), `"`)) {
	case "true":
		*f = flag{known: true, value: true}
	case "false":
		*f = flag{known: true}
	case "null", "":
		*f = flag{}
	default:
		return &json.UnmarshalTypeError{Value: "value", Field: "active or emails.primary"}
	}
	return nil
}

// idAttribute is the attribute whose value is stored.
type idAttribute string

func parseIDAttribute(name string) (idAttribute, error) {
	switch name {
	case "":
		return "id", nil
	case "id", "userName", "externalId":
		return idAttribute(name), nil
	}
	return "", fmt.Errorf("id_attribute: it is id, userName or externalId, not %q", name)
}

func (a idAttribute) of(u user) string {
	switch a {
	case "userName":
		return string(u.UserName)
	case "externalId":
		return string(u.ExternalID)
	}
	return string(u.ID)
}

// accounts are users as rows of accounts, one for each primary address.
func (a idAttribute) accounts(users []user) []directory.Account {
	accounts := make([]directory.Account, 0, len(users))
	for _, u := range users {
		row := directory.Account{ID: a.of(u), State: u.state()}
		primary, other := u.addresses()
		for i := range primary {
			row.Emails = slices.Concat(primary[i:], primary[:i], other)
			accounts = append(accounts, row)
		}
		if len(primary) == 0 {
			accounts = append(accounts, row)
		}
	}
	return accounts
}

// state: an account whose server does not say is not called inactive.
func (u user) state() directory.State {
	switch {
	case !u.Active.known:
		return directory.StateUnknown
	case u.Active.value:
		return directory.StateActive
	}
	return directory.StateInactive
}

// addresses: the e-mail marked as primary is one, and so is a userName that is
// an e-mail, which no two users share. Where none is marked, all are: SCIM
// gives values no order.
func (u user) addresses() (primary, other []string) {
	marked := slices.ContainsFunc(u.Emails, func(e email) bool { return e.Primary.value && e.Value != "" })
	for _, e := range u.Emails {
		switch {
		case e.Value == "":
		case e.Primary.value == marked:
			primary = append(primary, string(e.Value))
		default:
			other = append(other, string(e.Value))
		}
	}
	isMail := func(address string) bool { return strings.EqualFold(address, string(u.UserName)) }
	if strings.Contains(string(u.UserName), "@") && !slices.ContainsFunc(primary, isMail) {
		primary = append(primary, string(u.UserName))
	}
	return primary, other
}
