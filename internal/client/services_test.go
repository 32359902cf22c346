// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package client

import (
	"context"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

var oktaOnWire = symapi.Service{ID: "s1", Slug: "okta", ExternalID: "acme.okta.com", Label: "Okta"}

func TestServices(t *testing.T) {
	t.Parallel()
	no := false
	without := oktaOnWire
	without.Directory = &no
	f := &fake{answer: func(request) answer {
		return ok(symapi.ServiceList{Services: []symapi.Service{oktaOnWire, without}})
	}}
	got, err := f.client(t).Services(context.Background())
	want := []identity.Service{{ID: "s1", Key: okta, Label: "Okta"}, {ID: "s1", Key: okta, Label: "Okta", NoDirectory: true}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	for name, s := range map[string]symapi.Service{"id": {Slug: "okta", ExternalID: "x"}, "slug": {ID: "1", ExternalID: "x"}, "external id": {ID: "1", Slug: "okta"}} {
		f := &fake{answer: func(request) answer { return ok(symapi.ServiceList{Services: []symapi.Service{s}}) }}
		if _, err := f.client(t).Services(context.Background()); identity.CodeOf(err) != identity.CodeInternal {
			t.Errorf("no %s: %v", name, err)
		}
	}
}

func TestWriteService(t *testing.T) {
	t.Parallel()
	f := &fake{answer: func(request) answer { return ok(oktaOnWire) }}
	c := f.client(t)
	created, err := c.CreateService(context.Background(), okta, "Okta")
	updated, err2 := c.UpdateService(context.Background(), okta, "Okta", 0)
	if err != nil || err2 != nil || created.ID != "s1" || updated.ID != "s1" {
		t.Errorf("got %+v, %v, %+v, %v", created, err, updated, err2)
	}
	f.wantCalls(t, "POST services", "PATCH services")
	if diff := cmp.Diff(symapi.ServiceWrite{ServiceType: "okta", ExternalID: "acme.okta.com", Label: &oktaOnWire.Label}, decode[symapi.ServiceWrite](t, f.seen[0])); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
}

// A 200 that does not show the service is not believed.
func TestWriteService_otherReply(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]any{"nothing": map[string]any{}, "another service": oktaOnWire} {
		f := &fake{answer: func(request) answer { return ok(body) }}
		got, err := f.client(t).CreateService(context.Background(), github, "x")
		if identity.CodeOf(err) != identity.CodeInternal || got.ID != "" {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestDeleteService(t *testing.T) {
	t.Parallel()
	yes, no := true, false
	bulk := func(deleted *bool) answer {
		return ok(symapi.BulkSuccess([]symapi.BulkResult{{Index: 0, Deleted: deleted}}))
	}
	tests := map[string]struct {
		answer answer
		want   bool
		code   identity.Code
	}{
		"deleted":        {answer: bulk(&yes), want: true},
		"not there":      {answer: bulk(&no)},
		"not there, 404": {answer: coded(404, identity.CodeServiceNotFound, "m")},
		"404 of a proxy": {answer: missing(request{}), code: identity.CodeMissing},
		"referenced":     {answer: coded(409, identity.CodeServiceReferenced, "Cannot perform delete because it is referenced by 2 identities and 0 integrations"), code: identity.CodeServiceReferenced},
		"says nothing":   {answer: ok(`{}`), code: identity.CodeInternal},
		"failed":         {answer: ok(`{"status":"error","errors":["no"]}`), code: identity.CodeInternal},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &fake{answer: func(request) answer { return test.answer }}
			got, err := f.client(t).DeleteService(context.Background(), okta, 0)
			if got != test.want {
				t.Errorf("got %v", got)
			}
			wantCode(t, err, test.code)
		})
	}
}

func TestReferences(t *testing.T) {
	t.Parallel()
	f := &fake{answer: func(request) answer {
		return ok(symapi.ServiceReferences{Error: "false", References: symapi.References{Identities: []string{"a", "b"}}})
	}}
	got, err := f.client(t).References(context.Background(), "s1")
	if err != nil || !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("got %v, %v", got, err)
	}
	f.wantCalls(t, "GET service/s1/references")
	for _, body := range []string{`{"error":"false"}`, `{"references":{}}`, `{"references":{"identities":[1]}}`, `{"error":"true","message":"m"}`} {
		f := &fake{answer: func(request) answer { return ok(body) }}
		if got, err := f.client(t).References(context.Background(), "s1"); identity.CodeOf(err) != identity.CodeInternal || got != nil {
			t.Errorf("%s: %v, %v", body, got, err)
		}
	}
}

func TestAccounts(t *testing.T) {
	t.Parallel()
	ada := person("u1", "Ada@example.com")
	f := &fake{answer: func(r request) answer {
		if r.call == "POST users/u1/set-role" {
			return ok(ada)
		}
		yes := true
		return ok(symapi.BulkSuccess([]symapi.BulkResult{{Index: 0, Record: &ada, Deleted: &yes}}))
	}}
	c := f.client(t)
	first := "Ada"
	if u, err := c.UpsertUser(context.Background(), UserWrite{Name: "Ada@example.com", FirstName: &first}); err != nil || u.ID != "u1" {
		t.Errorf("upsert: %+v, %v", u, err)
	}
	if u, err := c.SetRole(context.Background(), "u1", identity.Guest); err != nil || u.ID != "u1" {
		t.Errorf("role: %+v, %v", u, err)
	}
	if got, err := c.DeleteUsers(context.Background(), []identity.User{{ID: "u1", Key: "ada@example.com", Name: "Ada@example.com"}}); err != nil || !slices.Equal(got, []bool{true}) {
		t.Errorf("delete: %v, %v", got, err)
	}
	want := []string{
		`{"users":[{"type":"normal","identities":[{"service_type":"sym","external_id":"cloud","matcher":{"email":"Ada@example.com"},"profile":{"first_name":"Ada"}}]}]}`,
		`{"role":"guest"}`,
		`{"users":[{"id":"u1","identity":{"service_type":"sym","matcher":{"email":"Ada@example.com"}},"if_unmapped":true}]}`,
	}
	for i, r := range f.seen {
		if r.body != want[i] {
			t.Errorf("%s\n got %s\nwant %s", r.call, r.body, want[i])
		}
	}
	if _, err := c.UpsertUser(context.Background(), UserWrite{Name: "a b"}); identity.CodeOf(err) != identity.CodeUserInvalid {
		t.Errorf("bad name: %v", err)
	}
}
