// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

func TestDeclaredMappings(t *testing.T) {
	t.Parallel()
	okta := mustService("okta:acme.okta.com")
	at := path.Root("declared")
	tests := map[string]struct {
		service identity.ServiceKey
		written map[string]attr.Value
		want    map[identity.UserKey]identity.Matcher
		diags   diag.Diagnostics
	}{
		"people and bots": {
			okta, map[string]attr.Value{" Ada@ACME.com ": types.StringValue("00u1"), "deploy-bot": types.StringValue("00b1")},
			map[identity.UserKey]identity.Matcher{"ada@acme.com": {"user_id": "00u1"}, "deploy-bot": {"user_id": "00b1"}}, nil,
		},
		"the type's own key": {
			mustService("google:acme.com"), map[string]attr.Value{"ada@acme.com": types.StringValue("ada@acme.com")},
			map[identity.UserKey]identity.Matcher{"ada@acme.com": {"email": "ada@acme.com"}}, nil,
		},
		"unknown is left out": {
			okta, map[string]attr.Value{"ada@acme.com": types.StringUnknown(), "bob@acme.com": types.StringValue("00u2")},
			map[identity.UserKey]identity.Matcher{"bob@acme.com": {"user_id": "00u2"}}, nil,
		},
		"one person twice": {
			okta, map[string]attr.Value{"ada@acme.com": types.StringValue("00u1"), "Ada@acme.com": types.StringUnknown()},
			map[identity.UserKey]identity.Matcher{},
			diag.Diagnostics{diag.NewAttributeErrorDiagnostic(at.AtMapKey("ada@acme.com"), "Duplicate User",
				`The keys "Ada@acme.com" and "ada@acme.com" are the same user, ada@acme.com: e-mails compare without case and outer spaces. Keep one of them.`)},
		},
		"not a user": {
			okta, map[string]attr.Value{"ada lovelace": types.StringValue("00u1")}, map[identity.UserKey]identity.Matcher{},
			diag.Diagnostics{diag.NewAttributeErrorDiagnostic(at.AtMapKey("ada lovelace"), "Invalid User",
				"\"ada lovelace\" is neither an e-mail nor a username.\n\nAn e-mail holds an @; a bot's username has no @, comma or space.")},
		},
		"empty and null": {
			okta, map[string]attr.Value{"ada@acme.com": types.StringValue(""), "bob@acme.com": types.StringNull()}, map[identity.UserKey]identity.Matcher{},
			diag.Diagnostics{
				diag.NewAttributeErrorDiagnostic(at.AtMapKey("ada@acme.com"), "Invalid Identity",
					"Identity value cannot be empty.\n\nTo unmap the user, delete the mapping instead."),
				diag.NewAttributeErrorDiagnostic(at.AtMapKey("bob@acme.com"), "Invalid Identity",
					"Identity value cannot be empty.\n\nTo unmap the user, delete the mapping instead."),
			},
		},
		"another account's ARN": {
			mustService("aws_iam:123456789012"), map[string]attr.Value{"ada@acme.com": types.StringValue("arn:aws:iam::999999999999:user/ada")}, map[identity.UserKey]identity.Matcher{},
			diag.Diagnostics{diag.NewAttributeErrorDiagnostic(at.AtMapKey("ada@acme.com"), "Invalid Identity",
				"The identity \"arn:aws:iam::999999999999:user/ada\" is invalid for aws_iam:123456789012.\n\n"+
					"Its account is 999999999999, but the service's external ID is 123456789012.")},
		},
		"managed": {
			mustService("auth0:acme"), map[string]attr.Value{"ada@acme.com": types.StringValue("x")}, nil,
			diag.Diagnostics{diag.NewAttributeErrorDiagnostic(at, "Identities Cannot Be Declared",
				"Identities of auth0:acme cannot be declared or deleted: they are managed by Sym.\n\nRemove the mapping; Sym keeps these identities itself.")},
		},
		"managed, none declared": {mustService("auth0:acme"), nil, map[identity.UserKey]identity.Matcher{}, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var diags diag.Diagnostics
			got := declaredMappings(types.MapValueMust(types.StringType, test.written), test.service, at, &diags)
			if diff := cmp.Diff(test.diags, diags); diff != "" {
				t.Errorf("diagnostics (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("declared (-want +got):\n%s", diff)
			}
		})
	}
	for name, value := range map[string]types.Map{"null": types.MapNull(types.StringType), "unknown": types.MapUnknown(types.StringType)} {
		var diags diag.Diagnostics
		if got := declaredMappings(value, okta, at, &diags); len(got)+len(diags) > 0 {
			t.Errorf("%s: got %v and %v", name, got, diags)
		}
	}
}
