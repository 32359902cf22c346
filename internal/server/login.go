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

type loginInput struct {
	Email string `query:"email" doc:"Echoed in the reply"`
}

func (s *service) registerLogin(api huma.API) {
	register(s, api, identity.Guest, huma.Operation{
		OperationID: "login", Method: http.MethodGet, Path: "/auth/login",
		Summary: "Tell who the token is",
	}, s.login)
}

func (s *service) login(ctx context.Context, in *loginInput) (*reply[symapi.Login], error) {
	p := exchangeOf(ctx).principal
	return replyWith(symapi.Login{Org: s.Org, Role: string(p.Role), Name: p.Name, Email: in.Email}), nil
}
