// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package server

import (
	"cmp"
	"context"
	"encoding/base64"
	"iter"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

func (s *service) registerAccounts(api huma.API) {
	register(s, api, identity.Member, huma.Operation{
		OperationID: "list-accounts", Method: http.MethodGet, Path: "/accounts",
		Summary: "List the accounts of a service and who holds each",
		Errors:  []int{http.StatusBadRequest, http.StatusNotFound, http.StatusConflict, http.StatusTooManyRequests, http.StatusServiceUnavailable},
		Description: "The whole list, ordered by identity, as the service showed it at as_of; a list that is not whole is an error. " +
			"All pages are of one list: if the list changes before the last page is read, the error is Directory:LIST_CHANGED, and the caller begins again. " +
			"If the service has no list, or cuts its list off, the error is Directory:NO_LIST. " +
			"A long reply is sent while it is read from the store: if that fails in the middle, the connection is closed and the reply is not complete.",
		Metadata: map[string]any{streamMetadata: reflect.TypeFor[symapi.AccountList]()},
	}, s.listAccounts)
}

type listAccountsInput struct {
	ServiceType string `query:"service_type" required:"true"`
	ExternalID  string `query:"external_id" required:"true"`
	Limit       int    `query:"limit" minimum:"0" maximum:"10000" doc:"Accounts of one page; 0 or absent gives all"`
	Cursor      string `query:"cursor" doc:"next_cursor of the page before"`
	List        string `query:"list" doc:"Begin with the list of this name, however old; it is Directory:LIST_CHANGED if the service shows another one now"`
}

func (s *service) listAccounts(ctx context.Context, in *listAccountsInput) (stream, error) {
	version, first, err := parseAccountsCursor(in.Cursor)
	if err != nil {
		return nil, err
	}
	version = cmp.Or(version, in.List)
	found, d, err := s.directoryOf(ctx, in.ServiceType, in.ExternalID)
	if err != nil {
		return nil, err
	}
	list, err := directory.Accounts(ctx, d, found.Key, version)
	if err != nil {
		return nil, err
	}
	from, to := min(first, list.Len()), list.Len()
	whole := symapi.AccountList{AsOf: list.AsOf.UTC(), Total: list.Len(), List: list.Version()}
	if in.Limit > 0 && from+in.Limit < to {
		to = from + in.Limit
		whole.NextCursor = accountsCursor(list.Version(), to)
	}
	return streamList(s, whole, s.accounts(ctx, found.Key, list, from, to))
}

// maxConfirmed bounds the people whose accounts a list lacks and who may be
// searched for.
const maxConfirmed = 100

// accounts yields the accounts of a page of a list with their holders.
func (s *service) accounts(ctx context.Context, service identity.ServiceKey, list *directory.AccountList, from, to int) iter.Seq2[symapi.Account, error] {
	return func(yield func(symapi.Account, error) bool) {
		heldBy := make([][]identity.UserKey, to-from)
		var missing []identity.UserKey
		for holder, err := range s.Store.Held(ctx, service) {
			if err != nil {
				yield(symapi.Account{}, err)
				return
			}
			places := list.Held(holder.Mapping)
			if len(places) == 0 && len(missing) < maxConfirmed {
				missing = append(missing, holder.User)
			}
			for _, place := range places {
				if place >= from && place < to {
					heldBy[place-from] = append(heldBy[place-from], holder.User)
				}
			}
		}
		if from == 0 {
			if err := list.Confirm(ctx, missing); err != nil {
				yield(symapi.Account{}, err)
				return
			}
		}
		for i, users := range heldBy {
			a := list.At(from + i)
			slices.Sort(users)
			a.HeldBy = users
			if !yield(symapi.EncodeAccount(a), nil) {
				return
			}
		}
	}
}

// accountsCursor names a place in a list of one version.
func accountsCursor(version string, from int) string {
	return base64.RawURLEncoding.EncodeToString([]byte(version + " " + strconv.Itoa(from)))
}

// parseAccountsCursor reads a cursor; "" is the beginning of any list.
func parseAccountsCursor(cursor string) (version string, from int, err error) {
	if cursor == "" {
		return "", 0, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	version, number, ok := strings.Cut(string(text), " ")
	if err == nil && ok && version != "" {
		if from, err = strconv.Atoi(number); err == nil && from > 0 {
			return version, from, nil
		}
	}
	return "", 0, identity.Invalid(identity.CodeInvalid, "The cursor is not one that this call gave", "Begin again with the first page.")
}
