// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/apiclient"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/aptible"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/auth0"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/awsclient"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/awsiam"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/awssso"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/boundary"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/datadog"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/entra"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/github"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/gitlab"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/google"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/ldap"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/okta"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/onelogin"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/pagerduty"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/slack"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/tailscale"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// web reads the attributes that web lists.
func (a arguments) web() apiclient.Settings {
	return apiclient.Settings{
		BaseURL:   a.url("base_url").value,
		Timeout:   a.duration("timeout"),
		AllowHTTP: a.boolean("allow_http"),
	}
}

// idOf is the external id of a service of this type, "" where the directory
// serves a service of another type, whose external id means something else.
func idOf(service identity.ServiceKey, serviceType string) string {
	if service.Type != serviceType {
		return ""
	}
	return service.ExternalID
}

func decodeDatadog(args arguments, service identity.ServiceKey) opener {
	cfg := datadog.Config{
		Settings:     args.web(),
		Organization: idOf(service, "datadog"),
		Token:        args.secret("token"),
		ClientSecret: args.secret("client_secret"),
		IncludeBots:  args.boolean("include_bots"),
	}
	return func() (directory.Directory, error) { return datadog.Open(cfg) }
}

func decodeGitLab(args arguments, service identity.ServiceKey) opener {
	cfg := gitlab.Config{
		Settings:    args.web(),
		Domain:      idOf(service, "gitlab"),
		Token:       args.secret("token"),
		IncludeBots: args.boolean("include_bots"),
	}
	return func() (directory.Directory, error) { return gitlab.Open(cfg) }
}

func decodeGoogle(args arguments, service identity.ServiceKey) opener {
	cfg := google.Config{
		Settings:        args.web(),
		Domain:          idOf(service, "google"),
		CredentialsFile: args.path("credentials_file"),
		Impersonate:     args.str("impersonate"),
	}
	return func() (directory.Directory, error) { return google.Open(cfg) }
}

func decodeOkta(args arguments, service identity.ServiceKey) opener {
	cfg := okta.Config{Settings: args.web(), Domain: idOf(service, "okta"), Token: args.secret("token")}
	return func() (directory.Directory, error) { return okta.Open(cfg) }
}

func decodePagerDuty(args arguments, service identity.ServiceKey) opener {
	cfg := pagerduty.Config{Settings: args.web(), Subdomain: idOf(service, "pagerduty"), Token: args.secret("token")}
	return func() (directory.Directory, error) { return pagerduty.Open(cfg) }
}

func decodeSlack(args arguments, service identity.ServiceKey) opener {
	cfg := slack.Config{
		Settings:      args.web(),
		Workspace:     idOf(service, "slack"),
		Token:         args.secret("token"),
		IncludeBots:   args.boolean("include_bots"),
		IncludeGuests: args.boolean("include_guests"),
	}
	return func() (directory.Directory, error) { return slack.Open(cfg) }
}

func decodeTailscale(args arguments, service identity.ServiceKey) opener {
	cfg := tailscale.Config{
		Settings:     args.web(),
		Tailnet:      idOf(service, "tailscale"),
		Token:        args.secret("token"),
		ClientID:     args.str("client_id"),
		ClientSecret: args.secret("client_secret"),
	}
	return func() (directory.Directory, error) { return tailscale.Open(cfg) }
}

func decodeAptible(args arguments, service identity.ServiceKey) opener {
	cfg := aptible.Config{
		Settings:     args.web(),
		Organization: idOf(service, "aptible"),
		Token:        args.secret("token"),
		Username:     args.str("username"),
		Password:     args.secret("password"),
	}
	return func() (directory.Directory, error) { return aptible.Open(cfg) }
}

func decodeAuth0(args arguments, service identity.ServiceKey) opener {
	cfg := auth0.Config{
		Settings:     args.web(),
		Domain:       idOf(service, "auth0"),
		Token:        args.secret("token"),
		ClientID:     args.str("client_id"),
		ClientSecret: args.secret("client_secret"),
		Connection:   args.str("connection"),
	}
	return func() (directory.Directory, error) { return auth0.Open(cfg) }
}

func decodeBoundary(args arguments, _ identity.ServiceKey) opener {
	cfg := boundary.Config{
		Settings:   args.web(),
		Token:      args.secret("token"),
		Username:   args.str("username"),
		Password:   args.secret("password"),
		Connection: args.str("connection"),
		ScopeID:    args.str("scope_id"),
	}
	return func() (directory.Directory, error) { return boundary.Open(cfg) }
}

func decodeEntra(args arguments, service identity.ServiceKey) opener {
	cfg := entra.Config{
		Settings:      args.web(),
		Tenant:        idOf(service, "entra"),
		ClientID:      args.str("client_id"),
		ClientSecret:  args.secret("client_secret"),
		IncludeGuests: args.boolean("include_guests"),
	}
	return func() (directory.Directory, error) { return entra.Open(cfg) }
}

func decodeGitHub(args arguments, service identity.ServiceKey) opener {
	cfg := github.Config{
		Settings:     args.web(),
		Organization: idOf(service, "github"),
		Token:        args.secret("token"),
	}
	return func() (directory.Directory, error) { return github.Open(cfg) }
}

func decodeOneLogin(args arguments, service identity.ServiceKey) opener {
	cfg := onelogin.Config{
		Settings:     args.web(),
		Subdomain:    idOf(service, "onelogin"),
		ClientID:     args.str("client_id"),
		ClientSecret: args.secret("client_secret"),
	}
	return func() (directory.Directory, error) { return onelogin.Open(cfg) }
}

// aws reads the attributes that aws lists.
func (a arguments) aws() awsclient.Settings {
	return awsclient.Settings{
		Settings:     a.web(),
		Region:       a.str("region"),
		ClientID:     a.str("client_id"),
		ClientSecret: a.secret("client_secret"),
		Token:        a.secret("token"),
		Impersonate:  a.str("impersonate"),
	}
}

func decodeAWSIAM(args arguments, service identity.ServiceKey) opener {
	cfg := awsiam.Config{
		Settings: args.aws(),
		Account:  idOf(service, "aws_iam"),
		Strategy: args.str("strategy"),
		Tag:      args.str("tag"),
	}
	return func() (directory.Directory, error) { return awsiam.Open(cfg) }
}

func decodeAWSSSO(args arguments, service identity.ServiceKey) opener {
	cfg := awssso.Config{Settings: args.aws(), Instance: idOf(service, "aws_sso")}
	return func() (directory.Directory, error) { return awssso.Open(cfg) }
}

func decodeLDAP(args arguments, _ identity.ServiceKey) opener {
	cfg := ldap.Config{
		BaseURL:        args.url("base_url").value,
		Username:       args.str("username"),
		Password:       args.secret("password"),
		BaseDN:         args.str("base_dn"),
		Strategy:       args.str("strategy"),
		Filter:         args.str("filter"),
		IDAttribute:    args.str("id_attribute"),
		CAFile:         args.path("ca_file"),
		AllowPlaintext: args.boolean("allow_plaintext"),
		Timeout:        args.duration("timeout"),
	}
	return func() (directory.Directory, error) { return ldap.Open(cfg) }
}
