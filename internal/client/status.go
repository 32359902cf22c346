// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package client

import (
	"context"
	"fmt"
	"net/http"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

// Status asks the service whether accounts still exist and are active: one
// answer per identity, in order. A service without a directory is an
// *identity.Error with CodeNoDirectory.
func (c *Client) Status(ctx context.Context, service identity.ServiceKey, identities []string) ([]identity.AccountStatus, error) {
	answers := make([]identity.AccountStatus, len(identities))
	err := c.eachChunk(ctx, len(identities), func(ctx context.Context, from, to int) error {
		return c.status(ctx, service, identities[from:to], answers[from:to])
	})
	if err != nil {
		return nil, err
	}
	return answers, nil
}

func (c *Client) status(ctx context.Context, service identity.ServiceKey, identities []string, answers []identity.AccountStatus) error {
	r, err := c.do(ctx, call{method: http.MethodPost, path: []string{"identities", "status"}, repeat: true, extends: true,
		body: symapi.StatusRequest{ServiceType: service.Type, ExternalID: service.ExternalID, Identities: identities}})
	if err != nil {
		return err
	}
	var list symapi.StatusReply
	if err := r.read("results", &list); err != nil {
		return err
	}
	if len(list.Results) != len(identities) {
		return r.understood(fmt.Errorf("it answers %d identities, asked were %d", len(list.Results), len(identities)))
	}
	for i, result := range list.Results {
		answers[i], err = symapi.DecodeStatus(result)
		if err == nil && answers[i].Identity != identities[i] {
			err = fmt.Errorf("result %d is for %q, asked was %q", i, answers[i].Identity, identities[i])
		}
		if err != nil {
			return r.understood(err)
		}
	}
	return nil
}
