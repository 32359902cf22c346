// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package precision

import (
	"context"
	"fmt"
	"iter"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/resolve"
)

// Nobody gets somebody else's account. The page shows what simpler rules give
// for the same company; UPDATE_GOLDEN=1 writes its table.
func TestPrecision(t *testing.T) {
	t.Parallel()
	c := newCompany(20_000, 20_000)
	for _, s := range situations() {
		if c.planted[s.name] < 20 {
			t.Errorf("the situation %q happens %d times only", s.name, c.planted[s.name])
		}
	}
	ours := score{name: "this project"}
	for _, s := range c.services {
		got := s.resolve(t, c.people)
		for _, wrong := range ours.count(s, c.people, func(p person) string { return got[p.email] }) {
			t.Errorf("%s: %s", s.key, wrong)
		}
	}
	scores := []score{ours}
	for _, r := range others() {
		sc := score{name: r.name}
		for _, s := range c.services {
			sc.count(s, c.people, r.prepare(s.accounts))
		}
		scores = append(scores, sc)
	}
	if ours.wrong > 0 || ours.recall() < 0.9 {
		t.Errorf("precision %.4f, recall %.4f", ours.precision(), ours.recall())
	}
	text := table(scores)
	t.Log("\n" + text)
	page(t, text)
}

// score counts the answers of a rule.
type score struct {
	name         string
	right, wrong int
	reachable    int // people who have an active account
	reached      int // of those, who got it
}

func (s *score) precision() float64 { return float64(s.right) / float64(s.right+s.wrong) }
func (s *score) recall() float64    { return float64(s.reached) / float64(s.reachable) }

// count compares answers with the truth and describes a few wrong ones.
func (s *score) count(in *service, people []person, answer func(person) string) (wrong []string) {
	active := make([]bool, len(people))
	for _, a := range in.accounts {
		if owner := in.owners[a.Identity]; owner != nobody && a.State != directory.StateInactive {
			active[owner] = true
		}
	}
	for _, p := range people {
		id := answer(p)
		right := id != "" && in.owners[id] == p.n
		switch {
		case right:
			s.right++
		case id != "":
			s.wrong++
			if len(wrong) < 5 {
				wrong = append(wrong, fmt.Sprintf("%s got %s, an account of %d", p.email, id, in.owners[id]))
			}
		}
		if active[p.n] {
			s.reachable++
			if right {
				s.reached++
			}
		}
	}
	return wrong
}

// resolve runs the chain for everybody and returns identities by address.
func (s *service) resolve(t *testing.T, people []person) map[string]string {
	t.Helper()
	keys := make([]identity.UserKey, len(people))
	for i, p := range people {
		keys[i] = identity.UserKey(p.email)
	}
	chain := resolve.Chain{API: api{service: s}}
	found, err := chain.Resolve(t.Context(), resolve.Request{Users: keys, Services: []identity.ServiceKey{s.key}, NoTrace: true})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, r := range found.Resolutions {
		if r.Err != nil { // twenty thousand of them say no more than one
			t.Fatalf("%s: %v", r.User, r.Err)
		}
		if id, ok := r.Identity(); ok {
			got[string(r.User)] = id
		}
	}
	return got
}

// api answers the chain from a service. Nothing is stored.
type api struct {
	resolve.API
	service *service
}

func (a api) FindUsers(context.Context, []identity.UserKey) ([]identity.User, error) { return nil, nil }

func (a api) Services(context.Context) ([]identity.Service, error) {
	return []identity.Service{{Key: a.service.key}}, nil
}

func (a api) Lookup(ctx context.Context, service identity.ServiceKey, emails []string) ([]identity.LookupResult, error) {
	return directory.Lookup(ctx, list{accounts: a.service.accounts}, service, emails)
}

func (a api) Holders(context.Context, identity.ServiceKey, []identity.AccountQuery) ([]identity.Holder, error) {
	return nil, nil
}

// list shows the accounts of a service as a directory.
type list struct {
	directory.ListOnly
	accounts []directory.Account
}

func (l list) Describe() directory.Descriptor { return directory.Descriptor{ListPage: 500} }

func (l list) Check(context.Context) error { return nil }

func (l list) Pages(context.Context) iter.Seq2[[]directory.Account, error] {
	return func(yield func([]directory.Account, error) bool) {
		for page := range slices.Chunk(l.accounts, 500) {
			if !yield(page, nil) {
				return
			}
		}
	}
}

func table(scores []score) string {
	var b strings.Builder
	b.WriteString("| rule | right | wrong | precision | recall |\n|---|---:|---:|---:|---:|\n")
	for _, s := range scores {
		fmt.Fprintf(&b, "| %s | %d | %d | %.2f %% | %.2f %% |\n", s.name, s.right, s.wrong, 100*s.precision(), 100*s.recall())
	}
	return b.String()
}

// page compares a table with the one in the page about evidence.
func page(t *testing.T, text string) {
	t.Helper()
	const (
		file  = "../../templates/guides/directory-evidence.md"
		begin = "<!-- precision -->\n\n"
		end   = "\n<!-- end of precision -->"
	)
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(src), begin)
	old, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the table", file)
	}
	if old == text {
		return
	}
	if os.Getenv("UPDATE_GOLDEN") == "" {
		t.Errorf("%s shows another table; UPDATE_GOLDEN=1 writes it", file)
		return
	}
	if err := os.WriteFile(file, []byte(before+begin+text+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
}
