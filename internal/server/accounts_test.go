// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/server"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

// lister is a directory that shows all its accounts.
type lister struct {
	accounts
	all func() []directory.Account
	cut int // accounts after which the service cuts its list off; 0 = it does not
}

func (l *lister) Describe() directory.Descriptor {
	return directory.Descriptor{Lookup: true, LookupSeesInactive: true, ListMaxAccounts: l.cut}
}

func (l *lister) Pages(context.Context) iter.Seq2[[]directory.Account, error] {
	return func(yield func([]directory.Account, error) bool) {
		if l.err != nil {
			yield(nil, l.err)
			return
		}
		for page := range slices.Chunk(l.all(), 1000) {
			if !yield(page, nil) {
				return
			}
		}
	}
}

// Search implements directory.Searcher.
func (l *lister) Search(ctx context.Context, email string) ([]directory.Account, error) {
	return l.Find(ctx, email)
}

// cached gives a service a directory that is asked again for everything older
// than ttl.
func cached(service identity.ServiceKey, d directory.Directory, ttl time.Duration) func(*server.Config) {
	return func(c *server.Config) {
		c.Directories = map[identity.ServiceKey]directory.Directory{service: directory.Cache(d, service, directory.Settings{TTL: ttl, Misses: ttl})}
	}
}

func accountsPath(service identity.ServiceKey, more ...string) string {
	q := url.Values{"service_type": {service.Type}, "external_id": {service.ExternalID}}
	for i := 0; i < len(more); i += 2 {
		q.Set(more[i], more[i+1])
	}
	return "/accounts?" + q.Encode()
}

func (h *harness) accounts(t *testing.T, service identity.ServiceKey, more ...string) symapi.AccountList {
	t.Helper()
	a := h.api(member, http.MethodGet, accountsPath(service, more...), nil)
	var list symapi.AccountList
	if err := json.Unmarshal([]byte(a.raw), &list); err != nil || a.status != http.StatusOK || a.header.Get("Content-Type") != "application/json" {
		t.Fatalf("status %d, %v: %.300s", a.status, err, a.raw)
	}
	return list
}

// Every account is listed once, with what the service says of it and with the
// people whose stored mapping it is: by the account's id where the mapping keeps
// one, else by the name as names of the service compare.
func TestListAccounts(t *testing.T) {
	t.Parallel()
	robot := directory.Account{AccountID: "5", Identity: "robot", Kind: directory.KindBot, State: directory.StateUnknown}
	torn := directory.Account{AccountID: "6", Identity: "torn", Unreadable: errors.New("its name is a number")}
	left := octo("3", "kim", "kim@example.com", directory.StateInactive)
	left.Kind = directory.KindGuest
	left.Add(directory.Alias, directory.Proved, "kimberly@example.com")
	d := &lister{all: func() []directory.Account {
		return []directory.Account{robot, torn, left, octo("2", "bob", "bob@example.com", directory.StateInvited), octo("1", "Ada", "ada@example.com", directory.StateActive)}
	}}
	h := start(t, cached(github, d, time.Minute)).register(github, okta)
	h.maps("ada@example.com", "ADA", "")
	h.maps("zoe@example.com", "ada", "1")     // shared
	h.maps("bob@example.com", "old-bob", "2") // renamed since
	h.maps("eve@example.com", "kim", "77")    // the name is another account's now
	h.maps("gone@example.com", "gone", "")
	h.person("olga@example.com", "ada") // in another service

	account := func(id, login, emails, state, kind, heldBy string) string {
		return fmt.Sprintf(`{"account_id":%q,"matcher":{"user_id":%q},"emails":[%s],"state":%q,"kind":%q,"held_by":[%s]}`, id, login, emails, state, kind, heldBy)
	}
	primary := func(email string) string { return fmt.Sprintf(`{"address":%q,"kind":"primary"}`, email) }
	h.api(member, http.MethodGet, accountsPath(github), nil).want(t, http.StatusOK, `{"accounts":[`+strings.Join([]string{
		account("1", "Ada", primary("ada@example.com"), "active", "person", `"ada@example.com","zoe@example.com"`),
		account("2", "bob", primary("bob@example.com"), "invited", "person", `"bob@example.com"`),
		account("3", "kim", primary("kim@example.com")+`,{"address":"kimberly@example.com","kind":"alias","verified":true}`, "inactive", "guest", ""),
		account("5", "robot", "", "unknown", "bot", ""),
		`{"account_id":"6","matcher":{"user_id":"torn"},"emails":[],"state":"unknown","kind":"person","held_by":[],"unreadable":"its name is a number"}`,
	}, ",")+`],"as_of":"<time>","total":5,"list":"TsA1vJcOaGj0GpeDw9MzCQ"}`)
}

// Pages are parts of one list. One that changed in between is an error, and a
// page never comes from another list than the page before.
func TestListAccountsInPages(t *testing.T) {
	t.Parallel()
	const people = 2500
	var all []directory.Account
	for i := range people {
		all = append(all, octo(fmt.Sprint(i), fmt.Sprintf("p%04d", i), fmt.Sprintf("p%d@example.com", i), directory.StateActive))
	}
	d := &lister{all: func() []directory.Account { return all }}
	h := start(t, cached(github, d, 0)).register(github) // each request for a first page walks
	h.maps("p2400@example.com", "p2400", "")
	whole := h.accounts(t, github)
	if len(whole.Accounts) != people || whole.Total != people || whole.NextCursor != "" {
		t.Fatalf("%d accounts of %d, next %q", len(whole.Accounts), whole.Total, whole.NextCursor)
	}
	var paged []symapi.Account
	cursor := []string{"limit", "1000"}
	for range 3 {
		page := h.accounts(t, github, cursor...)
		paged = append(paged, page.Accounts...)
		cursor = []string{"limit", "1000", "cursor", page.NextCursor}
		if page.Total != people {
			t.Errorf("a page says that there are %d accounts", page.Total)
		}
	}
	if diff := cmp.Diff(whole.Accounts, paged); diff != "" || cursor[3] != "" {
		t.Errorf("pages, then %q (-whole +paged):\n%.500s", cursor[3], diff)
	}
	if got := paged[2400].HeldBy; len(got) != 1 || got[0] != "p2400@example.com" {
		t.Errorf("the account on the last page is held by %q", got)
	}
	first := h.accounts(t, github, "limit", "2499")
	all = slices.Delete(slices.Clone(all), 0, 1)
	if page := h.accounts(t, github, "limit", "2499", "cursor", first.NextCursor); page.Total != people || len(page.Accounts) != 1 {
		t.Errorf("%d accounts on the last page of %d", len(page.Accounts), page.Total)
	}
	if other := h.accounts(t, github); other.List == first.List {
		t.Error("another list has the same name")
	}
	h.api(member, http.MethodGet, accountsPath(github, "limit", "2499", "cursor", first.NextCursor), nil).wantError(t, http.StatusConflict, identity.CodeListChanged,
		"the directory of github:acme could not answer: the list of accounts has changed since it was first read, or lacked an account that a search found. Read the list again from its first page.")
}

// Requests that name a list are answered from it, whatever the service shows by now.
func TestAnswersOfOneList(t *testing.T) {
	t.Parallel()
	all := []directory.Account{octo("1", "ada", "ada@example.com", directory.StateActive)}
	h := start(t, cached(github, &lister{all: func() []directory.Account { return all }}, 0)).register(github)
	name := h.accounts(t, github).List
	all = nil
	if again := h.accounts(t, github, "list", name); again.List != name || again.Total != 1 {
		t.Errorf("the list by its name has %d accounts", again.Total)
	}
	ask := func(call, about string) answer {
		return h.api(member, http.MethodPost, "/identities/"+call, fmt.Sprintf(`{"service_type":"github","external_id":"acme","list":%q,%s}`, name, about))
	}
	h.accounts(t, github, "list", name)
	ask("lookup", `"emails":["ada@example.com"]`).want(t, http.StatusOK, `{"results":[
		{"email":"ada@example.com","status":"found","matcher":{"user_id":"ada"},"account_id":"1","evidence":"email","unique":true,"as_of":"<time>"}]}`)
	ask("status", `"identities":["ada"]`).want(t, http.StatusOK, `{"results":[{"identity":"ada","status":"active","account_id":"1","as_of":"<time>"}]}`)
	h.accounts(t, github) // another list
	for _, a := range []answer{ask("lookup", `"emails":["ada@example.com"]`), ask("status", `"identities":["ada"]`), h.api(member, http.MethodGet, accountsPath(github, "list", name), nil)} {
		if a.status != http.StatusConflict || a.body["code"] != string(identity.CodeListChanged) {
			t.Errorf("status %d: %s", a.status, a.raw)
		}
	}
}

// A reply of 100,000 accounts is written while it is made: at no time is there much
// more in memory than the list that the server keeps.
func TestListAccountsStreams(t *testing.T) { //nolint:paralleltest // it measures the heap
	const people = 100_000
	h := start(t, cached(github, &lister{all: func() []directory.Account {
		all := make([]directory.Account, people)
		for i := range all {
			all[i] = octo(strconv.Itoa(i), fmt.Sprintf("p%06d", i), fmt.Sprintf("p%06d@example.com", i), directory.StateActive)
		}
		return all
	}}, time.Hour)).register(github)
	h.accounts(t, github, "limit", "1") // makes the server keep the list
	w := &weighingWriter{header: http.Header{}, before: heap()}
	req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, symapi.BasePath+accountsPath(github), nil)
	req.Header = authorized()
	h.handler.ServeHTTP(w, req)
	t.Logf("%d bytes, %d more in memory", w.size, w.most)
	if w.size < 10<<20 || w.most > 4<<20 {
		t.Errorf("a reply of %d bytes took %d more in memory", w.size, w.most)
	}
}

// weighingWriter weighs what is in memory for every fiftieth part of a reply.
type weighingWriter struct {
	header      http.Header
	before      uint64
	parts, size int
	most        int64
}

func (w *weighingWriter) Header() http.Header { return w.header }
func (w *weighingWriter) WriteHeader(int)     {}
func (w *weighingWriter) Write(p []byte) (int, error) {
	if w.parts++; w.parts%50 == 0 {
		w.most = max(w.most, int64(heap())-int64(w.before))
	}
	w.size += len(p)
	return len(p), nil
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestListAccountsRefuses(t *testing.T) {
	t.Parallel()
	ada := []directory.Account{octo("1", "ada", "ada@example.com", directory.StateActive)}
	all := func() []directory.Account { return ada }
	none := func() []directory.Account { return nil }
	hidden := &lister{all: all, accounts: accounts{found: map[string][]directory.Account{"bob@example.com": {octo("2", "bob", "bob@example.com", directory.StateActive)}}}}
	for name, tc := range map[string]struct {
		d       directory.Directory
		path    string
		status  int
		code    identity.Code
		message string
	}{
		"no directory": {nil, accountsPath(github), 404, identity.CodeNoDirectory,
			"No directory is configured for github:acme. Add a directory to its service block in the server's configuration."},
		"unregistered": {&lister{all: all}, accountsPath(identity.ServiceKey{Type: "github", ExternalID: "globex"}), 404, identity.CodeServiceNotFound,
			"No service is registered for github:globex. Register it: a sym_service resource, or a service block of the server's configuration."},
		"no list": {accounts{}, accountsPath(github), 404, identity.CodeNoList,
			"the directory of github:acme could not answer: the directory cannot list accounts. Look people up by e-mail; this service cannot show who has the other accounts."},
		"cut off": {&lister{all: all, cut: 1}, accountsPath(github), 404, identity.CodeNoList,
			"the directory of github:acme could not answer: the directory cannot list accounts: the service cuts its list off after 1 accounts. Look people up by e-mail; this service cannot show who has the other accounts."},
		"broken off": {&lister{all: all, accounts: accounts{err: directory.ErrUnavailable}}, accountsPath(github), 503, identity.CodeDirectoryFailed,
			"the directory of github:acme could not answer: the service did not answer"},
		"a list that lacks somebody": {hidden, accountsPath(github), 503, identity.CodeDirectoryFailed,
			"the directory of github:acme could not answer: the service did not answer in full: its list lacks an account that a search finds"},
		"an odd cursor": {&lister{all: none}, accountsPath(github, "cursor", "bm8"), 400, identity.CodeInvalid,
			"The cursor is not one that this call gave. Begin again with the first page."},
		"no service": {&lister{all: none}, "/accounts", 400, identity.CodeInvalid,
			"The request is invalid: query.service_type: required query parameter is missing; query.external_id: required query parameter is missing"},
		"too long a page": {&lister{all: none}, accountsPath(github, "limit", "10001"), 400, identity.CodeInvalid,
			"The request is invalid: query.limit: expected number <= 10000"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := start(t, func(c *server.Config) {
				if tc.d != nil {
					cached(github, tc.d, time.Minute)(c)
				}
			}).register(github)
			h.maps("ada@example.com", "ada", "")
			h.maps("bob@example.com", "bob", "")
			a := h.api(member, http.MethodGet, tc.path, nil)
			var got symapi.Error
			if err := json.Unmarshal([]byte(a.raw), &got); err != nil || a.status != tc.status || got.Code != string(tc.code) || got.Message != tc.message {
				t.Errorf("status %d, %v: %s", a.status, err, a.raw)
			}
		})
	}
	h := start(t, cached(github, &lister{all: none}, time.Minute)).register(github)
	h.api(member, http.MethodGet, accountsPath(github), nil).want(t, http.StatusOK, `{"accounts":[],"as_of":"<time>","total":0,"list":"47DEQpj8HBSa-_TImW-5JA"}`)
}

// deafStore is a store whose mappings cannot be read to their end.
type deafStore struct{ store.Store }

func (s deafStore) Held(ctx context.Context, service identity.ServiceKey) iter.Seq2[identity.Holder, error] {
	return func(yield func(identity.Holder, error) bool) {
		for h, err := range s.Store.Held(ctx, service) {
			yield(h, err)
			break
		}
		yield(identity.Holder{}, &identity.Error{Code: identity.CodeUnavailable, Message: "the store could not answer", Retryable: true})
	}
}

// Accounts are not shown without their holders: they would look like nobody's.
func TestListAccountsNeedsTheStore(t *testing.T) {
	t.Parallel()
	d := &lister{all: func() []directory.Account {
		return []directory.Account{octo("1", "ada", "ada@example.com", directory.StateActive)}
	}}
	h := start(t, cached(github, d, time.Minute), func(c *server.Config) { c.Store = deafStore{c.Store} }).register(github)
	h.maps("ada@example.com", "ada", "")
	a := h.api(member, http.MethodGet, accountsPath(github), nil)
	if a.status != http.StatusServiceUnavailable || strings.Contains(a.raw, "accounts") {
		t.Errorf("status %d: %s", a.status, a.raw)
	}
}
