// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package server

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

// trackPath takes what symflow reports of each command, twice.
const trackPath = symapi.BasePath + "/track/symflow"

// registerTokens adds the calls on tokens that symflow makes. This server's tokens
// are in its configuration: it lists, makes and revokes none.
func (s *service) registerTokens(api huma.API) {
	register(s, api, identity.Guest, huma.Operation{
		OperationID: "list-tokens", Method: http.MethodGet, Path: "/tokens",
		Summary: "List tokens: none, as tokens are not made by the API",
	}, func(context.Context, *struct{}) (symapi.TokenList, error) {
		return symapi.TokenList{Tokens: []struct{}{}}, nil
	})
	refuse := func(id, path, what, hint string) {
		register(s, api, identity.Guest, huma.Operation{
			OperationID: id, Method: http.MethodPost, Path: path,
			Summary: "Refuse: tokens are not " + what + " by the API", Errors: []int{http.StatusBadRequest},
		}, func(context.Context, *struct{}) (symapi.TokenList, error) {
			return symapi.TokenList{}, identity.Invalid(identity.CodeInvalid, "Tokens are not "+what+" by this API", hint)
		})
	}
	const revoke = "Remove the token's block from the server's configuration and reload it (SIGHUP)."
	refuse("issue-token", "/tokens", "issued", "Run sym-identityd token new, and add the token's block that it prints to the server's configuration.")
	refuse("revoke-token", "/tokens/revoke", "revoked", revoke)
	refuse("delete-token", "/tokens/delete", "revoked", revoke) // by symflow's releases before 8
}

// mountTracking accepts symflow's reports and forgets them unread. They need no
// token, so that a wrong one is counted once a command.
func mountTracking(mux *http.ServeMux) {
	mux.HandleFunc("POST "+trackPath, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNoContent)
	})
}
