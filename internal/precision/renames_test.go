// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package precision

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/resolve"
)

// A year after names were stored with the ids of their accounts, some accounts
// have other names, and some names other accounts. Every name that is somebody
// else's now is noticed, and nothing else is called so.
func TestRenames(t *testing.T) {
	t.Parallel()
	const people = 3000
	github := identity.ServiceKey{Type: "github", ExternalID: "acme"}
	random := rand.New(rand.NewPCG(7, 7))
	account := func(id, login, email string) directory.Account {
		return directory.Account{AccountID: id, Identity: login, Addresses: directory.Primaries(email), State: directory.StateActive}
	}
	store := renamed{service: service{key: github}}
	var keys []identity.UserKey
	want := map[identity.UserKey]identity.AccountState{}
	for n := range people {
		login, id := fmt.Sprintf("dev-%04d", n), fmt.Sprintf("id-%04d", n)
		email := login + "@" + domain
		key := identity.UserKey(email)
		keys = append(keys, key)
		store.users = append(store.users, identity.User{ID: id, Key: key, Name: email, Mappings: []identity.Mapping{{
			Service: github, Matcher: identity.NewMatcher("github", login), AccountID: id, Source: identity.FromEmail, Revision: 1,
		}}})
		own, other := account(id, login, email), account("new-"+id, strings.ToUpper(login), "new-"+email)
		switch random.IntN(25) {
		case 0:
			own.Identity = "renamed-" + login
			store.accounts = append(store.accounts, own)
			want[key] = identity.AccountRenamed
		case 1: // and somebody else took the name
			own.Identity = "renamed-" + login
			store.accounts = append(store.accounts, own, other)
			want[key] = identity.AccountReused
		case 2: // the account is gone, its name is not
			store.accounts = append(store.accounts, other)
			want[key] = identity.AccountReused
		case 3:
			want[key] = identity.AccountAbsent
		default:
			store.accounts = append(store.accounts, own)
			want[key] = identity.AccountActive
		}
	}
	random.Shuffle(len(store.accounts), func(i, j int) {
		store.accounts[i], store.accounts[j] = store.accounts[j], store.accounts[i]
	})
	found, err := resolve.Chain{API: store}.Resolve(t.Context(), resolve.Request{
		Users: keys, Services: []identity.ServiceKey{github}, CheckStale: true, NoTrace: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range found.Resolutions {
		if r.Account != want[r.User] || r.Stale != (want[r.User] != identity.AccountActive) || r.Err != nil {
			t.Errorf("%s: account %q, stale %t, error %v; want %q", r.User, r.Account, r.Stale, r.Err, want[r.User])
		}
	}
}

// renamed is an API with stored names.
type renamed struct {
	resolve.API
	service

	users []identity.User
}

func (r renamed) FindUsers(context.Context, []identity.UserKey) ([]identity.User, error) {
	return r.users, nil
}

func (r renamed) Services(context.Context) ([]identity.Service, error) {
	return []identity.Service{{Key: r.key}}, nil
}

func (r renamed) Lookup(ctx context.Context, service identity.ServiceKey, emails []string) ([]identity.LookupResult, error) {
	return directory.Lookup(ctx, list{accounts: r.accounts}, service, emails)
}

func (r renamed) Status(ctx context.Context, service identity.ServiceKey, queries []identity.AccountQuery) ([]identity.AccountStatus, error) {
	return directory.Status(ctx, list{accounts: r.accounts}, service, queries, "")
}

func (r renamed) Holders(context.Context, identity.ServiceKey, []identity.AccountQuery) ([]identity.Holder, error) {
	return nil, nil
}
