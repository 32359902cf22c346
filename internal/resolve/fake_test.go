// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package resolve_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/resolve"
	"github.com/sym-identity/terraform-provider-sym/internal/rules"
)

var (
	okta   = identity.ServiceKey{Type: "okta", ExternalID: "acme.okta.com"}
	github = identity.ServiceKey{Type: "github", ExternalID: "acme"}
	pager  = identity.ServiceKey{Type: "custom", ExternalID: "pager"}
	auth0  = identity.ServiceKey{Type: "auth0", ExternalID: "acme"}
)

const (
	ada   = identity.UserKey("ada@acme.com")
	bob   = identity.UserKey("bob@acme.com")
	carol = identity.UserKey("carol@acme.com")
	bot   = identity.UserKey("deploy-bot")
)

// fakeAPI is the identity API in memory, with the server's own rules for
// conditional writes.
type fakeAPI struct {
	services  []identity.Service
	users     map[identity.UserKey]*identity.User
	directory map[string]identity.LookupResult  // by e-mail; who is missing is not found
	shared    map[string]bool                   // identities that are not unique in the list
	states    map[string]identity.AccountStatus // by identity; of others nothing is known
	fail      map[string]error                  // by name of the call
	between   func()                            // runs once, before the next write
	batch     int                               // writes in one transaction; 0 = all

	mu     sync.Mutex // of calls and asked
	calls  []string
	asked  [][]string
	writes [][]identity.Write
}

func newFake(services ...identity.ServiceKey) *fakeAPI {
	f := &fakeAPI{users: map[identity.UserKey]*identity.User{}, directory: map[string]identity.LookupResult{}, states: map[string]identity.AccountStatus{}, fail: map[string]error{}}
	for _, key := range append(services, identity.SymCloud()) {
		f.services = append(f.services, identity.Service{Key: key})
	}
	return f
}

func (f *fakeAPI) user(key identity.UserKey) *identity.User {
	if f.users[key] == nil {
		f.users[key] = &identity.User{ID: "id-" + string(key), Key: key, Name: string(key), Type: key.Type(), Role: identity.Member}
	}
	return f.users[key]
}

func (f *fakeAPI) store(key identity.UserKey, service identity.ServiceKey, id string, source identity.Source, rule ...string) *fakeAPI {
	u := f.user(key)
	u.Mappings = append(u.Mappings, identity.Mapping{
		Service: service, Matcher: identity.NewMatcher(service.Type, id), Source: source, Rule: strings.Join(rule, ""), Revision: 1,
	})
	return f
}

// pin keeps an account id beside what was stored last for a user.
func (f *fakeAPI) pin(key identity.UserKey, accountID string) *fakeAPI {
	m := f.user(key).Mappings
	m[len(m)-1].AccountID = accountID
	return f
}

// account puts an account of any service into the directory.
func (f *fakeAPI) account(email, id string) *fakeAPI {
	return f.found(email, id, identity.EvidenceEmail)
}

// found is an account of the directory for which there is some evidence.
func (f *fakeAPI) found(email, id string, evidence identity.Evidence) *fakeAPI {
	f.directory[email] = identity.LookupResult{Status: identity.Found, Matcher: identity.Matcher{"user_id": id}, Evidence: evidence}
	return f
}

// accounts are candidates of a lookup.
func accounts(ids ...string) []identity.Candidate {
	list := make([]identity.Candidate, len(ids))
	for i, id := range ids {
		list[i] = identity.Candidate{Matcher: identity.Matcher{"user_id": id}}
	}
	return list
}

func (f *fakeAPI) said(email string, a identity.LookupResult) *fakeAPI {
	f.directory[email] = a
	return f
}

func (f *fakeAPI) failing(call string, err error) *fakeAPI {
	f.fail[call] = err
	return f
}

func (f *fakeAPI) called(name string, asked ...[]string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls, f.asked = append(f.calls, name), append(f.asked, asked...)
	return f.fail[name]
}

func (f *fakeAPI) Services(context.Context) ([]identity.Service, error) {
	return f.services, f.called("services")
}

func (f *fakeAPI) FindUsers(_ context.Context, keys []identity.UserKey) ([]identity.User, error) {
	var found []identity.User
	for _, k := range keys {
		if u := f.users[k]; u != nil {
			found = append(found, *u)
		}
	}
	return found, f.called("users")
}

func (f *fakeAPI) Lookup(_ context.Context, _ identity.ServiceKey, emails []string) ([]identity.LookupResult, error) {
	if err := f.called("lookup", emails); err != nil {
		return nil, err
	}
	answers := make([]identity.LookupResult, len(emails))
	for i, email := range emails {
		answers[i] = identity.LookupResult{Status: identity.NotFound}
		if a, ok := f.directory[email]; ok {
			answers[i] = a
		}
		answers[i].Email = email
	}
	return answers, nil
}

func (f *fakeAPI) LookupInList(ctx context.Context, service identity.ServiceKey, emails []string) ([]identity.LookupResult, error) {
	if err := f.fail["list"]; err != nil {
		return nil, err
	}
	results, err := f.Lookup(ctx, service, emails)
	for i, r := range results {
		results[i].Unique = r.Status == identity.Found && !f.shared[r.Matcher["user_id"]]
	}
	return results, err
}

func (f *fakeAPI) Status(_ context.Context, _ identity.ServiceKey, queries []identity.AccountQuery) ([]identity.AccountStatus, error) {
	ids := make([]string, len(queries))
	for i, q := range queries {
		ids[i] = strings.TrimSuffix(q.Identity+"="+q.AccountID, "=")
	}
	if err := f.called("status", ids); err != nil {
		return nil, err
	}
	out := make([]identity.AccountStatus, len(queries))
	for i, q := range queries {
		out[i] = identity.AccountStatus{Status: identity.AccountUnknown}
		if a, ok := f.states[q.Identity]; ok {
			out[i] = a
		}
		out[i].Identity = q.Identity
	}
	return out, nil
}

// is says what the service tells of an account.
func (f *fakeAPI) is(id string, state identity.AccountState) *fakeAPI {
	f.states[id] = identity.AccountStatus{Status: state}
	return f
}

func (f *fakeAPI) Holders(_ context.Context, service identity.ServiceKey, accounts []identity.AccountQuery) ([]identity.Holder, error) {
	var held []identity.Holder
	for key, u := range f.users { // in any order, as a map gives it
		if m, ok := u.Mapping(service); ok && slices.ContainsFunc(accounts, m.Holds) {
			held = append(held, identity.Holder{User: key, Mapping: m})
		}
	}
	return held, f.called("holders")
}

func (f *fakeAPI) Write(_ context.Context, writes []identity.Write) ([]identity.User, error) {
	if f.between != nil {
		f.between()
		f.between = nil
	}
	f.writes = append(f.writes, writes)
	if err := f.called("write"); err != nil {
		return nil, err
	}
	size := len(writes)
	if f.batch > 0 {
		size = f.batch
	}
	users := make([]identity.User, len(writes))
	var failed identity.BatchError
	for from := 0; from < len(writes); from += size {
		to := min(from+size, len(writes))
		var failures []identity.ItemError
		for i := from; i < to; i++ {
			if e := f.refuse(writes[i]); e != nil {
				failures = append(failures, identity.ItemError{Index: i, Err: e})
			}
		}
		for i := from; i < to && len(failures) == 0; i++ {
			w := writes[i]
			if _, stored := f.user(w.User).Mapping(w.Service); !stored {
				f.store(w.User, w.Service, w.Matcher["user_id"], w.Source, w.Rule).pin(w.User, w.AccountID)
			}
			users[i] = *f.user(w.User)
		}
		failed.Items = append(failed.Items, failures...)
	}
	if len(failed.Items) > 0 {
		return users, &failed
	}
	return users, nil
}

func (f *fakeAPI) refuse(w identity.Write) *identity.Error {
	if f.users[w.User] == nil && !w.User.IsEmail() {
		return identity.UnknownUser(w.User)
	}
	if u := f.users[w.User]; u != nil {
		if m, stored := u.Mapping(w.Service); stored {
			if m.Matcher.Equal(w.Service.Type, w.Matcher) {
				return nil
			}
			return identity.Conflict(w.User, w.Service, &m)
		}
	}
	for key, u := range f.users {
		m, ok := u.Mapping(w.Service)
		if ok && key != w.User && w.IfUnclaimed && m.Holds(identity.AccountQuery{Identity: w.Matcher.AccountKey(w.Service.Type), AccountID: w.AccountID}) {
			return identity.Claimed(w.User, w.Service, w.Matcher, key)
		}
	}
	return nil
}

func compile(t testing.TB, list ...rules.Rule) *rules.Set {
	t.Helper()
	for i := range list {
		if list[i].ServiceType == "" {
			list[i].ServiceType = okta.Type
		}
	}
	set, errs := rules.Compile(list)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	return set
}

func ptr(s string) *string { return &s }

// gives is a rule that maps users to identities of okta.
func gives(name string, pairs ...string) rules.Rule {
	r := rules.Rule{Name: name, Identities: map[string]string{}}
	for i := 0; i < len(pairs); i += 2 {
		r.Identities[pairs[i]] = pairs[i+1]
	}
	return r
}

type declared = map[identity.ServiceKey]map[identity.UserKey]identity.Matcher

// declares is mappings of one service.
func declares(service identity.ServiceKey, pairs ...string) declared {
	of := map[identity.UserKey]identity.Matcher{}
	for i := 0; i < len(pairs); i += 2 {
		of[identity.UserKey(pairs[i])] = identity.NewMatcher(service.Type, pairs[i+1])
	}
	return declared{service: of}
}

func ask(service identity.ServiceKey, users ...identity.UserKey) resolve.Request {
	return resolve.Request{Users: users, Services: []identity.ServiceKey{service}}
}

// failer is a test, of testing or of rapid.
type failer interface {
	Helper()
	Fatal(args ...any)
}

// run resolves, persists where that is asked for, and expects no failure of the
// whole.
func run(t failer, f resolve.API, set *rules.Set, req resolve.Request) []resolve.Resolution {
	t.Helper()
	answers, err := runAll(f, set, req)
	if err != nil {
		t.Fatal(err)
	}
	return answers
}

func runAll(f resolve.API, set *rules.Set, req resolve.Request) ([]resolve.Resolution, error) {
	pass, err := resolve.Chain{API: f, Rules: set}.Resolve(context.Background(), req)
	if err != nil {
		return nil, err
	}
	if req.Persist {
		err = pass.Persist(context.Background(), func([]resolve.Resolution) bool { return true })
	}
	return pass.Resolutions, err
}

// line is an answer as one line: what it is, then its steps.
func line(a resolve.Resolution) string {
	var b strings.Builder
	id, _ := a.Identity()
	switch {
	case a.Err != nil:
		b.WriteString("error")
	case a.Mapped():
		b.WriteString(string(a.Source) + " " + id)
	default:
		b.WriteString("unmapped " + string(a.Reason))
	}
	for _, part := range []struct{ name, value string }{
		{"stored", string(a.StoredSource)}, {"rule", a.Rule}, {"lookup", a.LookupEmail}, {"holder", string(a.Holder)}, {"as", a.HolderAs["user_id"]},
		{"rivals", resolve.ListUsers(a.Rivals)}, {"candidates", resolve.ListAccounts(a.Candidates)}, {"fresh", a.Fresh.String()}, {"account", string(a.Account)},
	} {
		if part.value == string(identity.AccountActive) {
			continue
		}
		if part.value != "" {
			b.WriteString(" " + part.name + "=" + part.value)
		}
	}
	if a.Stale {
		b.WriteString(" stale")
	}
	for _, s := range a.Steps {
		b.WriteString("\n" + string(s.Name) + " " + string(s.Outcome) + ": " + s.Detail)
	}
	return b.String()
}

func lines(answers []resolve.Resolution) []string {
	out := make([]string, len(answers))
	for i, a := range answers {
		out[i] = line(a)
	}
	return out
}

// brief is lines without steps.
func brief(answers []resolve.Resolution) []string {
	out := lines(answers)
	for i := range out {
		out[i], _, _ = strings.Cut(out[i], "\n")
	}
	return out
}
