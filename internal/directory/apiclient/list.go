// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package apiclient

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
)

// Get sends a request and decodes the JSON of its answer.
func Get[T any](ctx context.Context, c *Client, r Request) (T, *Response, error) {
	var value T
	resp, err := c.Do(ctx, r)
	if err != nil {
		return value, nil, err
	}
	return value, resp, resp.JSON(&value)
}

// List sends a request for users and returns its answer and their accounts. users
// returns the records in an answer, nil if it is no list.
func List[Message, User any](
	ctx context.Context, c *Client, r Request, users func(Message) *[]Record[User], account func(User) directory.Account,
) (Message, []directory.Account, *Response, error) {
	list, resp, err := Get[Message](ctx, c, r)
	if err != nil {
		return list, nil, nil, err
	}
	accounts, err := RecordAccounts(resp, users(list), account)
	return list, accounts, resp, err
}

// GetUser asks for one user and returns its account, or none if the service
// has no such user. absent recognises the service's own body of that 404: any
// other 404 is an error, such as a wrong base URL.
func GetUser[User, Body any](
	ctx context.Context, c *Client, r Request, absent func(Body) bool, account func(User) directory.Account,
) ([]directory.Account, error) {
	user, resp, err := Get[User](ctx, c, r)
	var body Body
	switch {
	case err != nil && NotFound(err, &body) && absent(body):
		return nil, nil
	case err != nil:
		return nil, err
	}
	a := account(user)
	if a.Identity == "" {
		return nil, resp.Unexpected("it is not a user")
	}
	return []directory.Account{a}, nil
}

// Page fetches a page of a list and the URL of the next one; "" ends the list.
type Page func(ctx context.Context, r Request) (accounts []directory.Account, next string, err error)

// Follow gives directory.Paged and PagedSparse the pages of a list whose answers hold
// the URL of the next page.
func Follow(first Request, page Page) func(context.Context, string) ([]directory.Account, string, error) {
	return func(ctx context.Context, next string) ([]directory.Account, string, error) {
		if next == "" {
			return page(ctx, first)
		}
		return page(ctx, Request{URL: next})
	}
}

// LinkedPage returns the Page of a service whose answer is a list of users
// with a Link header.
func LinkedPage[User any](c *Client, account func(User) directory.Account) Page {
	return func(ctx context.Context, r Request) ([]directory.Account, string, error) {
		_, accounts, resp, err := List(ctx, c, r, Bare[User], account)
		if err != nil {
			return nil, "", err
		}
		return accounts, NextLink(resp.Header), nil
	}
}

// Bare is the users function of an answer that is the list itself.
func Bare[User any](users *[]Record[User]) *[]Record[User] { return users }

// Quote returns a string literal of filter languages that write it as JSON does. It
// does not escape < and > as Go's encoder does: not every server reads that.
func Quote(value string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) + `"`
}

// Text is a string on the wire. A number, which some services send as an id,
// keeps its literal text; null is "".
type Text string

// UnmarshalJSON implements json.Unmarshaler.
func (t *Text) UnmarshalJSON(raw []byte) error {
	raw = bytes.TrimSpace(raw)
	switch {
	case string(raw) == "null":
		*t = ""
		return nil
	case len(raw) > 0 && raw[0] == '"':
		return json.Unmarshal(raw, (*string)(t))
	}
	var number json.Number
	if err := json.Unmarshal(raw, &number); err != nil {
		return &json.UnmarshalTypeError{Value: "value", Field: "id"}
	}
	*t = Text(number.String())
	return nil
}

// links matches a link of a Link header and its parameters, relNext the
// parameter of the next page.
var (
	links   = regexp.MustCompile(`<([^>]*)>([^<]*)`)
	relNext = regexp.MustCompile(`(?i)(?:^|[;,])\s*rel\s*=\s*"*next"*\s*(?:$|[;,])`)
)

// NextLink returns the URL of the Link header with the relation next, "" if
// there is none. It reads several headers, and several links in one.
func NextLink(h http.Header) string {
	for _, header := range h.Values("Link") {
		for _, link := range links.FindAllStringSubmatch(header, -1) {
			if relNext.MatchString(link[2]) {
				return link[1]
			}
		}
	}
	return ""
}
