// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

// lister is the part of the protocol that terraform query speaks.
func (p *protocolServer) lister() tfprotov6.ListResourceServer {
	p.t.Helper()
	l, ok := p.server.(tfprotov6.ListResourceServer)
	if !ok {
		p.t.Fatal("the provider lists nothing")
	}
	return l
}

// list runs a list block until it ends or has given take results.
func (p *protocolServer) list(typeName string, config map[string]any, limit int64, withResource bool, take int) (results []tfprotov6.ListResourceResult, diags []*tfprotov6.Diagnostic) {
	p.t.Helper()
	stream, err := p.lister().ListResource(p.t.Context(), &tfprotov6.ListResourceRequest{
		TypeName: typeName, Config: p.value(p.schema.ListResourceSchemas[typeName], config), IncludeResource: withResource, Limit: limit,
	})
	p.must(err)
	stopped := false
	stream.Results(func(r tfprotov6.ListResourceResult) bool {
		if stopped {
			p.t.Error("a result was pushed after the end")
		}
		diags = append(diags, r.Diagnostics...)
		if r.Identity != nil {
			results = append(results, r)
		}
		stopped = len(results) == take
		return !stopped
	})
	return results, diags
}

func displayNames(results []tfprotov6.ListResourceResult) []string {
	out := []string{}
	for _, r := range results {
		out = append(out, r.DisplayName)
	}
	slices.Sort(out)
	return out
}

const everything = -1 // take all results

func TestListResources_schema(t *testing.T) {
	t.Parallel()
	for _, construct := range newProvider("test", lookupIn(nil)).ListResources(t.Context()) {
		var resp list.ListResourceSchemaResponse
		construct().ListResourceConfigSchema(t.Context(), list.ListResourceSchemaRequest{}, &resp)
		if diags := resp.Schema.ValidateImplementation(t.Context()); diags.HasError() {
			t.Error(diags)
		}
	}
	p := newProtocolServer(t, nil, nil)
	for name, s := range p.schema.ListResourceSchemas {
		wantDescription(t, name, s.Block.Description)
		checkAttributes(t, "list."+name, s.Block.Attributes)
		p.resource(name) // it lists instances of this
	}
	if len(p.schema.ListResourceSchemas) != 3 {
		t.Errorf("%d list resources", len(p.schema.ListResourceSchemas))
	}
}

func TestIdentityListResource_validate(t *testing.T) {
	t.Parallel()
	p := newProtocolServer(t, nil, nil)
	for name, tt := range map[string]struct {
		config map[string]any
		want   []string
	}{
		"none":    {config: map[string]any{}},
		"all":     {config: map[string]any{"service_type": "okta", "external_id": "acme.okta.com", "user": "ada@acme.com", "source": "email"}},
		"unknown": {config: map[string]any{"service_type": unknown, "external_id": unknown, "user": unknown, "source": unknown}},
		"no type": {config: map[string]any{"external_id": "acme.okta.com"}, want: []string{`AttributeName("external_id"): Missing Service Type`}},
		"all wrong": {config: map[string]any{"service_type": "aws_iam", "external_id": "1", "user": "", "source": "me"}, want: []string{
			`AttributeName("external_id") … 12 digit`, `AttributeName("user"): Invalid User`, `AttributeName("source") … "email"`,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			resp, err := p.lister().ValidateListResourceConfig(t.Context(), &tfprotov6.ValidateListResourceConfigRequest{
				TypeName: "sym_identity", Config: p.value(p.schema.ListResourceSchemas["sym_identity"], tt.config),
			})
			p.must(err)
			wantDiagnostics(t, resp.Diagnostics, tt.want...)
		})
	}
}

func TestIdentityListResource_filters(t *testing.T) {
	t.Parallel()
	p := newProtocolServer(t, nil, stocked(t).settings(map[string]any{"token": testGuestToken}))
	const (
		adaGitHub, adaLDAP, adaOkta = "ada@acme.com in github:acme: Ada-L", "ada@acme.com in ldap:corp: dn=cn=ada, realm=corp", "ada@acme.com in okta:acme.okta.com: 00u1"
		bot, grace                  = "deploy-bot in github:acme: acme-bot", "grace@acme.com in okta:acme.okta.com: 00u2"
	)
	for name, tt := range map[string]struct {
		config map[string]any
		want   []string
	}{
		"all":          {config: map[string]any{}, want: []string{adaGitHub, adaLDAP, adaOkta, bot, grace}},
		"type":         {config: map[string]any{"service_type": "okta"}, want: []string{adaOkta, grace}},
		"service":      {config: map[string]any{"service_type": "github", "external_id": "acme"}, want: []string{adaGitHub, bot}},
		"nobody in it": {config: map[string]any{"service_type": "okta", "external_id": "beta.okta.com"}, want: []string{}},
		"user":         {config: map[string]any{"user": "Ada@ACME.com"}, want: []string{adaGitHub, adaLDAP, adaOkta}},
		"no such user": {config: map[string]any{"user": "nobody@acme.com"}, want: []string{}},
		"source":       {config: map[string]any{"source": "manual"}, want: []string{adaLDAP, adaOkta, bot}},
		"combined":     {config: map[string]any{"source": "email", "service_type": "okta", "user": "grace@acme.com"}, want: []string{grace}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			results, diags := (&protocolServer{t: t, server: p.server, schema: p.schema}).list("sym_identity", tt.config, 0, false, everything)
			wantDiagnostics(t, diags)
			if diff := cmp.Diff(tt.want, displayNames(results)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			for _, r := range results {
				if r.Resource != nil {
					t.Errorf("%s has a resource that nobody asked for", r.DisplayName)
				}
			}
		})
	}
}

// roundTrip does what terraform query with generated configuration and an apply
// do: the configuration of each result validates, and planning it on what
// importing the result gives changes nothing. It returns the configurations.
func (p *protocolServer) roundTrip(typeName string) []map[string]any {
	p.t.Helper()
	schema := p.resource(typeName)
	results, diags := p.list(typeName, map[string]any{}, 0, true, everything)
	wantDiagnostics(p.t, diags)
	var configs []map[string]any
	for _, r := range results {
		listed := p.plain(schema, r.Resource)
		generated, err := p.server.GenerateResourceConfig(p.t.Context(), &tfprotov6.GenerateResourceConfigRequest{TypeName: typeName, State: r.Resource})
		p.must(err)
		wantDiagnostics(p.t, generated.Diagnostics)
		config := p.plain(schema, generated.Config)
		wantDiagnostics(p.t, p.validate(typeName, config))

		imported, err := p.server.ImportResourceState(p.t.Context(), &tfprotov6.ImportResourceStateRequest{TypeName: typeName, Identity: r.Identity})
		p.must(err)
		wantDiagnostics(p.t, imported.Diagnostics)
		state := p.plain(schema, imported.ImportedResources[0].State)
		if diff := cmp.Diff(listed, state); diff != "" {
			p.t.Errorf("%s (-listed +imported):\n%s", r.DisplayName, diff)
		}
		plan := p.plan(typeName, state, config)
		wantDiagnostics(p.t, plan.Diagnostics)
		if diff := cmp.Diff(state, p.plain(schema, plan.PlannedState)); diff != "" || len(plan.RequiresReplace) > 0 {
			p.t.Errorf("%s: the plan is not empty (-state +plan):\n%s", r.DisplayName, diff)
		}
		configs = append(configs, config)
	}
	return configs
}

func TestIdentityListResource_roundTrip(t *testing.T) {
	t.Parallel()
	forms := map[string]int{}
	for _, config := range newProtocolServer(t, nil, stocked(t).settings()).roundTrip("sym_identity") {
		for _, form := range []string{"identity", "matcher"} {
			if config[form] != nil {
				forms[form]++
			}
		}
	}
	if diff := cmp.Diff(map[string]int{"identity": 4, "matcher": 1}, forms); diff != "" {
		t.Errorf("forms (-want +got):\n%s", diff)
	}
}

// crowd is an API with more mapped people than one page holds.
func crowd(t *testing.T, people int) *testServer {
	t.Helper()
	api := newTestServer(t).register(testOkta)
	writes := make([]store.UserWrite, people)
	for i := range writes {
		name := fmt.Sprintf("p%05d@acme.com", i)
		writes[i] = store.UserWrite{Key: mustUser(name), Name: name, Mappings: []store.MappingWrite{
			{Service: mustService(testOkta), Matcher: identity.NewMatcher("okta", fmt.Sprintf("00u%d", i)), Source: identity.Manual},
		}}
	}
	if _, err := api.Store.UpsertUsers(t.Context(), testActor, writes); err != nil {
		t.Fatal(err)
	}
	return api
}

func TestIdentityListResource_limits(t *testing.T) {
	t.Parallel()
	const people = symapi.MaxPage + 100
	api := crowd(t, people)
	p := newProtocolServer(t, nil, api.settings())
	for name, tt := range map[string]struct {
		limit    int64
		take     int
		want     int
		requests int
	}{
		"no limit":            {limit: 0, take: everything, want: people, requests: 2},
		"Terraform's default": {limit: 100, take: everything, want: 100, requests: 1},
		"a page":              {limit: symapi.MaxPage, take: everything, want: symapi.MaxPage, requests: 1},
		"more than there are": {limit: 2 * people, take: everything, want: people, requests: 2},
		"Terraform stops":     {limit: 0, take: 7, want: 7, requests: 1},
		"stops at the limit":  {limit: 7, take: 7, want: 7, requests: 1},
	} {
		api.forget()
		p.nextRun()
		results, diags := p.list("sym_identity", map[string]any{}, tt.limit, true, tt.take)
		wantDiagnostics(t, diags)
		if requests := len(api.requests("GET users")); len(results) != tt.want || requests != tt.requests {
			t.Errorf("%s: %d results from %d requests, want %d from %d", name, len(results), requests, tt.want, tt.requests)
		}
	}
}

func TestIdentityListResource_failures(t *testing.T) {
	t.Parallel()
	api := crowd(t, symapi.MaxPage+100)
	p := newProtocolServer(t, nil, api.settings())
	_, diags := p.list("sym_identity", map[string]any{"service_type": "okta", "external_id": "acme.com"}, 0, false, everything)
	wantDiagnostics(t, diags, `AttributeName("external_id"): Service Is Not Registered … okta:acme.com … okta:acme.okta.com`)
	_, diags = p.list("sym_identity", map[string]any{"service_type": "slack", "external_id": "lower"}, 0, false, everything)
	wantDiagnostics(t, diags, `AttributeName("external_id") … Must start with 'T'`)

	// The second page fails: what came before is there, and so is the error.
	p.nextRun()
	api.onRequest(func(r *http.Request) {
		if r.URL.Query().Has("cursor") {
			r.Method = http.MethodTrace
		}
	})
	results, diags := p.list("sym_identity", map[string]any{}, 0, false, everything)
	wantDiagnostics(t, diags, "Unable to List Identity Mappings … GET /api/v1/users")
	if len(results) != symapi.MaxPage {
		t.Errorf("%d results before the error", len(results))
	}

	wrong := newProtocolServer(t, nil, api.settings(map[string]any{"token": "wrong", "skip_credentials_validation": true}))
	_, diags = wrong.list("sym_identity", map[string]any{}, 0, false, everything)
	if !hasError(diags) {
		t.Error("a wrong token lists nothing without an error")
	}
}

// TestIdentityListResource_managed: what cannot be declared is not offered.
func TestIdentityListResource_managed(t *testing.T) {
	t.Parallel()
	api := newTestServer(t)
	p := newProtocolServer(t, nil, api.settings())
	api.answerNext(1, http.MethodGet, "users", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"users":[{"id":"1","type":"normal","role":"member","identities":[
			{"service":{"slug":"sym","external_id":"cloud"},"matcher":{"email":"ada@acme.com"}},
			{"service":{"slug":"auth0","external_id":"acme"},"matcher":{"idp_id":"x|1"}},
			{"service":{"slug":"okta","external_id":"acme.okta.com"},"matcher":{"user_id":"00u1"}}]}]}`))
	})
	results, diags := p.list("sym_identity", map[string]any{}, 1, true, everything)
	wantDiagnostics(t, diags)
	if diff := cmp.Diff([]string{"ada@acme.com in okta:acme.okta.com: 00u1"}, displayNames(results)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
