// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/file"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/httpjson"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/scim"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

func decodeFile(args arguments, _ identity.ServiceKey) opener {
	cfg := file.Config{Path: args.path("path")}
	return func() (directory.Directory, error) { return file.Open(cfg) }
}

func decodeHTTP(args arguments, _ identity.ServiceKey) opener {
	cfg := httpjson.Config{
		URL:            args.url("url").value,
		Headers:        args.headers("headers"),
		Identity:       args.str("identity"),
		Emails:         args.str("emails"),
		NotFoundStatus: args.integers("not_found_status"),
		AllowHTTP:      args.boolean("allow_http"),
		AllowPrivate:   args.boolean("allow_private"),
		Timeout:        args.duration("timeout"),
	}
	return func() (directory.Directory, error) { return httpjson.Open(cfg) }
}

func decodeSCIM(args arguments, _ identity.ServiceKey) opener {
	cfg := scim.Config{
		Settings:    args.web(),
		Token:       args.secret("token"),
		IDAttribute: args.str("id_attribute"),
	}
	return func() (directory.Directory, error) { return scim.Open(cfg) }
}
