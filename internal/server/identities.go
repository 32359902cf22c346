// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package server

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

func (s *service) registerIdentities(api huma.API) {
	refusals := []int{http.StatusBadRequest, http.StatusNotFound, http.StatusRequestEntityTooLarge}
	asking := slices.Concat(refusals, []int{http.StatusConflict, http.StatusTooManyRequests, http.StatusServiceUnavailable})
	register(s, api, identity.Member, huma.Operation{
		OperationID: "lookup-identities", Method: http.MethodPost, Path: "/identities/lookup",
		Summary: "Ask a service for people by e-mail", Errors: asking,
		Description: "One result per e-mail, in order. For custom services this runs their fetch_remote_identity.",
	}, s.lookupIdentities)
	register(s, api, identity.Member, huma.Operation{
		OperationID: "status-identities", Method: http.MethodPost, Path: "/identities/status",
		Summary: "Ask a service whether accounts still exist, are active and have their names", Errors: asking,
		Description: "One result per identity, in order. If the service fails, the whole call is an error; if it limits requests, the status of the rest is failed.",
	}, s.statusIdentities)
	register(s, api, identity.Member, huma.Operation{
		OperationID: "search-identities", Method: http.MethodPost, Path: "/identities/search",
		Summary: "Find who holds accounts of a service", Errors: refusals,
		Description: "One result per identity, in order; users is empty if nobody holds it.",
	}, s.searchIdentities)
}

func (s *service) lookupIdentities(ctx context.Context, in *input[symapi.LookupRequest]) (symapi.LookupReply, error) {
	keys, err := parseEach("emails", in.Body.Emails, parseEmail)
	if err != nil {
		return symapi.LookupReply{}, err
	}
	found, d, err := s.directoryOf(ctx, in.Body.ServiceType, in.Body.ExternalID)
	if err != nil {
		return symapi.LookupReply{}, err
	}
	emails := make([]string, len(keys))
	for i, k := range keys {
		emails[i] = string(k)
	}
	var answers []identity.LookupResult
	if in.Body.WholeList || in.Body.List != "" {
		answers, err = directory.LookupInList(ctx, d, found.Key, emails, in.Body.List)
	} else {
		answers, err = directory.Lookup(ctx, d, found.Key, emails)
	}
	if err != nil {
		return symapi.LookupReply{}, err
	}
	if len(answers) != len(emails) {
		return symapi.LookupReply{}, fmt.Errorf("the directory of %s gave %d answers to %d questions", found.Key, len(answers), len(emails))
	}
	s.pinFound(ctx, found.Key, keys, answers)
	out := symapi.LookupReply{Results: make([]symapi.LookupResult, len(answers))}
	for i, a := range answers {
		a.Err = s.clean(a.Err)
		out.Results[i] = symapi.EncodeLookup(a)
		out.Results[i].Email = in.Body.Emails[i] // as the caller wrote it
	}
	return out, nil
}

// directoryOf returns a registered service and its directory.
func (s *service) directoryOf(ctx context.Context, serviceType, externalID string) (identity.Service, directory.Directory, error) {
	found, err := s.registered(ctx, identity.ServiceKey{Type: serviceType, ExternalID: externalID})
	if err != nil {
		return found, nil, err
	}
	d := s.Directories[found.Key]
	if d == nil {
		return found, nil, &identity.Error{Code: identity.CodeNoDirectory, Service: found.Key,
			Message: fmt.Sprintf("No directory is configured for %s", found.Key),
			Hint:    "Add a directory to its service block in the server's configuration."}
	}
	return found, d, nil
}

// accountQueries reads which accounts a request asks for.
func accountQueries(identities, accountIDs []string) ([]identity.AccountQuery, error) {
	if err := checkLength("identities", len(identities), symapi.MaxBatch); err != nil {
		return nil, err
	}
	queries := make([]identity.AccountQuery, len(identities))
	for i, id := range identities {
		if strings.TrimSpace(id) == "" {
			return nil, identity.Invalid(identity.CodeIdentityInvalid, fmt.Sprintf("identities[%d] is empty", i), "Name the account to look for.")
		}
		queries[i].Identity = id
	}
	if n := len(accountIDs); n != 0 && n != len(identities) {
		return nil, identity.Invalid(identity.CodeInvalid, fmt.Sprintf("account_ids holds %d elements, identities %d", n, len(identities)),
			"Send one account id for each identity, empty where there is none, or leave account_ids out.")
	}
	for i, id := range accountIDs {
		queries[i].AccountID = id
	}
	return queries, nil
}

func (s *service) statusIdentities(ctx context.Context, in *input[symapi.StatusRequest]) (symapi.StatusReply, error) {
	queries, err := accountQueries(in.Body.Identities, in.Body.AccountIDs)
	if err != nil {
		return symapi.StatusReply{}, err
	}
	found, d, err := s.directoryOf(ctx, in.Body.ServiceType, in.Body.ExternalID)
	if err != nil {
		return symapi.StatusReply{}, err
	}
	statuses, err := directory.Status(ctx, d, found.Key, queries, in.Body.List)
	if err != nil {
		return symapi.StatusReply{}, err
	}
	s.pinActive(ctx, found.Key, statuses)
	out := symapi.StatusReply{Results: make([]symapi.StatusResult, len(statuses))}
	for i, a := range statuses {
		a.Err = s.clean(a.Err)
		out.Results[i] = symapi.EncodeStatus(a)
	}
	return out, nil
}

func (s *service) searchIdentities(ctx context.Context, in *input[symapi.IdentitySearch]) (symapi.IdentityHolders, error) {
	asked := in.Body.Identities
	accounts, err := accountQueries(asked, in.Body.AccountIDs)
	if err != nil {
		return symapi.IdentityHolders{}, err
	}
	found, err := s.registered(ctx, identity.ServiceKey{Type: in.Body.ServiceType, ExternalID: in.Body.ExternalID})
	if err != nil {
		return symapi.IdentityHolders{}, err
	}
	for i := range accounts {
		accounts[i].Identity = identity.FoldIdentity(found.Key.Type, accounts[i].Identity)
	}
	holders := identity.NewIndex()
	if len(accounts) > 0 {
		users, err := s.Store.Holders(ctx, found.Key, accounts)
		if err != nil {
			return symapi.IdentityHolders{}, err
		}
		for _, u := range users {
			holders.Put(u)
		}
	}
	out := symapi.IdentityHolders{Results: make([]symapi.IdentityHolder, len(asked))}
	for i, id := range asked {
		out.Results[i] = symapi.IdentityHolder{Identity: id, Users: symapi.EncodeUsers(holders.UsersWith(found.Key, accounts[i]))}
	}
	return out, nil
}
