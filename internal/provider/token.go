// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/sym-identity/terraform-provider-sym/internal/client"
)

// tokenKind says where the token comes from.
type tokenKind string

const (
	tokenStatic   tokenKind = "static"   // Value is the token
	tokenFile     tokenKind = "file"     // Value is a path; read again when it changes
	tokenJob      tokenKind = "job"      // Value is a variable with the token of an HCP Terraform run
	tokenActions  tokenKind = "actions"  // asked for in a GitHub Actions job, and again before it expires
	tokenSymflow  tokenKind = "symflow"  // symflow's own login file
	tokenMissing  tokenKind = "missing"  // Value is the variable of jwt_env_var that is not set
	tokenNotAsked tokenKind = "embedded" // no token is used
)

type tokenSetting struct {
	Kind  tokenKind
	Value string
}

// Variables about tokens. The CI systems' own count only where an audience is
// set: their tokens are as good as the job, and are shown to nobody unasked.
const (
	envToken     = "SYM_JWT"
	envTokenFile = "SYM_TOKEN_FILE"

	envActions      = "GITHUB_ACTIONS"
	envActionsURL   = "ACTIONS_ID_TOKEN_REQUEST_URL"
	envActionsToken = "ACTIONS_ID_TOKEN_REQUEST_TOKEN"

	envTerraformJob       = "TFC_RUN_ID"
	envTerraformToken     = "TFC_WORKLOAD_IDENTITY_TOKEN"
	envTerraformTokenSym  = "TFC_WORKLOAD_IDENTITY_TOKEN_SYM"
	envTerraformTokenAims = "TFC_WORKLOAD_IDENTITY_AUDIENCE_SYM"
)

// token finds the first source that is there: the configuration's in the order
// token, token_file, jwt_env_var, then SYM_JWT and SYM_TOKEN_FILE, then the
// identity of the CI job, then symflow.
func (w *weigher) token(config providerModel, embedded bool, audience string) tokenSetting {
	switch named := config.JWTEnvVar.ValueString(); {
	case embedded:
		return tokenSetting{Kind: tokenNotAsked}
	case !config.Token.IsNull():
		return tokenSetting{tokenStatic, config.Token.ValueString()}
	case !config.TokenFile.IsNull():
		return tokenSetting{tokenFile, config.TokenFile.ValueString()}
	case named != "" && w.env(named) != "":
		return tokenSetting{tokenStatic, w.env(named)}
	case named != "":
		// Falling back to another token here would act as somebody else.
		return tokenSetting{tokenMissing, named}
	case w.env(envToken) != "":
		return tokenSetting{tokenStatic, w.env(envToken)}
	case w.env(envTokenFile) != "":
		return tokenSetting{tokenFile, w.env(envTokenFile)}
	}
	if audience != "" {
		for _, name := range []string{envTerraformTokenSym, envTerraformToken} {
			if w.env(name) != "" {
				return tokenSetting{tokenJob, name}
			}
		}
		if w.env(envActionsURL) != "" {
			return tokenSetting{Kind: tokenActions}
		}
	}
	return tokenSetting{Kind: tokenSymflow}
}

const noToken = "No Token for the Identity API"

// token is the source of the bearer token.
func (c connector) token(diags *diag.Diagnostics) (func(context.Context) (string, error), bool) {
	switch setting := c.settings.Token; setting.Kind {
	case tokenStatic:
		return client.StaticToken(setting.Value), true
	case tokenFile:
		return client.FileToken(setting.Value), true
	case tokenJob:
		return c.jobToken(diags, setting.Value)
	case tokenActions:
		get, err := client.ActionsToken(c.env(envActionsURL), c.env(envActionsToken), c.settings.OIDCAudience, nil)
		if err != nil {
			diags.AddError(noToken, sentence(err.Error())+" GitHub sets both variables in jobs that have the permission id-token: write.")
		}
		return get, err == nil
	case tokenMissing:
		diags.AddError(noToken, fmt.Sprintf("jwt_env_var names the variable %s, which is not set or empty. "+
			"Set it where Terraform runs, or correct jwt_env_var.", setting.Value))
		return nil, false
	}
	return c.symflowToken(diags)
}

// jobToken is the token that HCP Terraform gives a run.
func (c connector) jobToken(diags *diag.Diagnostics, name string) (func(context.Context) (string, error), bool) {
	token := c.env(name)
	if err := client.TokenFor(token, c.settings.OIDCAudience); err != nil {
		diags.AddError(noToken, fmt.Sprintf("%s holds the token of this run, but %s. "+
			"Set the workspace's environment variable %s to the audience that oidc_audience (or SYM_OIDC_AUDIENCE) names.",
			name, err, envTerraformTokenAims))
		return nil, false
	}
	return client.StaticToken(token), true
}

func (c connector) symflowToken(diags *diag.Diagnostics) (func(context.Context) (string, error), bool) {
	remedy := "Set one of: SYM_JWT; token_file (or SYM_TOKEN_FILE); jwt_env_var with the name of the variable that holds it; token; " +
		"or log in with symflow login." + c.jobHint()
	login, err := client.SymflowLogin(c.symflowLogin)
	switch {
	case c.symflowLogin == "" || errors.Is(err, fs.ErrNotExist):
		diags.AddError(noToken, "No token is configured, and symflow's login file is not there. "+remedy)
		return nil, false
	case err != nil:
		diags.AddError(noToken, sentence(err.Error())+" "+remedy)
		return nil, false
	case login.Org != "" && c.wrongOrg(diags, login.Org, "symflow's login ("+c.symflowLogin+") is of"):
		return nil, false
	}
	return client.StaticToken(login.Token), true
}

// jobHint says what a CI job lacks to have an identity of its own.
func (c connector) jobHint() string {
	switch wants := c.settings.OIDCAudience != ""; {
	case c.env(envActions) != "" && wants:
		return " This is a GitHub Actions job without the permission id-token: write, so that it has no identity of its own."
	case c.env(envTerraformJob) != "" && wants:
		return " This is a run of HCP Terraform without an identity of its own: set the workspace's environment variable " + envTerraformTokenAims + " to the value of oidc_audience."
	case c.env(envActions) != "" || c.env(envTerraformJob) != "":
		return " With oidc_audience (or SYM_OIDC_AUDIENCE) this job's own identity serves as token."
	}
	return ""
}

func (c connector) env(name string) string {
	if c.lookupEnv == nil {
		return ""
	}
	value, _ := c.lookupEnv(name)
	return value
}
