// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package server

import (
	"context"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

func (s *service) registerUserWrites(api huma.API) {
	bulk := map[string]any{bulkMetadata: true}
	tooLarge := []int{http.StatusRequestEntityTooLarge}
	register(s, api, identity.Admin, huma.Operation{
		OperationID: "upsert-users", Method: http.MethodPatch, Path: "/users",
		Summary: "Create or change users and their identities", Errors: tooLarge, Metadata: bulk,
		Description: "All or nothing. Identities that are not sent are left alone.",
	}, s.upsertUsers)
	register(s, api, identity.Admin, huma.Operation{
		OperationID: "delete-identities", Method: http.MethodPost, Path: "/users/identities/delete",
		Summary: "Delete identities that still are as sent", Errors: tooLarge, Metadata: bulk,
		Description: "All or nothing. Another stored value is a conflict; deleting what is not stored succeeds.",
	}, s.deleteIdentities)
	register(s, api, identity.Admin, huma.Operation{
		OperationID: "delete-users", Method: http.MethodPost, Path: "/users/delete",
		Summary: "Delete users with their identities", Errors: tooLarge, Metadata: bulk,
		Description: "All or nothing. Another name than the one sent is a conflict; deleting who is not stored succeeds.",
	}, s.deleteUsers)
}

type upsertUsersInput struct{ Body symapi.UserUpserts }

func (s *service) upsertUsers(ctx context.Context, in *upsertUsersInput) (*reply[symapi.BulkReply], error) {
	elements := in.Body.Users
	if err := checkLength("users", len(elements)); err != nil {
		return nil, err
	}
	if len(elements) == 0 {
		return replyWith(symapi.BulkSuccess(nil)), nil
	}
	writes := make([]store.UserWrite, len(elements))
	unreadable := map[int]*identity.Error{}
	for i, u := range elements {
		var problem *identity.Error
		if writes[i], problem = decodeUserWrite(u); problem != nil {
			unreadable[i] = problem
		}
	}
	users, err := s.Store.UpsertUsers(ctx, actorOf(ctx), writes)
	if err != nil {
		explainUnreadable(err, unreadable)
		return nil, s.failBulk(ctx, err, len(elements), func(r *symapi.BulkResult) {
			if r.User == "" {
				r.User = string(writes[r.Index].Key)
			}
		})
	}
	results := make([]symapi.BulkResult, len(users))
	for i, u := range users {
		record := symapi.EncodeUser(u)
		results[i] = symapi.BulkResult{Index: i, UserID: u.ID, User: string(u.Key), Record: &record}
	}
	return replyWith(symapi.BulkSuccess(results)), nil
}

// explainUnreadable puts what is wrong with a sym identity in place of the
// store's refusal to map one.
func explainUnreadable(err error, unreadable map[int]*identity.Error) {
	var batch *identity.BatchError
	if !errors.As(err, &batch) {
		return
	}
	for i, c := range batch.Items {
		if problem := unreadable[c.Index]; problem != nil && c.Err.Service == identity.SymCloud() {
			batch.Items[i].Err = problem
		}
	}
}

type deleteIdentitiesInput struct{ Body symapi.IdentityDeletes }

func (s *service) deleteIdentities(ctx context.Context, in *deleteIdentitiesInput) (*reply[symapi.BulkReply], error) {
	elements := in.Body.Identities
	if err := checkLength("identities", len(elements)); err != nil {
		return nil, err
	}
	if len(elements) == 0 {
		return replyWith(symapi.BulkSuccess(nil)), nil
	}
	deletes := make([]store.MappingDelete, len(elements))
	for i, d := range elements {
		deletes[i] = decodeMappingDelete(d)
	}
	deleted, err := s.Store.DeleteMappings(ctx, actorOf(ctx), deletes)
	if err != nil {
		return nil, s.failBulk(ctx, err, len(elements), func(r *symapi.BulkResult) {
			d := elements[r.Index]
			r.UserID, r.ServiceType, r.ExternalID = d.UserID, d.ServiceType, d.ExternalID
		})
	}
	results := make([]symapi.BulkResult, len(deleted))
	for i, d := range elements {
		results[i] = symapi.BulkResult{Index: i, UserID: d.UserID, ServiceType: d.ServiceType, ExternalID: d.ExternalID, Deleted: &deleted[i]}
	}
	return replyWith(symapi.BulkSuccess(results)), nil
}

type deleteUsersInput struct{ Body symapi.UserDeletes }

func (s *service) deleteUsers(ctx context.Context, in *deleteUsersInput) (*reply[symapi.BulkReply], error) {
	elements := in.Body.Users
	if err := checkLength("users", len(elements)); err != nil {
		return nil, err
	}
	if len(elements) == 0 {
		return replyWith(symapi.BulkSuccess(nil)), nil
	}
	deletes := make([]store.UserDelete, len(elements))
	var unreadable []identity.ItemError
	for i, d := range elements {
		var problem *identity.Error
		if deletes[i], problem = decodeUserDelete(d); problem != nil {
			unreadable = append(unreadable, identity.ItemError{Index: i, Err: problem})
		}
	}
	complete := func(r *symapi.BulkResult) {
		r.UserID = elements[r.Index].ID
		if r.User == "" {
			r.User = string(deletes[r.Index].Key)
		}
	}
	if len(unreadable) > 0 {
		// No store can be asked to compare what has no name.
		return nil, s.failBulk(ctx, &identity.BatchError{Items: unreadable}, len(elements), complete)
	}
	deleted, err := s.Store.DeleteUsers(ctx, actorOf(ctx), deletes)
	if err != nil {
		return nil, s.failBulk(ctx, err, len(elements), complete)
	}
	results := make([]symapi.BulkResult, len(deleted))
	for i, d := range deletes {
		results[i] = symapi.BulkResult{Index: i, UserID: d.ID, User: string(d.Key), Deleted: &deleted[i]}
	}
	return replyWith(symapi.BulkSuccess(results)), nil
}
