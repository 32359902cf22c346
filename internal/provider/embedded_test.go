// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func embeddedSettings(file string, more map[string]any) map[string]any {
	config := map[string]any{"embedded": map[string]any{"config": file}}
	for k, v := range more {
		config[k] = v
	}
	return config
}

func TestEmbedded_createdStoreIsToldWithWhatIsGone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "sym-identityd.hcl")
	writeFile(t, file, "org = \"acme\"\nstore = \"sqlite:identities.db\"\n")

	p := newProtocolServer(t, nil, embeddedSettings(file, map[string]any{"org": "acme"}))
	if _, err := os.Stat(filepath.Join(dir, "identities.db")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("configuring opened the store: %v", err)
	}
	_, diags := p.read("sym_service", oktaServiceState())
	wantDiagnostics(t, diags, "Service Is Gone … was created empty … check the store setting … the next apply registers it again")

	second := newProtocolServer(t, nil, embeddedSettings(file, nil)) // as the next run
	_, diags = second.read("sym_service", oktaServiceState())
	wantDiagnostics(t, diags, "Service Is Gone")
	if strings.Contains(diags[0].Detail, "created empty") {
		t.Error("a store that was there is said to be new")
	}
}

func TestEmbedded_anotherOrgOpensNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "sym-identityd.hcl")
	writeFile(t, file, testEmbeddedConfig)
	for _, skip := range []bool{false, true} {
		p := newProtocolServer(t, nil, embeddedSettings(file, map[string]any{"org": "globex", "skip_credentials_validation": skip}))
		_, diags := p.read("sym_service", oktaServiceState())
		wantDiagnostics(t, diags, `Another Organization … "globex" … `+file+` … "acme"`)
	}
	if _, err := os.Stat(filepath.Join(dir, "identities.db")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("another org's store was created: %v", err)
	}
}

func TestEmbedded_badFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "sym-identityd.hcl")
	writeFile(t, file, `org   = "acme"
store = "sqlite:identities.db"
service "okta" "acme.okta.com" {
  directory "http" {
    url      = "https://okta.example.com/?email={email}"
    headers  = { Authorization = env("OKTA_TOKEN") }
    identity = "response.id"
  }
}
service "slack" "lower" {}
`)
	p := newProtocolServer(t, map[string]string{"OTHER": "hunter2"}, embeddedSettings(file, nil))
	_, diags := p.read("sym_service", oktaServiceState())
	wantDiagnostics(t, diags, "Unable to Open the Embedded Identity API … "+file+":6: … OKTA_TOKEN … "+file+":10: … Must start with 'T'")
}

func TestEmbedded_readsTheProvidersEnvironment(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "sym-identityd.hcl")
	writeFile(t, file, "org = env(\"MY_ORG\")\nstore = \"sqlite:identities.db\"\n")
	env := map[string]string{"MY_ORG": "acme", "SYM_EMBEDDED_CONFIG": file, "SYM_ORG": "acme"}
	p := newProtocolServer(t, env, map[string]any{})
	state, diags := p.apply("sym_service", nil, oktaServiceConfig("Okta"))
	wantDiagnostics(t, diags)
	if state["key"] != "okta:acme.okta.com" {
		t.Errorf("state: %v", state)
	}
}
