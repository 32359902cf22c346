// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

// Services lists every registered service.
func (c *Client) Services(ctx context.Context) ([]identity.Service, error) {
	list, r, err := fetch[symapi.ServiceList](ctx, c, call{method: http.MethodGet, path: []string{"services"}, repeat: true}, "services")
	if err != nil {
		return nil, err
	}
	out := make([]identity.Service, len(list.Services))
	for i, s := range list.Services {
		if out[i], err = symapi.DecodeService(s); err != nil {
			return nil, r.invalid(err)
		}
	}
	return out, nil
}

// CreateService registers a service; an equal one is returned as it is.
func (c *Client) CreateService(ctx context.Context, key identity.ServiceKey, label string) (identity.Service, error) {
	return c.writeService(ctx, http.MethodPost, symapi.ServiceWrite{ServiceType: key.Type, ExternalID: key.ExternalID, Label: &label})
}

// UpdateService changes the label of a registered service and asserts it: the
// service gets a new revision, also where the label stays. A label that differs is
// written only over ifRevision, unless that is 0.
func (c *Client) UpdateService(ctx context.Context, key identity.ServiceKey, label string, ifRevision int64) (identity.Service, error) {
	write := symapi.ServiceWrite{ServiceType: key.Type, ExternalID: key.ExternalID, Label: &label, IfRevision: ifRevision}
	if ifRevision != 0 {
		write.Source = string(identity.Manual)
	}
	return c.writeService(ctx, http.MethodPatch, write)
}

func (c *Client) writeService(ctx context.Context, method string, write symapi.ServiceWrite) (identity.Service, error) {
	key := identity.ServiceKey{Type: write.ServiceType, ExternalID: write.ExternalID}
	repeat := method == http.MethodPost || write.IfRevision != 0 // else it could undo what somebody else wrote
	wire, r, err := fetch[symapi.Service](ctx, c, call{method: method, path: []string{"services"}, write: true, repeat: repeat, body: write}, "")
	if err != nil {
		return identity.Service{}, err
	}
	service, err := symapi.DecodeService(wire)
	if err == nil && service.Key != key {
		err = fmt.Errorf("it acknowledges %s, asked was %s", service.Key, key)
	}
	if err != nil {
		return identity.Service{}, r.invalid(err)
	}
	return service, nil
}

// DeleteService removes a service that nothing refers to, and reports whether
// it was there. Another revision than ifRevision is a conflict, unless that is 0.
func (c *Client) DeleteService(ctx context.Context, key identity.ServiceKey, ifRevision int64) (bool, error) {
	results, err := c.bulk(ctx, call{method: http.MethodPost, path: []string{"services", "delete"}, write: true, elements: 1,
		repeat: ifRevision != 0, // else it could delete what somebody else made in between
		body:   symapi.ServiceWrite{ServiceType: key.Type, ExternalID: key.ExternalID, IfRevision: ifRevision}})
	if errors.Is(err, &identity.Error{Code: identity.CodeServiceNotFound}) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return wasDeleted(results[0]), nil
}

// wasDeleted reports whether a deletion found anything. A server that does not say
// has deleted what it was asked to.
func wasDeleted(r symapi.BulkResult) bool { return r.Deleted == nil || *r.Deleted }

// References lists the ids of the mappings that refer to a service.
func (c *Client) References(ctx context.Context, serviceID string) ([]string, error) {
	reply, r, err := fetch[symapi.ServiceReferences](ctx, c, call{method: http.MethodGet, path: []string{"service", serviceID, "references"}, repeat: true}, "references")
	switch ids := reply.References.Identities; {
	case err != nil:
		return nil, err
	case ids == nil:
		return nil, r.invalid(errors.New(`its references have no field "identities"`))
	default:
		return ids, nil
	}
}
