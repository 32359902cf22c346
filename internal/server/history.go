// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package server

import (
	"cmp"
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

func (s *service) registerHistory(api huma.API) {
	register(s, api, identity.Guest, huma.Operation{
		OperationID: "list-history", Method: http.MethodGet, Path: "/identities/history",
		Summary: "Tell who changed which identity and when, with the values before and after", Errors: []int{http.StatusBadRequest},
		Description: "The latest change first. Changes stay when their user or service is deleted, for as long as the server keeps them.",
	}, s.listHistory)
}

type historyInput struct {
	User        string `query:"user" doc:"Only changes of the user with this e-mail or username, present or former"`
	ServiceType string `query:"service_type" doc:"Only changes of this service; needs external_id too"`
	ExternalID  string `query:"external_id" doc:"Only changes of this service; needs service_type too"`
	Limit       int    `query:"limit" minimum:"0" maximum:"1000" doc:"Changes of one page; 0 or absent gives 100"`
	Cursor      string `query:"cursor" doc:"next_cursor of the page before"`
}

// Resolve refuses empty filters and half a service.
func (in *historyInput) Resolve(ctx huma.Context) []error {
	problems := checkFilters(ctx, "all changes", "user", "service_type", "external_id")
	u := ctx.URL()
	query := u.Query()
	if query.Has("service_type") != query.Has("external_id") {
		problems = append(problems, &huma.ErrorDetail{Location: "query", Message: "service_type and external_id must be sent together"})
	}
	return problems
}

func (s *service) listHistory(ctx context.Context, in *historyInput) (symapi.HistoryReply, error) {
	filter := store.HistoryFilter{Limit: cmp.Or(in.Limit, symapi.HistoryPage), Cursor: in.Cursor,
		Service: identity.ServiceKey{Type: in.ServiceType, ExternalID: in.ExternalID}}
	if in.User != "" {
		key, err := identity.ParseUser(in.User)
		if err != nil {
			return symapi.HistoryReply{}, err
		}
		filter.User = key
	}
	changes, next, err := s.Store.History(ctx, filter)
	if err != nil {
		return symapi.HistoryReply{}, err
	}
	out := symapi.HistoryReply{Changes: make([]symapi.Change, len(changes)), NextCursor: next}
	for i, c := range changes {
		out.Changes[i] = symapi.EncodeChange(c)
	}
	return out, nil
}
