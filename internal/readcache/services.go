// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package readcache

import (
	"context"
	"slices"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// allServices is the question for all services, which belong to no single one.
var allServices = identity.ServiceKey{}

func askServices(api API) func(context.Context, identity.ServiceKey, []string) ([][]identity.Service, error) {
	return func(ctx context.Context, _ identity.ServiceKey, _ []string) ([][]identity.Service, error) {
		list, err := api.Services(ctx)
		return [][]identity.Service{list}, err
	}
}

// Services lists every registered service.
func (r *Reader) Services(ctx context.Context) ([]identity.Service, error) {
	lists, err := r.services.get(ctx, allServices, []string{""})
	if err != nil {
		return nil, err
	}
	return slices.Clone(lists[0]), nil
}

// CreateService registers a service; an equal one is returned as it is.
func (r *Reader) CreateService(ctx context.Context, key identity.ServiceKey, label string) (identity.Service, error) {
	defer r.serviceChanged(key)
	return r.API.CreateService(ctx, key, label)
}

// UpdateService changes the label of a registered service and asserts it, as
// client.Client.UpdateService does.
func (r *Reader) UpdateService(ctx context.Context, key identity.ServiceKey, label string, ifRevision int64) (identity.Service, error) {
	defer r.serviceChanged(key)
	return r.API.UpdateService(ctx, key, label, ifRevision)
}

// DeleteService removes a service that nothing refers to, and reports whether
// it was there. Another revision than ifRevision is a conflict, unless that is 0.
func (r *Reader) DeleteService(ctx context.Context, key identity.ServiceKey, ifRevision int64) (bool, error) {
	defer r.serviceChanged(key)
	return r.API.DeleteService(ctx, key, ifRevision)
}

// serviceChanged also follows a failure: the write may have happened, or failed
// because what is known is old.
func (r *Reader) serviceChanged(key identity.ServiceKey) {
	r.services.forget(allServices)
	r.forgetAnswers(key)
}

func (r *Reader) forgetAnswers(key identity.ServiceKey) {
	r.lookups.forget(key)
	r.listed.forget(key)
	r.statuses.forget(key)
}

// Accounts returns the whole list of the accounts of a service and who holds
// each. Only its name is kept: it may be larger than all else, and writes change its
// holders. From then on the service's answers are of that list, however long the run
// takes, until the API has another one.
func (r *Reader) Accounts(ctx context.Context, service identity.ServiceKey) (identity.AccountList, error) {
	known := r.ListName(service)
	list, err := r.API.Accounts(ctx, service, known)
	if err == nil && list.Name != known {
		r.replaceList(service, known, list.Name)
	}
	return list, err
}

// ListName returns the name of the list that answers about a service come from, "" if
// there is none.
func (r *Reader) ListName(service identity.ServiceKey) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.listNames[service]
}

// replaceList forgets the answers that are not of the new list, unless somebody else
// has replaced the old one.
func (r *Reader) replaceList(service identity.ServiceKey, before, now string) {
	r.mu.Lock()
	current := r.listNames[service]
	if current == before {
		r.listNames[service] = now
	}
	r.mu.Unlock()
	if current == before {
		r.forgetAnswers(service)
	}
}

// inList returns a call whose answers are of the list that the run has read, if it
// has read one and the API still has it.
func inList[Q, A any](r *Reader, call func(context.Context, identity.ServiceKey, []Q, string) ([]A, error)) func(context.Context, identity.ServiceKey, []Q) ([]A, error) {
	return func(ctx context.Context, service identity.ServiceKey, questions []Q) ([]A, error) {
		list := r.ListName(service)
		found, err := call(ctx, service, questions, list)
		if list != "" && identity.CodeOf(err) == identity.CodeListChanged {
			r.replaceList(service, list, "")
			found, err = call(ctx, service, questions, "")
		}
		return found, err
	}
}
