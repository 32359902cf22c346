// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/sym-identity/terraform-provider-sym/internal/client"
)

// tokenKind says where the token comes from.
type tokenKind string

const (
	tokenStatic   tokenKind = "static"   // Value is the token
	tokenFile     tokenKind = "file"     // Value is a path; read again when it changes
	tokenJob      tokenKind = "job"      // Value is a variable with the token of an HCP Terraform run
	tokenActions  tokenKind = "actions"  // asked for in a GitHub Actions job, and again before it expires
	tokenSymflow  tokenKind = "symflow"  // symflow's own login file; without it, a client certificate does
	tokenMissing  tokenKind = "missing"  // Value is the variable of jwt_env_var that is not set
	tokenNotAsked tokenKind = "embedded" // no token is used
)

type tokenSetting struct {
	Kind  tokenKind
	Value string
	From  string // where it comes from, as diagnostics say it
}

// Variables about tokens. Those of CI systems are used only where an audience is
// set: their tokens can do what the job can, so they are sent only on request.
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

// token returns the first source that is set: in the configuration token,
// token_file and jwt_env_var, then SYM_JWT and SYM_TOKEN_FILE, then the identity
// of the CI job, then symflow's login.
func (r *resolver) token(model Model, embedded bool, audience string) tokenSetting {
	switch named := model.JWTEnvVar.ValueString(); {
	case embedded:
		return tokenSetting{Kind: tokenNotAsked}
	case !model.Token.IsNull():
		return tokenSetting{tokenStatic, model.Token.ValueString(), "the attribute token"}
	case !model.TokenFile.IsNull():
		return tokenSetting{tokenFile, model.TokenFile.ValueString(), "the file " + model.TokenFile.ValueString() + " (token_file)"}
	case named != "" && r.env(named) != "":
		return tokenSetting{tokenStatic, r.env(named), "the variable " + named + " (jwt_env_var)"}
	case named != "":
		// Falling back to another token here would act as somebody else.
		return tokenSetting{Kind: tokenMissing, Value: named}
	case r.env(envToken) != "":
		return tokenSetting{tokenStatic, r.env(envToken), "the variable " + envToken}
	case r.env(envTokenFile) != "":
		return tokenSetting{tokenFile, r.env(envTokenFile), "the file " + r.env(envTokenFile) + " (" + envTokenFile + ")"}
	}
	if audience != "" {
		for _, name := range []string{envTerraformTokenSym, envTerraformToken} {
			if r.env(name) != "" {
				return tokenSetting{tokenJob, name, "the variable " + name}
			}
		}
		if r.env(envActionsURL) != "" {
			return tokenSetting{Kind: tokenActions, From: "this GitHub Actions job"}
		}
	}
	return tokenSetting{Kind: tokenSymflow, From: "symflow's login file"}
}

const noToken = "No Token for the Identity API"

// tokenSource returns the source of the bearer token, nil where the client certificate
// does without.
func (c connector) tokenSource() (func(context.Context) (string, error), error) {
	switch setting := c.settings.Token; setting.Kind {
	case tokenStatic:
		return client.StaticToken(setting.Value), nil
	case tokenFile:
		return client.FileToken(setting.Value), nil
	case tokenJob:
		return c.jobToken(setting.Value)
	case tokenActions:
		get, err := client.ActionsToken(c.env(envActionsURL), c.env(envActionsToken), c.settings.OIDCAudience, nil)
		if err != nil {
			return nil, &Error{Title: noToken, Err: err, Detail: "GitHub sets both variables in jobs that have the permission id-token: write."}
		}
		return get, nil
	case tokenMissing:
		return nil, &Error{Title: noToken, Detail: fmt.Sprintf("jwt_env_var names the variable %s, which is not set or empty. "+
			"Set it where Terraform runs, or correct jwt_env_var.", setting.Value)}
	}
	return c.symflowToken()
}

// jobToken returns the token that HCP Terraform gives a run in a variable.
func (c connector) jobToken(variable string) (func(context.Context) (string, error), error) {
	token := c.env(variable)
	if _, err := client.CheckAudience(token, c.settings.OIDCAudience); err != nil {
		return nil, &Error{Title: noToken, Err: fmt.Errorf("%s holds the token of this run, but %w", variable, err),
			Detail: "Set the workspace's environment variable " + envTerraformTokenAims + " to the audience that oidc_audience (or SYM_OIDC_AUDIENCE) names."}
	}
	return client.StaticToken(token), nil
}

// symflowToken returns the token in symflow's login file, nil as tokenSource does.
func (c connector) symflowToken() (func(context.Context) (string, error), error) {
	file := c.symflowFile()
	login, err := client.SymflowLogin(file)
	switch missing := file == "" || errors.Is(err, fs.ErrNotExist); {
	case missing && c.settings.ClientCertFile != "":
		return nil, nil // the certificate says who asks
	case missing:
		err = errors.New("no token is configured, and symflow's login file is not there")
	case err == nil && login.Org != "":
		if err := c.checkOrg(login.Org, "symflow's login ("+file+") is of"); err != nil {
			return nil, err
		}
	}
	if err != nil {
		return nil, &Error{Title: noToken, Err: err,
			Detail: "Set one of: SYM_JWT; token_file (or SYM_TOKEN_FILE); jwt_env_var with the name of the variable that holds it; token; " +
				"or log in with symflow login." + c.jobHint()}
	}
	return client.StaticToken(login.Token), nil
}

// symflowFile returns the file in which symflow login keeps its token, "" where
// there is no home directory.
func (c connector) symflowFile() string {
	for _, name := range []string{"HOME", "USERPROFILE"} {
		if home := c.env(name); home != "" {
			return filepath.Join(home, ".config", "symflow", "default", "config.yml")
		}
	}
	return ""
}

// jobHint says what a CI job lacks to have an identity of its own.
func (c connector) jobHint() string {
	switch hasAudience := c.settings.OIDCAudience != ""; {
	case c.env(envActions) != "" && hasAudience:
		return " This is a GitHub Actions job without the permission id-token: write, so that it has no identity of its own."
	case c.env(envTerraformJob) != "" && hasAudience:
		return " This is a run of HCP Terraform without an identity of its own: set the workspace's environment variable " + envTerraformTokenAims + " to the value of oidc_audience."
	case c.env(envActions) != "" || c.env(envTerraformJob) != "":
		return " With oidc_audience (or SYM_OIDC_AUDIENCE) this job's own identity serves as token."
	}
	return ""
}

func (c connector) env(name string) string {
	value, _ := c.lookupEnv(name)
	return value
}
