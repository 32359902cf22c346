// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Package resolve runs the chain that decides which account is whose: what is
// declared, what is stored, what a reducer rule yields, what the target service
// says of the e-mail. It reads in batches and writes only when told to persist,
// and it keeps a trace of every step.
//
// A failure is never an answer: a rule that breaks or a directory that cannot
// be asked is an error, not an unmapped person.
package resolve

import (
	"context"
	"errors"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/rules"
)

// API is what the chain asks. The identity API's client satisfies it.
type API interface {
	// FindUsers returns the users among keys that exist.
	FindUsers(ctx context.Context, keys []identity.UserKey) ([]identity.User, error)
	// Services lists every registered service.
	Services(ctx context.Context) ([]identity.Service, error)
	// Lookup asks a target service by e-mail: one answer per e-mail, in order.
	// An error with identity.CodeNoDirectory says that nobody can be asked.
	Lookup(ctx context.Context, service identity.ServiceKey, emails []string) ([]identity.LookupResult, error)
	// Status asks a target service whether accounts still exist and are active:
	// one answer per identity, in order. An error with identity.CodeNoDirectory
	// says that nobody can be asked.
	Status(ctx context.Context, service identity.ServiceKey, identities []string) ([]identity.AccountStatus, error)
	// Holders finds who has a stored mapping that claims an account.
	Holders(ctx context.Context, service identity.ServiceKey, claims []string) ([]identity.Holder, error)
	// Write stores mappings and returns their users, in order. Beside an error
	// that names failures (*identity.BatchError, by index) a user with a Name
	// stands for a mapping that was stored all the same.
	Write(ctx context.Context, writes []identity.Write) ([]identity.User, error)
}

// Chain resolves users over an API with reducer rules.
type Chain struct {
	API   API
	Rules *rules.Set // nil: none
}

// Request asks for every user in every service.
type Request struct {
	Users    []identity.UserKey // distinct; their order decides who claims an account first
	Services []identity.ServiceKey
	// Declared are the manual mappings of this configuration. They are what
	// apply will store, so they answer before the store does.
	Declared   map[identity.ServiceKey]map[identity.UserKey]identity.Matcher
	Persist    bool // store what rules and lookups yield
	CheckStale bool // compare stored values with what rules and lookups give now, and ask for their accounts
	NoTrace    bool // leave Resolution.Steps empty: their texts cost more than the answers of thousands
}

// Resolve runs the chain. Answers come service by service, each in the order
// of Users. An error means that the API failed as a whole or that services are
// not registered (an *UnregisteredError each, joined where there are several);
// what concerns one person alone stands in Resolution.Err.
func (c Chain) Resolve(ctx context.Context, req Request) ([]Resolution, error) {
	registered, err := c.services(ctx, req)
	if err != nil {
		return nil, err
	}
	users, err := c.users(ctx, req.Users)
	if err != nil {
		return nil, err
	}
	answers := make([]Resolution, 0, len(req.Users)*len(req.Services))
	for _, service := range req.Services {
		p := &pass{
			chain: c, service: registered[service], declared: req.Declared[service],
			users: users, checkStale: req.CheckStale, untraced: req.NoTrace,
		}
		found, err := p.run(ctx, req.Users)
		if err != nil {
			return nil, err
		}
		if req.Persist {
			if err := p.persist(ctx); err != nil {
				return nil, err
			}
		}
		if req.CheckStale {
			if err := p.checkAccounts(ctx, found); err != nil {
				return nil, err
			}
		}
		answers = append(answers, found...)
	}
	return answers, nil
}

// services finds the registered services among those asked for. One that is
// not registered passes where every user of it is declared: the same run may
// be about to create it.
func (c Chain) services(ctx context.Context, req Request) (map[identity.ServiceKey]identity.Service, error) {
	all, err := c.API.Services(ctx)
	if err != nil {
		return nil, err
	}
	byKey := make(map[identity.ServiceKey]identity.Service, len(all))
	for _, s := range all {
		byKey[s.Key] = s
	}
	var unregistered []error
	for _, key := range req.Services {
		if _, ok := byKey[key]; ok {
			continue
		}
		if !req.declares(key) {
			unregistered = append(unregistered, newUnregisteredError(key, all))
		}
		byKey[key] = identity.Service{Key: key}
	}
	if len(unregistered) == 1 {
		return nil, unregistered[0]
	}
	return byKey, errors.Join(unregistered...)
}

// declares reports whether every user has a declared mapping in the service.
func (r Request) declares(service identity.ServiceKey) bool {
	for _, user := range r.Users {
		if _, ok := r.Declared[service][user]; !ok {
			return false
		}
	}
	return true
}

func (c Chain) users(ctx context.Context, keys []identity.UserKey) (map[identity.UserKey]identity.User, error) {
	found, err := c.API.FindUsers(ctx, keys)
	if err != nil {
		return nil, err
	}
	byKey := make(map[identity.UserKey]identity.User, len(found))
	for _, u := range found {
		byKey[u.Key] = u
	}
	return byKey, nil
}
