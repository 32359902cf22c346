// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package server_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
)

func account(id, email string, state directory.State) directory.Account {
	return directory.Account{Identity: id, Addresses: directory.Primaries(email), State: state}
}

func lookupBody(emails string) string {
	return `{"service_type":"okta","external_id":"acme.okta.com","emails":[` + emails + `]}`
}

func TestLookup(t *testing.T) {
	t.Parallel()
	h := start(t, withDirectory(accounts{found: map[string][]directory.Account{
		"alice@example.com": {account("00u1", "alice@example.com", directory.StateActive)},
		"twins@example.com": {account("00u2", "twins@example.com", directory.StateActive), account("00u3", "twins@example.com", directory.StateActive)},
		"gone@example.com":  {account("00u4", "gone@example.com", directory.StateInactive)},
	}})).register(okta)
	h.api(member, http.MethodPost, "/identities/lookup", lookupBody(`"Alice@example.com","nobody@example.com","twins@example.com","gone@example.com","alice@example.com"`)).
		want(t, http.StatusOK, `{"results":[
			{"email":"Alice@example.com","status":"found","matcher":{"user_id":"00u1"},"account_id":"00u1","evidence":"email"},
			{"email":"nobody@example.com","status":"not_found"},
			{"email":"twins@example.com","status":"ambiguous","candidates":[{"user_id":"00u2"},{"user_id":"00u3"}],
			 "accounts":[{"matcher":{"user_id":"00u2"},"account_id":"00u2","state":"active"},{"matcher":{"user_id":"00u3"},"account_id":"00u3","state":"active"}]},
			{"email":"gone@example.com","status":"inactive","matcher":{"user_id":"00u4"},"account_id":"00u4"},
			{"email":"alice@example.com","status":"found","matcher":{"user_id":"00u1"},"account_id":"00u1","evidence":"email"}]}`)
	h.api(member, http.MethodPost, "/identities/lookup", lookupBody("")).want(t, http.StatusOK, `{"results":[]}`)
}

// Addresses that prove nothing differ from "nobody" and name the accounts.
func TestLookupOfUnprovedAddresses(t *testing.T) {
	t.Parallel()
	signedUp := directory.Account{Identity: "00u1", Name: "Ceo", State: directory.StateActive}
	signedUp.Add(directory.Primary, directory.Unproved, "ceo@example.com")
	alias := directory.Account{Identity: "00u2", Addresses: directory.Aliases("sales@example.com"), State: directory.StateActive}
	proved := directory.Account{Identity: "00u3", State: directory.StateActive}
	proved.Add(directory.Primary, directory.Proved, "ada@example.com")
	h := start(t, withDirectory(accounts{found: map[string][]directory.Account{
		"ceo@example.com": {signedUp}, "sales@example.com": {alias}, "ada@example.com": {proved},
	}})).register(okta)
	h.api(member, http.MethodPost, "/identities/lookup", lookupBody(`"ceo@example.com","sales@example.com","ada@example.com"`)).want(t, http.StatusOK, `{"results":[
		{"email":"ceo@example.com","status":"unverified","candidates":[{"user_id":"00u1"}],
		 "accounts":[{"matcher":{"user_id":"00u1"},"account_id":"00u1","state":"active","name":"Ceo"}]},
		{"email":"sales@example.com","status":"alias","candidates":[{"user_id":"00u2"}],
		 "accounts":[{"matcher":{"user_id":"00u2"},"account_id":"00u2","state":"active"}]},
		{"email":"ada@example.com","status":"found","matcher":{"user_id":"00u3"},"account_id":"00u3","evidence":"verified_email"}]}`)
}

// An address of another domain is asked of nobody.
func TestLookupOfOtherDomains(t *testing.T) {
	t.Parallel()
	cached := directory.Cache(accounts{err: errors.New("it was asked")}, okta, directory.Settings{Domains: []string{"example.com"}})
	h := start(t, withDirectory(cached)).register(okta)
	h.api(member, http.MethodPost, "/identities/lookup", lookupBody(`"ada@elsewhere.example"`)).want(t, http.StatusOK,
		`{"results":[{"email":"ada@elsewhere.example","status":"not_found","reason":"other_domain"}]}`)
}

// An id that cannot be stored is a failure of the service, not an answer.
func TestLookupRefusesInvisibleCharacters(t *testing.T) {
	t.Parallel()
	for _, a := range []directory.Account{
		{Identity: "00u\u200b1"}, {Identity: "00u1\u202e"}, {Identity: "00u\ufffd1"}, {Identity: "00u1 "}, {Identity: "00u1", AccountID: "1\u200b"},
	} {
		a.Addresses, a.State = directory.Primaries("a@example.com"), directory.StateActive
		h := start(t, withDirectory(accounts{found: map[string][]directory.Account{"a@example.com": {a}}})).register(okta)
		got := h.api(member, http.MethodPost, "/identities/lookup", lookupBody(`"a@example.com"`))
		if got.status != http.StatusOK || !strings.Contains(got.raw, `"status":"failed"`) || !strings.Contains(got.raw, "that cannot be stored") {
			t.Errorf("%q: status %d: %s", a.Identity, got.status, got.raw)
		}
	}
}

func TestLookupRefusals(t *testing.T) {
	t.Parallel()
	h := start(t, withDirectory(accounts{})).register(okta, github)
	post := func(body any) answer { return h.api(member, http.MethodPost, "/identities/lookup", body) }

	post(`{"service_type":"okta","external_id":"elsewhere","emails":["a@example.com"]}`).wantError(t, http.StatusNotFound, identity.CodeServiceNotFound,
		identity.UnknownService(identity.ServiceKey{Type: "okta", ExternalID: "elsewhere"}).Error())
	post(`{"service_type":"github","external_id":"acme","emails":["a@example.com"]}`).wantError(t, http.StatusNotFound, identity.CodeNoDirectory,
		"No directory is configured for github:acme. Add a directory to its service block in the server's configuration.")
	post(lookupBody(`"a@example.com","deployer"`)).wantError(t, http.StatusBadRequest, identity.CodeUserInvalid,
		`emails[1]: "deployer" is not an e-mail. An e-mail looks like name@example.com.`)
	many := make([]string, 2501)
	for i := range many {
		many[i] = fmt.Sprintf("u%d@example.com", i)
	}
	post(map[string]any{"service_type": "okta", "external_id": "acme.okta.com", "emails": many}).wantError(t, http.StatusRequestEntityTooLarge,
		identity.CodeTooLarge, "emails holds 2501 elements. One request takes at most 2500; send more requests.")
}

func TestLookupFailuresAreNeverNotFound(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		err    error
		status int
		code   identity.Code
	}{
		"credential":  {directory.ErrCredential, http.StatusServiceUnavailable, identity.CodeDirectoryDenied},
		"unavailable": {directory.ErrUnavailable, http.StatusServiceUnavailable, identity.CodeDirectoryFailed},
		"other":       {errors.New("something else"), http.StatusServiceUnavailable, identity.CodeDirectoryFailed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := start(t, withDirectory(accounts{err: tt.err})).register(okta)
			a := h.api(member, http.MethodPost, "/identities/lookup", lookupBody(`"a@example.com"`))
			if a.status != tt.status || a.body["code"] != string(tt.code) || a.body["results"] != nil {
				t.Errorf("status %d: %s", a.status, a.raw)
			}
		})
	}
}

// TestLookupRateLimit: who could not be asked is failed and may be asked
// again; where nobody could be asked the call as a whole failed.
func TestLookupRateLimit(t *testing.T) {
	t.Parallel()
	limit := &directory.RateLimitError{RetryAfter: 1500 * time.Millisecond}
	h := start(t, withDirectory(accounts{
		found:   map[string][]directory.Account{"a@example.com": {account("00u1", "a@example.com", directory.StateActive)}},
		refused: map[string]error{"b@example.com": limit},
	})).register(okta)
	message := directory.AsIdentityError(okta, limit).Error()
	h.api(member, http.MethodPost, "/identities/lookup", lookupBody(`"a@example.com","b@example.com"`)).want(t, http.StatusOK, `{"results":[
		{"email":"a@example.com","status":"found","matcher":{"user_id":"00u1"},"account_id":"00u1","evidence":"email"},
		{"email":"b@example.com","status":"failed","error":{"error":true,"message":"`+message+`",
		 "code":"Directory:RATE_LIMITED","status_code":429,"is_retryable":true}}]}`)

	a := h.api(member, http.MethodPost, "/identities/lookup", lookupBody(`"b@example.com"`))
	if a.status != http.StatusTooManyRequests || a.header.Get("Retry-After") != "2" || a.body["is_retryable"] != true {
		t.Errorf("status %d, Retry-After %q: %s", a.status, a.header.Get("Retry-After"), a.raw)
	}
}

func TestSearchIdentities(t *testing.T) {
	t.Parallel()
	h := start(t).register(github)
	for _, email := range []string{"bob@example.com", "alice@example.com"} {
		_, err := h.store.UpsertUsers(t.Context(), store.Actor{Name: "test"}, []store.UserWrite{{
			Key: identity.UserKey(email), Name: email,
			Mappings: []store.MappingWrite{{Service: github, Matcher: identity.NewMatcher("github", "Shared"), Source: identity.Manual}},
		}})
		if err != nil {
			t.Fatal(err)
		}
	}
	user := func(email string) string {
		return `{"id":"<uuid>","type":"normal","role":"member","created_at":"<time>","revision":1,"updated_at":"<time>","updated_by":"test","identities":[
			{"service":{"slug":"sym","external_id":"cloud"},"matcher":{"email":"` + email + `"},"profile":{}},
			{"service":{"slug":"github","external_id":"acme"},"matcher":{"user_id":"Shared"},"profile":{},
			 "source":"manual","revision":1,"updated_at":"<time>","updated_by":"test"}]}`
	}
	search := func(service, identities string) answer {
		return h.api(member, http.MethodPost, "/identities/search", `{"service_type":"github","external_id":"`+service+`","identities":[`+identities+`]}`)
	}
	search("acme", `"nobody","SHARED","shared"`).want(t, http.StatusOK, `{"results":[
		{"identity":"nobody","users":[]},
		{"identity":"SHARED","users":[`+user("alice@example.com")+`,`+user("bob@example.com")+`]},
		{"identity":"shared","users":[`+user("alice@example.com")+`,`+user("bob@example.com")+`]}]}`)
	search("acme", ``).want(t, http.StatusOK, `{"results":[]}`)
	search("acme", `"a"," "`).wantError(t, http.StatusBadRequest, identity.CodeIdentityInvalid, "identities[1] is empty. Name the account to look for.")
	if a := search("elsewhere", `"a"`); a.status != http.StatusNotFound || a.body["code"] != "Service:NOT_FOUND" {
		t.Errorf("status %d: %s", a.status, a.raw)
	}
}

func statusBody(identities string) string {
	return `{"service_type":"okta","external_id":"acme.okta.com","identities":[` + identities + `]}`
}

func TestStatus(t *testing.T) {
	t.Parallel()
	limit := &directory.RateLimitError{RetryAfter: time.Second}
	world := accounts{
		found: map[string][]directory.Account{
			"a@example.com": {account("00u1", "a@example.com", directory.StateActive)},
			"b@example.com": {account("00u2", "b@example.com", directory.StateInactive)},
		},
		refused: map[string]error{"00u9": limit},
	}
	h := start(t, withDirectory(byID{world})).register(okta, github)
	post := func(body string) answer { return h.api(member, http.MethodPost, "/identities/status", body) }
	results := func(a answer) (out []string) {
		t.Helper()
		list, _ := a.body["results"].([]any)
		for _, r := range list {
			result := r.(map[string]any)
			text := result["identity"].(string) + " " + result["status"].(string)
			if at, dated := result["as_of"].(string); dated {
				if when, err := time.Parse(time.RFC3339Nano, at); err != nil || time.Since(when) > time.Minute {
					t.Errorf("as_of %q", at)
				}
				text += " dated"
			}
			if e, failed := result["error"].(map[string]any); failed {
				text += " " + e["code"].(string)
			}
			out = append(out, text)
		}
		return out
	}
	for _, tc := range []struct{ ids, want string }{
		{`"00u2","00u1","gone","00u1"`, "00u2 inactive dated, 00u1 active dated, gone absent dated, 00u1 active dated"},
		{`"00u1","00u9"`, "00u1 active dated, 00u9 failed Directory:RATE_LIMITED"},
		{``, ""},
	} {
		a := post(statusBody(tc.ids))
		if got := strings.Join(results(a), ", "); a.status != http.StatusOK || got != tc.want {
			t.Errorf("%s: status %d: %s\n%s", tc.ids, a.status, got, a.raw)
		}
	}
	if a := post(statusBody(`"00u9"`)); a.status != http.StatusTooManyRequests || a.header.Get("Retry-After") != "1" {
		t.Errorf("nobody could be asked: status %d: %s", a.status, a.raw)
	}
	post(statusBody(`"00u1"," "`)).wantError(t, http.StatusBadRequest, identity.CodeIdentityInvalid, "identities[1] is empty. Name the account to look for.")
	post(`{"service_type":"github","external_id":"acme","identities":["a"]}`).wantError(t, http.StatusNotFound, identity.CodeNoDirectory,
		"No directory is configured for github:acme. Add a directory to its service block in the server's configuration.")

	unable := start(t, withDirectory(world)).register(okta)
	unable.api(member, http.MethodPost, "/identities/status", statusBody(`"00u1"`)).want(t, http.StatusOK, `{"results":[{"identity":"00u1","status":"unknown"}]}`)
}

// A service that cannot be asked is an error, whoever it is about.
func TestStatusFailuresAreNeverAbsent(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{"credential": directory.ErrCredential, "unavailable": directory.ErrUnavailable, "other": errors.New("something else")} {
		h := start(t, withDirectory(byID{accounts{err: err}})).register(okta)
		a := h.api(member, http.MethodPost, "/identities/status", statusBody(`"gone"`))
		if a.status != http.StatusServiceUnavailable || a.body["results"] != nil {
			t.Errorf("%s: status %d: %s", name, a.status, a.raw)
		}
	}
}

// listing is a directory that can only list.
type listing struct {
	accounts
	walks *int
}

func (listing) Describe() directory.Descriptor { return directory.Descriptor{} }
func (l listing) Pages(context.Context) iter.Seq2[[]directory.Account, error] {
	return func(yield func([]directory.Account, error) bool) {
		*l.walks++
		for _, found := range l.found {
			if !yield(found, nil) {
				return
			}
		}
	}
}

// One list answers lookups and status, and they say of when it is.
func TestAnswersAreDated(t *testing.T) {
	t.Parallel()
	walks := 0
	list := listing{accounts{found: map[string][]directory.Account{"a@example.com": {account("00u1", "a@example.com", directory.StateActive)}}}, &walks}
	cached := directory.Cache(list, okta, directory.Settings{TTL: time.Minute, Misses: time.Minute})
	h := start(t, withDirectory(cached)).register(okta)
	dates := map[string]bool{}
	for range 2 {
		for path, body := range map[string]string{"lookup": lookupBody(`"a@example.com","b@example.com"`), "status": statusBody(`"00u1","gone"`)} {
			a := h.api(member, http.MethodPost, "/identities/"+path, body)
			results, _ := a.body["results"].([]any)
			if len(results) != 2 {
				t.Fatalf("status %d: %s", a.status, a.raw)
			}
			for _, r := range results {
				at, _ := r.(map[string]any)["as_of"].(string)
				dates[at] = true
			}
		}
	}
	if walks != 1 || len(dates) != 1 || dates[""] {
		t.Errorf("%d walks, answers as of %v, want one walk and its time", walks, dates)
	}
}

// TestLookupInWholeList: what a list shows to be one person's alone is unique, a
// lookup is not.
func TestLookupInWholeList(t *testing.T) {
	t.Parallel()
	walks := 0
	list := listing{accounts{found: map[string][]directory.Account{"a@example.com": {account("00u1", "a@example.com", directory.StateActive)}}}, &walks}
	h := start(t, withDirectory(list)).register(okta)
	whole := strings.Replace(lookupBody(`"a@example.com"`), "{", `{"whole_list":true,`, 1)
	h.api(member, http.MethodPost, "/identities/lookup", whole).want(t, http.StatusOK, `{"results":[
		{"email":"a@example.com","status":"found","matcher":{"user_id":"00u1"},"account_id":"00u1","evidence":"email","unique":true}]}`)
	if walks != 1 {
		t.Errorf("%d walks", walks)
	}
	h = start(t, withDirectory(list.accounts)).register(okta)
	h.api(member, http.MethodPost, "/identities/lookup", whole).want(t, http.StatusOK, `{"results":[
		{"email":"a@example.com","status":"found","matcher":{"user_id":"00u1"},"account_id":"00u1","evidence":"email"}]}`)
}
