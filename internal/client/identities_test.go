// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package client

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

// storing answers writes as a server with the extensions that has room for
// everything, except for the e-mails in taken.
func storing(t *testing.T, taken ...string) *fake {
	return &fake{answer: func(r request) answer {
		if r.call == "POST users/search" {
			return ok(users())
		}
		var results []symapi.BulkResult
		var failures []identity.ItemError
		for i, u := range decode[symapi.UserUpserts](t, r).Users {
			email := u.ID
			if u.Identities[0].ServiceType == "sym" {
				email = u.Identities[0].Matcher["email"] + u.Identities[0].Matcher["username"]
			}
			last := u.Identities[len(u.Identities)-1]
			key := identity.ServiceKey{Type: last.ServiceType, ExternalID: last.ExternalID}
			if slices.Contains(taken, email) {
				failures = append(failures, identity.ItemError{Index: i, Err: identity.Conflict("", key,
					&identity.Mapping{Service: key, Matcher: identity.Matcher{"user_id": "other"}, Source: identity.FromRule, Revision: 7})})
			}
			record := person("id-"+email, email, key.String(), last.Matcher["user_id"])
			results = append(results, symapi.BulkResult{Index: i, Record: &record})
		}
		if len(failures) > 0 {
			return answer{status: 409, body: symapi.BulkFailure(failures, len(results))}
		}
		slices.Reverse(results) // their indexes count
		return ok(symapi.BulkSuccess(results))
	}}
}

func writesFor(list []string) []identity.Write {
	out := make([]identity.Write, len(list))
	for i, e := range list {
		out[i] = identity.Write{User: identity.UserKey(e), Service: okta, Matcher: identity.Matcher{"user_id": "00u-" + e}, Conditions: identity.Conditions{IfAbsent: true}}
	}
	return out
}

func TestWriteOnTheWire(t *testing.T) {
	t.Parallel()
	f := storing(t)
	writes := []identity.Write{
		{UserID: "u1", User: "ada@example.com", Service: okta, Matcher: identity.Matcher{"user_id": "00u1"}, Conditions: identity.Conditions{IfRevision: 3}},
		{User: "o'brien+x%/@example.com", Name: "O'Brien+x%/@Example.com", Service: okta, Matcher: identity.Matcher{"user_id": "00u2"}, Source: identity.FromRule, Rule: "r", Conditions: identity.Conditions{IfAbsent: true, IfUnclaimed: true}},
		{User: "deploy-bot", Service: okta, Matcher: identity.Matcher{"user_id": "00u3"}},
	}
	before := slices.Clone(writes)
	got, err := f.client(t).Write(context.Background(), writes)
	if err != nil || len(got) != 3 || got[0].ID != "id-u1" || got[1].Name != "O'Brien+x%/@Example.com" {
		t.Fatalf("got %+v, %v", got, err)
	}
	if diff := cmp.Diff(before, writes); diff != "" {
		t.Errorf("the caller's list changed:\n%s", diff)
	}
	f.wantCalls(t, "POST users/search", "PATCH users")
	want := symapi.UserUpserts{Users: []symapi.UserUpsert{
		{ID: "u1", Identities: []symapi.IdentityUpsert{{ServiceType: "okta", ExternalID: "acme.okta.com", Matcher: map[string]string{"user_id": "00u1"}, Source: "manual", IfRevision: 3}}},
		{Identities: []symapi.IdentityUpsert{
			{ServiceType: "sym", ExternalID: "cloud", Matcher: map[string]string{"email": "O'Brien+x%/@Example.com"}},
			{ServiceType: "okta", ExternalID: "acme.okta.com", Matcher: map[string]string{"user_id": "00u2"}, Source: "rule", Rule: "r", IfAbsent: true, IfUnclaimed: true},
		}},
		{Identities: []symapi.IdentityUpsert{
			{ServiceType: "sym", ExternalID: "cloud", Matcher: map[string]string{"username": "deploy-bot"}},
			{ServiceType: "okta", ExternalID: "acme.okta.com", Matcher: map[string]string{"user_id": "00u3"}, Source: "manual"},
		}},
	}}
	if diff := cmp.Diff(want, decode[symapi.UserUpserts](t, f.seen[1])); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
}

// TestWriteInChunks: a transaction with failures does not stop the others, and
// what they wrote is returned.
func TestWriteInChunks(t *testing.T) {
	t.Parallel()
	list := emails(6000)
	f := storing(t, list[2600], list[4999])
	got, err := f.client(t).Write(context.Background(), writesFor(list))
	f.wantCalls(t, "POST users/search", "PATCH users", "PATCH users", "PATCH users")
	var batch *identity.BatchError
	if !errors.As(err, &batch) || len(batch.Items) != 2 || batch.Items[0].Index != 2600 || batch.Items[1].Index != 4999 {
		t.Fatalf("got %v", err)
	}
	first := batch.Items[0].Err
	if first.User != identity.UserKey(list[2600]) || first.Service != okta || first.Code != identity.CodeIdentityConflict ||
		first.Stored == nil || first.Stored.Matcher["user_id"] != "other" || first.Stored.Revision != 7 || first.Stored.Source != identity.FromRule {
		t.Errorf("failure %+v", first)
	}
	if e := apiError(t, err); e.Status != 409 || e.Method != "PATCH" {
		t.Errorf("got %+v", e)
	}
	for i, u := range got {
		if written := i < 2500 || i >= 5000; (u.Name != "") != written || written && u.Name != list[i] {
			t.Fatalf("user %d is %+v", i, u)
		}
	}
}

func TestWriteStopsAtAFailure(t *testing.T) {
	t.Parallel()
	list := emails(8000)
	inner := storing(t, list[5])
	f := &fake{answer: func(r request) answer {
		if r.call == "PATCH users" && r.ordinal == 3 {
			return status(500)
		}
		return inner.answer(r)
	}}
	got, err := f.client(t).Write(context.Background(), writesFor(list))
	f.wantCalls(t, "POST users/search", "PATCH users", "PATCH users", "PATCH users")
	var batch *identity.BatchError
	if apiError(t, err).Status != 500 || !errors.As(err, &batch) || len(batch.Items) != 1 || batch.Items[0].Index != 5 {
		t.Errorf("got %v", err)
	}
	for i, u := range got {
		if written := i >= 2500 && i < 5000; (u.Name != "") != written {
			t.Fatalf("user %d is %+v", i, u)
		}
	}
}

// TestAcknowledgedWriteIsNoError has a server that acknowledges without saying
// what is stored now.
func TestAcknowledgedWriteIsNoError(t *testing.T) {
	t.Parallel()
	f := &fake{answer: func(r request) answer {
		if r.call == "PATCH users" {
			return ok(`{"status":"success","errors":[],"succeeded":1,"failed":0,"results":["x"]}`)
		}
		return ok(users())
	}}
	got, err := f.client(t).Write(context.Background(), writesFor(emails(1)))
	if err != nil || len(got) != 1 {
		t.Fatalf("got %v, %v", got, err)
	}
	if m, ok := got[0].Mapping(okta); !ok || got[0].Name == "" || m.Source != identity.Manual {
		t.Errorf("got %+v", got[0])
	}
}

// TestWhatIsNoAcknowledgement: anything else than a success in so many words
// is an error.
func TestWhatIsNoAcknowledgement(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"empty object":  `{}`,
		"users":         `{"users":[]}`,
		"status error":  `{"status":"error","errors":["no"],"failed":1}`,
		"failed":        `{"status":"success","failed":1}`,
		"errors":        `{"status":"success","errors":[{"message":"no"}]}`,
		"error: true":   `{"error":true,"message":"no"}`,
		"HTML":          `<html></html>`,
		"null":          `null`,
		"broken off":    `{"status":"success"`,
		"two documents": `{"status":"success"}{}`,
	} {
		f := &fake{answer: func(r request) answer {
			if r.call == "PATCH users" {
				return ok(body)
			}
			return ok(users())
		}}
		got, err := f.client(t).Write(context.Background(), writesFor(emails(1)))
		if err == nil || got[0].Name != "" || identity.CodeOf(err) == "" {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestReadOnlySendsNothing(t *testing.T) {
	t.Parallel()
	f := storing(t)
	c := f.client(t, retries(3), func(c *Config) { c.ReadOnly = true })
	ctx := context.Background()
	ada := identity.User{ID: "u1", Key: "ada@example.com", Name: "ada@example.com"}
	calls := map[string]func() error{
		"Write":         func() error { _, err := c.Write(ctx, writesFor(emails(2))); return err },
		"Delete":        func() error { _, err := c.Delete(ctx, []identity.Delete{{User: "ada@example.com"}}); return err },
		"CreateService": func() error { _, err := c.CreateService(ctx, okta, "Okta"); return err },
		"UpdateService": func() error { _, err := c.UpdateService(ctx, okta, "Okta", 0); return err },
		"DeleteService": func() error { _, err := c.DeleteService(ctx, okta, 0); return err },
		"UpsertUser":    func() error { _, err := c.UpsertUser(ctx, UserWrite{Name: "ada@example.com"}); return err },
		"DeleteUsers":   func() error { _, err := c.DeleteUsers(ctx, []identity.User{ada}); return err },
		"SetRole":       func() error { _, err := c.SetRole(ctx, "u1", identity.Admin); return err },
	}
	for name, call := range calls {
		if err := call(); !errors.Is(err, ErrReadOnly) || apiError(t, err).Attempts != 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	f.wantCalls(t)
}

func TestDelete(t *testing.T) {
	t.Parallel()
	f := &fake{answer: func(r request) answer {
		if r.call == "POST users/search" {
			return ok(users(person("u1", "Ada@example.com"), person("u2", "Bob@example.com")))
		}
		no := false
		var results []symapi.BulkResult
		for i, d := range decode[symapi.IdentityDeletes](t, r).Identities {
			results = append(results, symapi.BulkResult{Index: i})
			if d.UserID == "u1" {
				results[i].Deleted = &no
			}
		}
		return ok(symapi.BulkSuccess(results))
	}}
	value := identity.Matcher{"user_id": "x"}
	got, err := f.client(t).Delete(context.Background(), []identity.Delete{
		{User: "nobody@example.com", Service: okta, Matcher: value},
		{User: "ada@example.com", Service: okta, Matcher: value, IfRevision: 4},
		{User: "bob@example.com", Service: okta, Matcher: value},
	})
	if err != nil || !slices.Equal(got, []bool{false, false, true}) {
		t.Errorf("got %v, %v", got, err)
	}
	want := symapi.IdentityDeletes{Identities: []symapi.IdentityDelete{
		{UserID: "u1", ServiceType: "okta", ExternalID: "acme.okta.com", Matcher: value, IfRevision: 4},
		{UserID: "u2", ServiceType: "okta", ExternalID: "acme.okta.com", Matcher: value},
	}}
	if diff := cmp.Diff(want, decode[symapi.IdentityDeletes](t, f.seen[len(f.seen)-1])); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
}

func TestDeleteConflict(t *testing.T) {
	t.Parallel()
	f := &fake{answer: func(r request) answer {
		if r.call == "POST users/search" {
			return ok(users(person("u1", "Ada@example.com")))
		}
		stored := &identity.Mapping{Service: okta, Matcher: identity.Matcher{"user_id": "y"}, Source: identity.Manual, Revision: 9}
		return answer{status: 409, body: symapi.BulkFailure([]identity.ItemError{{Index: 0, Err: identity.Conflict("", okta, stored)}}, 1)}
	}}
	got, err := f.client(t).Delete(context.Background(), []identity.Delete{
		{User: "nobody@example.com", Service: okta}, {User: "ada@example.com", Service: okta, Matcher: identity.Matcher{"user_id": "x"}},
	})
	var batch *identity.BatchError
	if !errors.As(err, &batch) || batch.Items[0].Index != 1 || batch.Items[0].Err.User != "ada@example.com" || batch.Items[0].Err.Stored == nil {
		t.Errorf("got %v", err)
	}
	if !slices.Equal(got, []bool{false, false}) {
		t.Errorf("got %v", got)
	}
}
