// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package readcache

import (
	"context"
	"iter"
	"slices"
	"strings"

	"github.com/sym-identity/terraform-provider-sym/internal/client"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

func (f *fakeAPI) Login(ctx context.Context) (who identity.Session, err error) {
	err = f.request(ctx, "Login", 0, func() error { who.Org = "acme"; return nil })
	return who, err
}

func (f *fakeAPI) RequireExtensions(context.Context) error { return nil }

func (f *fakeAPI) FindUsers(ctx context.Context, keys []identity.UserKey) (out []identity.User, err error) {
	err = f.request(ctx, "FindUsers", len(keys), func() error {
		for _, k := range keys {
			if refused := f.refuse[k]; refused != nil {
				return refused
			}
			if u, ok := f.users[k]; ok {
				out = append(out, u)
			}
		}
		return nil
	})
	return out, err
}

func (f *fakeAPI) UserByID(ctx context.Context, id string) (out *identity.User, err error) {
	err = f.request(ctx, "UserByID", 1, func() error {
		for _, u := range f.users {
			if u.ID == id {
				out = &u
			}
		}
		return nil
	})
	return out, err
}

// AllUsers reads page by page, ordered by id, so that users can change in between.
func (f *fakeAPI) AllUsers(ctx context.Context) iter.Seq2[identity.User, error] {
	return func(yield func(identity.User, error) bool) {
		last := ""
		for {
			var page []identity.User
			more := false
			err := f.request(ctx, "AllUsers", 0, func() error {
				for _, u := range f.users {
					if u.ID > last {
						page = append(page, u)
					}
				}
				slices.SortFunc(page, func(a, b identity.User) int { return strings.Compare(a.ID, b.ID) })
				more = len(page) > pageSize
				page = page[:min(len(page), pageSize)]
				return nil
			})
			if err != nil {
				yield(identity.User{}, err)
				return
			}
			for _, u := range page {
				if !yield(u, nil) {
					return
				}
				last = u.ID
			}
			if !more {
				return
			}
		}
	}
}

func (f *fakeAPI) Holders(ctx context.Context, service identity.ServiceKey, accounts []identity.AccountQuery) (out []identity.Holder, err error) {
	err = f.request(ctx, "Holders", len(accounts), func() error {
		for _, account := range folded(service, accounts) {
			for _, k := range f.order {
				if m, ok := f.users[k].Mapping(service); ok && m.Holds(account) {
					out = append(out, identity.Holder{User: k, Mapping: m})
				}
			}
		}
		return nil
	})
	return out, err
}

func (f *fakeAPI) Lookup(ctx context.Context, _ identity.ServiceKey, emails []string, list string) (out []identity.LookupResult, err error) {
	err = f.request(ctx, "Lookup", len(emails), func() error {
		if list != "" && list != f.list {
			return &identity.Error{Code: identity.CodeListChanged}
		}
		for _, email := range emails {
			a, ok := f.accounts[email]
			if !ok {
				a.Status = identity.NotFound
			}
			a.Email = email
			out = append(out, a)
		}
		return nil
	})
	return out, err
}

func (f *fakeAPI) LookupInList(ctx context.Context, service identity.ServiceKey, emails []string, list string) ([]identity.LookupResult, error) {
	return f.Lookup(ctx, service, emails, list)
}

func (f *fakeAPI) Accounts(ctx context.Context, _ identity.ServiceKey, _ string) (list identity.AccountList, err error) {
	err = f.request(ctx, "Accounts", 1, func() error {
		list.Name = f.list
		return nil
	})
	return list, err
}

func (f *fakeAPI) Status(ctx context.Context, _ identity.ServiceKey, queries []identity.AccountQuery, _ string) (out []identity.AccountStatus, err error) {
	err = f.request(ctx, "Status", len(queries), func() error {
		for _, q := range queries {
			a, ok := f.states[q.Identity]
			if !ok {
				a.Status = identity.AccountAbsent
			}
			a.Identity = q.Identity
			out = append(out, a)
		}
		return nil
	})
	return out, err
}

func (f *fakeAPI) Services(ctx context.Context) (out []identity.Service, err error) {
	err = f.request(ctx, "Services", 0, func() error { out = slices.Clone(f.services); return nil })
	return out, err
}

func (f *fakeAPI) References(ctx context.Context, id string) (out []string, err error) {
	err = f.request(ctx, "References", 0, func() error { out = []string{id}; return nil })
	return out, err
}

// Write is one transaction.
func (f *fakeAPI) Write(ctx context.Context, writes []identity.Write) ([]identity.User, error) {
	users := make([]identity.User, len(writes))
	err := f.request(ctx, "Write", len(writes), func() error {
		var batch identity.BatchError
		for i, w := range writes {
			m, ok := f.users[w.User].Mapping(w.Service)
			if w.IfAbsent && ok || w.IfRevision != 0 && m.Revision != w.IfRevision {
				batch.Items = append(batch.Items, identity.ItemError{Index: i, Err: identity.Conflict(w.User, w.Service, &m)})
			}
		}
		if len(batch.Items) > 0 {
			return &batch
		}
		for i, w := range writes {
			users[i] = f.store(w.User, w.Service, w.Matcher)
		}
		return nil
	})
	if err != nil {
		return make([]identity.User, len(writes)), err
	}
	return users, nil
}

func (f *fakeAPI) Delete(ctx context.Context, deletes []identity.Delete) (deleted []bool, err error) {
	deleted = make([]bool, len(deletes))
	err = f.request(ctx, "Delete", len(deletes), func() error {
		for i, d := range deletes {
			u, ok := f.users[d.User]
			m, stored := u.Mapping(d.Service)
			if !ok || !stored {
				continue
			}
			if !m.Matcher.Equal(d.Service.Type, d.Matcher) {
				return &identity.BatchError{Items: []identity.ItemError{{Index: i, Err: identity.Conflict(d.User, d.Service, &m)}}}
			}
			u.Mappings = slices.DeleteFunc(slices.Clone(u.Mappings), func(m identity.Mapping) bool { return m.Service == d.Service })
			f.put(d.User, u)
			deleted[i] = true
		}
		return nil
	})
	return deleted, err
}

func (f *fakeAPI) UpsertUser(ctx context.Context, w client.UserWrite) (out identity.User, err error) {
	err = f.request(ctx, "UpsertUser", 1, func() error {
		key := identity.UserKey(w.Name)
		u, there := f.users[key]
		for k, other := range f.users {
			if w.ID != "" && other.ID == w.ID {
				u, there = other, true
				f.drop(k)
			}
		}
		if !there {
			u = identity.User{ID: f.newID(w.Name), Type: key.Type()}
		}
		u.Key, u.Name = key, w.Name
		f.put(key, u)
		out = u
		return nil
	})
	return out, err
}

func (f *fakeAPI) SetRole(ctx context.Context, id string, role identity.Role) (out identity.User, err error) {
	err = f.request(ctx, "SetRole", 1, func() error {
		for k, u := range f.users {
			if u.ID == id {
				u.Role = role
				f.put(k, u)
				out = u
			}
		}
		return nil
	})
	return out, err
}

func (f *fakeAPI) DeleteUsers(ctx context.Context, users []identity.User) ([]bool, error) {
	deleted := make([]bool, len(users))
	err := f.request(ctx, "DeleteUsers", len(users), func() error {
		for i, u := range users {
			_, deleted[i] = f.users[u.Key]
			f.drop(u.Key)
		}
		return nil
	})
	return deleted, err
}

func (f *fakeAPI) CreateService(ctx context.Context, key identity.ServiceKey, label string) (out identity.Service, err error) {
	err = f.request(ctx, "CreateService", 1, func() error {
		out = identity.Service{ID: "id of " + key.String(), Key: key, Label: label}
		f.services = append(f.services, out)
		return nil
	})
	return out, err
}

func (f *fakeAPI) UpdateService(ctx context.Context, key identity.ServiceKey, label string, _ int64) (out identity.Service, err error) {
	err = f.request(ctx, "UpdateService", 1, func() error {
		for i := range f.services {
			if f.services[i].Key == key {
				f.services[i].Label = label
				out = f.services[i]
			}
		}
		return nil
	})
	return out, err
}

func (f *fakeAPI) DeleteService(ctx context.Context, key identity.ServiceKey, _ int64) (deleted bool, err error) {
	err = f.request(ctx, "DeleteService", 1, func() error {
		before := len(f.services)
		f.services = slices.DeleteFunc(f.services, func(s identity.Service) bool { return s.Key == key })
		deleted = len(f.services) < before
		return nil
	})
	return deleted, err
}
