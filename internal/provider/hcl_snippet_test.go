// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/resolve"
)

func TestIdentityBlock_golden(t *testing.T) {
	t.Parallel()
	okta := mustService("okta:acme.okta.com")
	tests := map[string]struct {
		matcher identity.Matcher
		want    string
	}{
		"identity": {identity.Matcher{"user_id": "00u1"}, `resource "sym_identity" "ada_lovelace_okta" {
  user         = "ada.lovelace@acme.com"
  service_type = "okta"
  external_id  = "acme.okta.com"
  identity     = "00u1"
}`},
		"to be filled in": {nil, `resource "sym_identity" "ada_lovelace_okta" {
  user         = "ada.lovelace@acme.com"
  service_type = "okta"
  external_id  = "acme.okta.com"
  identity     = "" # fill in the Okta user ID, as in 00u1ab2cd3EF4gh5i6j7
}`},
		"matcher": {identity.Matcher{"user_id": "00u1", "a tenant": "eu"}, `resource "sym_identity" "ada_lovelace_okta" {
  user         = "ada.lovelace@acme.com"
  service_type = "okta"
  external_id  = "acme.okta.com"
  matcher = {
    "a tenant" = "eu"
    "user_id"  = "00u1"
  }
}`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, identityBlock("ada.lovelace@acme.com", okta, test.matcher)); diff != "" {
				t.Errorf("block (-want +got):\n%s", diff)
			}
		})
	}
}

// parsedBlock is the one block of a snippet: its labels and plain values.
func parsedBlock(t testing.TB, snippet string) (labels []string, values map[string]cty.Value) {
	t.Helper()
	file, diags := hclparse.NewParser().ParseHCL([]byte(snippet), "snippet.tf")
	if diags.HasErrors() {
		t.Fatalf("%s\n\n%s", diags, snippet)
	}
	body, ok := file.Body.(*hclsyntax.Body)
	if !ok || len(body.Blocks) != 1 || len(body.Attributes) != 0 {
		t.Fatalf("not one block:\n%s", snippet)
	}
	values = map[string]cty.Value{}
	for name, a := range body.Blocks[0].Body.Attributes {
		if values[name], diags = a.Expr.Value(nil); diags.HasErrors() {
			t.Fatalf("%s: %s\n\n%s", name, diags, snippet)
		}
	}
	return body.Blocks[0].Labels, values
}

var awkward = []string{
	"plain", "${var.x}", "%{ if true }", "$${x}", "%%{x}", "$", "%", `say "hi"`, `back\slash`, `\n`, "line\nfeed\ttab\r", "ünïcode ☃",
	"'quote'", "# comment", "/* c */", "}", "{", "<<EOT", "a=b", " outer ", "$${", "%", "\u2028", "",
}

func TestIdentityBlock_saysWhatItIsGiven(t *testing.T) {
	t.Parallel()
	for _, text := range awkward {
		service := identity.ServiceKey{Type: "custom", ExternalID: text}
		for _, snippet := range []string{
			identityBlock(identity.UserKey(text+"@acme.com"), service, identity.NewMatcher("custom", text)),
			indent(identityBlock(identity.UserKey(text+"@acme.com"), service, identity.NewMatcher("custom", text))),
		} {
			labels, values := parsedBlock(t, snippet)
			if labels[0] != "sym_identity" || !hclsyntax.ValidIdentifier(labels[1]) {
				t.Errorf("labels %q", labels)
			}
			for name, want := range map[string]string{"user": text + "@acme.com", "service_type": "custom", "external_id": text, "identity": text} {
				if got := values[name].AsString(); got != want {
					t.Errorf("%s is %q, want %q, in\n%s", name, got, want, snippet)
				}
			}
		}
		_, values := parsedBlock(t, identityBlock("ada@acme.com", service, identity.Matcher{"user_id": text, text + "2": text}))
		want := map[string]cty.Value{"user_id": cty.StringVal(text), text + "2": cty.StringVal(text)}
		if got := values["matcher"]; !got.RawEquals(cty.ObjectVal(want)) {
			t.Errorf("matcher is %#v", got)
		}
		if _, values := parsedBlock(t, serviceBlocks(service)[0]); values["external_id"].AsString() != text {
			t.Errorf("external_id is %#v, want %q", values["external_id"], text)
		}
	}
}

func FuzzIdentityBlock(f *testing.F) {
	for _, text := range awkward {
		f.Add(text, "okta", text)
	}
	f.Fuzz(func(t *testing.T, name, serviceType, id string) {
		user, err := identity.ParseUser(name)
		service := identity.ServiceKey{Type: serviceType, ExternalID: id}
		matcher := identity.NewMatcher(serviceType, id)
		if err != nil || service.Validate() != nil || matcher.Validate(service) != nil {
			return // such values are refused before they get here
		}
		labels, values := parsedBlock(t, indent(identityBlock(user, service, matcher)))
		// HCL normalises strings (NFC), as every value that passes through it.
		if !hclsyntax.ValidIdentifier(labels[1]) || !values["identity"].RawEquals(cty.StringVal(id)) || !values["user"].RawEquals(cty.StringVal(string(user))) {
			t.Errorf("labels %q, values %#v", labels, values)
		}
	})
}

func TestBlockLabel(t *testing.T) {
	t.Parallel()
	tests := []struct{ user, serviceType, want string }{
		{"ada@acme.com", "okta", "ada_okta"},
		{"Ada.Lovelace+x@acme.com", "aws_iam", "ada_lovelace_x_aws_iam"},
		{"deploy-bot", "github", "deploy_bot_github"},
		{"1ada@acme.com", "okta", "user_1ada_okta"},
		{"o'brien@acme.com", "okta", "o_brien_okta"},
		{"a..b@acme.com", "okta", "a_b_okta"},
		{"ödön@acme.com", "okta", "d_n_okta"},
		{"☃@acme.com", "okta", "okta"},
	}
	for _, test := range tests {
		if got := blockLabel(identity.UserKey(test.user), identity.ServiceKey{Type: test.serviceType}); got != test.want {
			t.Errorf("%s in %s: %s, want %s", test.user, test.serviceType, got, test.want)
		}
	}
	if got := label("☃", "user"); got != "user" {
		t.Errorf("nothing usable: %s", got)
	}
}

func TestImportCommand(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"ada@acme.com,okta:acme.okta.com": `terraform import ADDRESS 'ada@acme.com,okta:acme.okta.com'`,
		"o'brien@acme.com,custom:$(id)":   `terraform import ADDRESS 'o'\''brien@acme.com,custom:$(id)'`,
	}
	for id, want := range tests {
		if got := importCommand(id); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestIndent(t *testing.T) {
	t.Parallel()
	for _, l := range strings.Split(indent("a\nb\n  c"), "\n") {
		if !strings.HasPrefix(l, "  ") {
			t.Errorf("Terraform would wrap %q", l)
		}
	}
}

// A block that replaces what a person stored is refused without overwrite.
func TestReplacingBlock(t *testing.T) {
	t.Parallel()
	for source, end := range map[identity.Source]string{identity.FromEmail: "\n}", identity.Manual: "\n  overwrite    = true\n}"} {
		a := resolve.Resolution{User: "ada@acme.com", Service: mustService("okta:acme.okta.com"), StoredSource: source}
		for _, matcher := range []identity.Matcher{nil, {"user_id": "00u2"}} {
			want := strings.TrimSuffix(identityBlock(a.User, a.Service, matcher), "\n}") + end
			if got := replacingBlock(a, matcher); got != want {
				t.Errorf("stored by %s: got\n%s\nwant\n%s", source, got, want)
			}
		}
	}
}
