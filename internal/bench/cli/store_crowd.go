// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/google/uuid"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
	"github.com/sym-identity/terraform-provider-sym/internal/store/jsonlines"
)

// crowdServices are the services in which everybody of a crowd has an account.
var crowdServices = []identity.ServiceKey{
	{Type: "okta", ExternalID: "acme.okta.com"}, {Type: "github", ExternalID: "acme"}, {Type: "custom", ExternalID: "VictorOps"},
}

// crowd is an export of many users in a file.
type crowd struct {
	path  string
	users int
}

func (c crowd) mappings() int { return c.users * len(crowdServices) }

// emails are those of n users, spread over the crowd.
func (c crowd) emails(n int) []string {
	n = min(n, c.users)
	emails := make([]string, n)
	for i := range emails {
		emails[i] = crowdEmail(i * (c.users / n))
	}
	return emails
}

func crowdEmail(i int) string { return fmt.Sprintf("person.%07d@acme.com", i) }

// write writes the file.
func (c crowd) write() (err error) {
	f, err := os.OpenFile(c.path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	stamp := store.Stamp{CreatedAt: time.Unix(1, 0).UTC(), UpdatedAt: time.Unix(1, 0).UTC(), UpdatedBy: "bench"}
	w, err := jsonlines.NewWriter(f, jsonlines.Header{Org: org, At: stamp.CreatedAt})
	if err != nil {
		return err
	}
	for _, key := range crowdServices {
		if err := w.Write(store.Record{Service: &store.ServiceRecord{ID: newID(), Key: key.String(), Stamp: stamp}}); err != nil {
			return err
		}
	}
	for i := range c.users {
		email := crowdEmail(i)
		u := &store.UserRecord{ID: newID(), Key: identity.UserKey(email), Type: identity.Normal, Role: identity.Member, Name: email, Stamp: stamp}
		for j, key := range crowdServices {
			u.Mappings = append(u.Mappings, store.MappingRecord{ID: newID(), Service: key.String(), Source: identity.Manual,
				Matcher: identity.NewMatcher(key.Type, fmt.Sprintf("00u%07d", i)), Revision: int64(len(crowdServices)*i + j + 1), Stamp: stamp})
		}
		if err := w.Write(store.Record{User: u}); err != nil {
			return err
		}
	}
	_, err = w.Close()
	return err
}

func newID() string { return uuid.Must(uuid.NewV7()).String() }
