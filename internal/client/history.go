// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

// HistoryQuery selects changes; empty fields select all.
type HistoryQuery struct {
	User    identity.UserKey
	Service identity.ServiceKey
	Limit   int    // of one page; 0 = as the server likes
	Cursor  string // from the page before; "" = the latest
}

// History reads one page of changes, the latest first. next is "" on the last.
func (c *Client) History(ctx context.Context, q HistoryQuery) (changes []identity.Change, next string, err error) {
	query := url.Values{}
	set := func(name, value string) {
		if value != "" {
			query.Set(name, value)
		}
	}
	set("user", string(q.User))
	set("service_type", q.Service.Type)
	set("external_id", q.Service.ExternalID)
	set("cursor", q.Cursor)
	if q.Limit > 0 {
		set("limit", strconv.Itoa(q.Limit))
	}
	r, err := c.do(ctx, call{method: http.MethodGet, path: []string{"identities", "history"}, query: query, repeat: true, extends: true})
	if err != nil {
		return nil, "", err
	}
	var said symapi.HistoryReply
	if err := r.read("changes", &said); err != nil {
		return nil, "", err
	}
	changes = make([]identity.Change, len(said.Changes))
	for i, wire := range said.Changes {
		if changes[i], err = symapi.DecodeChange(wire); err != nil {
			return nil, "", r.understood(err)
		}
	}
	return changes, said.NextCursor, nil
}
