// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package identityd

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sym-identity/terraform-provider-sym/internal/authn/authntest"
	"github.com/sym-identity/terraform-provider-sym/internal/config"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// The examples work unchanged in embedded mode. A server needs a token of its own
// in place of the example's.
func TestExampleFiles(t *testing.T) {
	t.Parallel()
	examples := t.TempDir() // opening creates stores
	for _, name := range []string{"sym-identityd", "demo"} {
		if err := os.CopyFS(filepath.Join(examples, name), os.DirFS(filepath.Join("..", "..", "examples", name))); err != nil {
			t.Fatal(err)
		}
	}
	noEnv := func(string) (string, bool) { return "", false }
	server := mustLoad(t, filepath.Join(examples, "sym-identityd", "sym-identityd.hcl"), config.Options{LookupEnv: noEnv})
	if err := server.CheckServe(); err == nil || !strings.Contains(err.Error(), "copied from the documentation's examples") {
		t.Errorf("the example's token is not refused: %v", err)
	}
	for _, name := range []string{"sym-identityd", "demo"} {
		opts := config.Options{LookupEnv: noEnv, Embedded: true}
		instance := mustOpen(t, mustLoad(t, filepath.Join(examples, name, "sym-identityd.hcl"), opts), asTerraform())
		for key, dir := range instance.directories {
			if err := dir.Check(t.Context()); err != nil {
				t.Errorf("%s: %s: %v", name, key, err)
			}
		}
		var looked struct {
			Results []struct{ Status string }
		}
		call(t, instance, http.MethodPost, "/identities/lookup", "",
			`{"service_type":"okta","external_id":"acme.okta.com","emails":["ada.martin@acme.example","nobody@acme.example"]}`, &looked)
		if len(looked.Results) != 2 || looked.Results[0].Status != "found" || looked.Results[1].Status != "not_found" {
			t.Errorf("%s: the lookup answered %+v", name, looked)
		}
	}
}

// The examples about access accept the credentials that they name.
func TestAccessExamples(t *testing.T) {
	t.Parallel()
	from := filepath.Join("..", "..", "examples", "sym-identityd")
	jwt := mustLoad(t, filepath.Join(from, "jwt.hcl"), config.Options{})
	if len(jwt.Trusts) != 3 || jwt.CheckServe() != nil {
		t.Errorf("jwt.hcl trusts %d issuers", len(jwt.Trusts))
	}
	for _, trust := range jwt.Trusts {
		if len(trust.Roles) != 2 || trust.Roles[0].Role != identity.Admin || len(trust.Roles[0].Conditions) < 3 || trust.Roles[1].Role != identity.Member {
			t.Errorf("jwt.hcl, %s: %+v", trust.Issuer.URL, trust.Roles)
		}
	}
	servers, clients := authntest.NewAuthority(t, "servers"), authntest.NewAuthority(t, "clients")
	text, err := os.ReadFile(filepath.Join(from, "tls.hcl"))
	if err != nil {
		t.Fatal(err)
	}
	s := serveTLS(t, string(text), servers, clients)
	for _, tt := range []struct {
		leaf   authntest.Leaf
		status int
	}{
		{authntest.Leaf{URIs: []string{"spiffe://acme.example/terraform"}}, http.StatusOK},
		{authntest.Leaf{DNSNames: []string{"dashboard.acme.example"}}, http.StatusOK},
		{authntest.Leaf{CommonName: "terraform"}, http.StatusForbidden},
	} {
		if status, body, _, err := s.login(client(servers, clients.Pair(t, tt.leaf)), ""); status != tt.status {
			t.Errorf("%+v: status %d, %v: %s", tt.leaf, status, err, body)
		}
	}
}
