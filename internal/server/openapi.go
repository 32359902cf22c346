// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

const schemaPrefix = "#/components/schemas/"

// mountAPI registers every operation and returns their OpenAPI document.
func (s *service) mountAPI(mux *http.ServeMux) (document []byte, err error) {
	registry := huma.NewMapRegistry(schemaPrefix, huma.DefaultSchemaNamer)
	registry.RegisterTypeAlias(reflect.TypeFor[huma.ErrorModel](), reflect.TypeFor[symapi.Error]())
	config := huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{Title: "Sym identity API", Version: s.Version,
				Description: "Users, services and the identities that map one to the other."},
			Servers: []*huma.Server{{URL: symapi.BasePath}},
			Components: &huma.Components{
				Schemas: registry,
				SecuritySchemes: map[string]*huma.SecurityScheme{
					bearerScheme: {Type: "http", Scheme: "bearer"},
				},
			},
		},
		// "json" serves types such as application/problem+json.
		Formats:       map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat},
		DefaultFormat: "application/json",
		Transformers:  []huma.Transformer{encodeErrors},
	}
	config.AllowAdditionalPropertiesByDefault = true // later clients may send more
	api := huma.NewAPI(config, &adapter{ServeMux: mux, service: s})

	s.registerUsers(api)
	s.registerUserWrites(api)
	s.registerServices(api)
	s.registerIdentities(api)
	s.registerAccounts(api)
	s.registerHistory(api)
	s.registerLogin(api)
	s.registerTokens(api)

	document, err = json.Marshal(api.OpenAPI())
	if err != nil {
		return nil, fmt.Errorf("server: the OpenAPI document: %w", err)
	}
	return document, nil
}

const bearerScheme = "bearer"

// document completes an operation's description: who may call it, the request
// id both ways, and the replies that are not a success.
func document(api huma.API, op *huma.Operation, need identity.Role) {
	registry := api.OpenAPI().Components.Schemas
	op.Security = []map[string][]string{{bearerScheme: {}}}
	op.Extensions = map[string]any{"x-sym-role": string(need)}
	op.Parameters = append(op.Parameters, &huma.Param{
		Name: symapi.RequestIDHeader, In: "header", Schema: &huma.Schema{Type: huma.TypeString},
		Description: "Names the request in logs and errors; echoed in the reply. If it is absent, the server makes one.",
	})
	failed := registry.Schema(reflect.TypeFor[symapi.Error](), true, "Error")
	bulk := registry.Schema(reflect.TypeFor[symapi.BulkReply](), true, "BulkReply")
	op.Responses = map[string]*huma.Response{"default": errorResponse("Any other failure", failed)}
	for _, status := range append(op.Errors, http.StatusUnauthorized, http.StatusForbidden) {
		op.Responses[strconv.Itoa(status)] = errorResponse(http.StatusText(status), failed)
	}
	if op.Metadata[bulkMetadata] != nil {
		for _, status := range []int{http.StatusBadRequest, http.StatusNotFound, http.StatusConflict} {
			op.Responses[strconv.Itoa(status)] = errorResponse("Nothing was done; results names each failure",
				&huma.Schema{AnyOf: []*huma.Schema{bulk, failed}})
		}
	}
	if body, ok := op.Metadata[streamMetadata].(reflect.Type); ok {
		op.Responses[strconv.Itoa(http.StatusOK)] = &huma.Response{
			Content: map[string]*huma.MediaType{"application/json": {Schema: registry.Schema(body, true, body.Name())}}}
	}
	op.Errors = nil // the framework would describe its own error type
}

const bulkMetadata = "bulk"

func errorResponse(description string, schema *huma.Schema) *huma.Response {
	return &huma.Response{Description: description,
		Content: map[string]*huma.MediaType{"application/json": {Schema: schema}}}
}
