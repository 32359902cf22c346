// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package symapi_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

const symIdentity = `{"service":{"slug":"sym","external_id":"cloud"},"matcher":{"email":"Ada@Example.com"},"profile":{"first_name":"Ada","last_name":"Lovelace"}}`

func decodeUser(text string) (identity.User, error) {
	var u symapi.User
	if err := json.Unmarshal([]byte(text), &u); err != nil {
		return identity.User{}, err
	}
	return symapi.DecodeUser(u)
}

func TestDecodeUser(t *testing.T) {
	t.Parallel()
	okta := identity.ServiceKey{Type: "okta", ExternalID: "acme.okta.com"}
	at := time.Date(2024, 2, 3, 4, 5, 6, 0, time.UTC)
	tests := map[string]struct {
		wire string
		want identity.User
	}{
		"everything": {
			`{"id":"u1","type":"normal","role":"admin","created_at":"2024-02-03T04:05:06Z","identities":[` + symIdentity + `,
			  {"service":{"slug":"okta","external_id":"acme.okta.com"},"matcher":{"user_id":"00u1"},"profile":{"team":"a"},"source":"rule","rule":"r1","revision":3,"updated_at":"2024-02-03T04:05:06Z","updated_by":"ci"},
			  {"service":{"slug":"aws_iam","external_id":"123456789012"},"matcher":{"user_arn":"arn"},"source":"email","revision":1}],"more":1}`,
			identity.User{
				ID: "u1", Type: identity.Normal, Role: identity.Admin, Key: "ada@example.com", Name: "Ada@Example.com", FirstName: "Ada", LastName: "Lovelace", CreatedAt: at,
				Mappings: []identity.Mapping{
					{Service: identity.ServiceKey{Type: "aws_iam", ExternalID: "123456789012"}, Matcher: identity.Matcher{"user_arn": "arn"}, Source: identity.FromEmail, Revision: 1},
					{Service: okta, Matcher: identity.Matcher{"user_id": "00u1"}, Profile: map[string]string{"team": "a"}, Source: identity.FromRule, Rule: "r1", Revision: 3, UpdatedAt: at, UpdatedBy: "ci"},
				},
			},
		},
		"no extensions": {
			`{"id":"u1","role":null,"created_at":null,"identities":[{"service":{"slug":"okta","external_id":"acme.okta.com"},"matcher":{"user_id":"00u1"},"profile":null},` + symIdentity + `]}`,
			identity.User{ID: "u1", Type: identity.Normal, Key: "ada@example.com", Name: "Ada@Example.com", FirstName: "Ada", LastName: "Lovelace",
				Mappings: []identity.Mapping{{Service: okta, Matcher: identity.Matcher{"user_id": "00u1"}, Source: identity.Manual}}},
		},
		"bot": {
			`{"id":"b1","type":"bot","role":"member","identities":[{"service":{"slug":"sym","external_id":"cloud"},"matcher":{"username":"deploy-bot"}}]}`,
			identity.User{ID: "b1", Type: identity.Bot, Role: identity.Member, Key: "deploy-bot", Name: "deploy-bot"},
		},
		"bot without type": {
			`{"id":"b1","identities":[{"service":{"slug":"sym","external_id":"acme"},"matcher":{"username":"deploy-bot"}}]}`,
			identity.User{ID: "b1", Type: identity.Bot, Key: "deploy-bot", Name: "deploy-bot"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := decodeUser(test.wire)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecodeUserNonsense(t *testing.T) {
	t.Parallel()
	with := func(more string) string {
		return `{"id":"u1","type":"normal","identities":[` + symIdentity + `,` + more + `]}`
	}
	tests := map[string]struct{ wire, says string }{
		"no id":            {`{"identities":[` + symIdentity + `]}`, "no id"},
		"no identities":    {`{"id":"u1","identities":null}`, "no sym identity"},
		"no name":          {`{"id":"u1","identities":[{"service":{"slug":"sym","external_id":"cloud"},"matcher":{}}]}`, "no sym identity with"},
		"two names":        {with(symIdentity), "two sym identities"},
		"unknown type":     {`{"id":"u1","type":"robot","identities":[` + symIdentity + `]}`, "unknown type"},
		"no slug":          {with(`{"matcher":{"user_id":"1"}}`), "no slug"},
		"no external id":   {with(`{"service":{"slug":"okta"},"matcher":{"user_id":"1"}}`), "no external id"},
		"no matcher":       {with(`{"service":{"slug":"okta","external_id":"a"},"matcher":null}`), "no matcher"},
		"matcher of lists": {with(`{"service":{"slug":"okta","external_id":"a"},"matcher":{"user_id":["1"]}}`), "array"},
		"unknown source":   {with(`{"service":{"slug":"okta","external_id":"a"},"matcher":{"user_id":"1"},"source":"guess"}`), "unknown source"},
		"revision":         {with(`{"service":{"slug":"okta","external_id":"a"},"matcher":{"user_id":"1"},"revision":-1}`), "revision -1"},
		"twice": {with(`{"service":{"slug":"okta","external_id":"a"},"matcher":{"user_id":"1"}},
			{"service":{"slug":"okta","external_id":"a"},"matcher":{"user_id":"2"}}`), "two identities of okta:a"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, err := decodeUser(test.wire); err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %+v, %v, want an error with %q", got, err, test.says)
			}
		})
	}
	if _, err := symapi.DecodeUsers([]symapi.User{{}}); err == nil {
		t.Error("a list with a user that makes no sense was decoded")
	}
}

func TestDecodeUserUndoesEncodeUser(t *testing.T) {
	t.Parallel()
	at := time.Date(2024, 2, 3, 4, 5, 6, 7, time.UTC)
	want := identity.User{
		ID: "u1", Type: identity.Normal, Role: identity.Guest, Key: "o'brien+x%/@example.com", Name: "O'Brien+x%/@Example.com", FirstName: "Ada", CreatedAt: at,
		Mappings: []identity.Mapping{{Service: identity.ServiceKey{Type: "aws_sso", ExternalID: "arn:aws:sso:::instance/ssoins-1"},
			Matcher: identity.Matcher{"principal_uuid": "p"}, AccountID: "906-p", Profile: map[string]string{"a": "b"}, Source: identity.FromRemote, Rule: "", Revision: 5, UpdatedAt: at, UpdatedBy: "ci"}},
	}
	wire, err := json.Marshal(symapi.EncodeUser(want))
	if err != nil {
		t.Fatal(err)
	}
	got, err := decodeUser(string(wire))
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestCreatedAtForms(t *testing.T) {
	t.Parallel()
	at := time.Date(2024, 2, 3, 4, 5, 6, 0, time.UTC)
	for text, want := range map[string]time.Time{
		`"2024-02-03T05:05:06+01:00"`: at, `"2024-02-03T04:05:06"`: at, `"2024-02-03 04:05:06+00:00"`: at, `"2024-02-03 04:05:06"`: at,
		`"2024-02-03T04:05:06.000000"`: at, `"Sat, 03 Feb 2024 04:05:06 GMT"`: at, `null`: {}, `""`: {}, `1706933106`: {}, `"soon"`: {},
	} {
		got, err := decodeUser(`{"id":"u1","created_at":` + text + `,"identities":[` + symIdentity + `]}`)
		if err != nil || !got.CreatedAt.Equal(want) {
			t.Errorf("%s: %s, %v", text, got.CreatedAt, err)
		}
	}
}

func TestEncodeChange(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 5, 1, 12, 0, 0, 1000, time.UTC)
	okta := identity.ServiceKey{Type: "okta", ExternalID: "acme.okta.com"}
	old := &identity.Mapping{Service: okta, Matcher: identity.Matcher{"user_id": "00u1"}, Source: identity.FromRule, Rule: "r", Revision: 3, UpdatedAt: at, UpdatedBy: "ci"}
	now := &identity.Mapping{Service: okta, Matcher: identity.Matcher{"user_id": "00u2"}, Profile: map[string]string{"a": "b"}, Source: identity.Manual, Revision: 4, UpdatedAt: at, UpdatedBy: "ci"}
	decode := func(i *symapi.Identity) *identity.Mapping {
		if i == nil {
			return nil
		}
		m, err := symapi.DecodeIdentity(*i)
		if err != nil {
			t.Error(err)
		}
		return &m
	}
	for name, c := range map[string]struct{ before, after *identity.Mapping }{
		"created": {nil, now}, "changed": {old, now}, "deleted": {old, nil},
	} {
		text, err := json.Marshal(symapi.EncodeChange(identity.Change{ID: 4, At: at, By: "ci", RequestID: "req-1", Address: "192.0.2.7", UserID: "u",
			User: "alice@example.com", Service: okta, Before: c.before, After: c.after}))
		if err != nil {
			t.Fatal(err)
		}
		var got symapi.Change
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]*identity.Mapping{c.before, c.after}, []*identity.Mapping{decode(got.Before), decode(got.After)}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		got.Before, got.After = nil, nil
		want := symapi.Change{ID: 4, At: at, By: "ci", RequestID: "req-1", Address: "192.0.2.7", UserID: "u", User: "alice@example.com",
			Service: symapi.ServiceRef{Slug: "okta", ExternalID: "acme.okta.com"}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
