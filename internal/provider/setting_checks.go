// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/sym-identity/terraform-provider-sym/internal/client"
)

// checkAPIURL leaves the decision to the client, which is who uses the URL.
// Its errors never repeat a URL: one that is wrong may hold a password.
func checkAPIURL(value string) error {
	_, err := client.New(client.Config{BaseURL: value})
	return err
}

// checkHeader checks one header as the client will.
func checkHeader(name, value string) error {
	_, err := client.New(client.Config{
		BaseURL: "http://localhost", Token: client.StaticToken(""), Headers: map[string]string{name: value},
	})
	return err
}

func checkDuration(value string) error {
	d, err := time.ParseDuration(value)
	if err != nil || d <= 0 {
		return fmt.Errorf("%q is not a duration above zero; write a number with a unit, as in 30s or 2m", value)
	}
	return nil
}

// checkToken never repeats the token.
func checkToken(value string) error {
	if value == "" {
		return errors.New("the token is empty; leave the attribute out where another source gives it")
	}
	for _, r := range value {
		if r <= ' ' || r > '~' {
			return errors.New("the token holds a space, a line break or another character that no token has; it may have come along when copying it")
		}
	}
	return nil
}

// checkFilled refuses "", which would otherwise silently mean "not set".
func checkFilled(value string) error {
	if value == "" {
		return errors.New("the value is empty; leave the attribute out (or null) where it is not meant to be set")
	}
	return nil
}

// settingCheck makes a validator of a check. Unknown and null pass.
type settingCheck struct {
	describes string
	check     func(string) error
}

var _ validator.String = settingCheck{}

func (c settingCheck) Description(context.Context) string { return c.describes }

func (c settingCheck) MarkdownDescription(context.Context) string { return c.describes }

func (c settingCheck) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	if err := c.check(req.ConfigValue.ValueString()); err != nil {
		resp.Diagnostics.AddAttributeError(req.Path, "Invalid Provider Setting", sentence(err.Error()))
	}
}

// headersCheck checks each header that is known.
type headersCheck struct{}

var _ validator.Map = headersCheck{}

func (headersCheck) Description(context.Context) string {
	return "must hold headers that the provider does not set itself"
}

func (c headersCheck) MarkdownDescription(ctx context.Context) string { return c.Description(ctx) }

func (headersCheck) ValidateMap(_ context.Context, req validator.MapRequest, resp *validator.MapResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	headers := req.ConfigValue.Elements()
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		at := req.Path.AtMapKey(name)
		value, ok := headers[name].(types.String)
		if ok && value.IsNull() {
			resp.Diagnostics.AddAttributeError(at, "Invalid Provider Setting", "The header's value is null. Leave the header out where it is not to be sent.")
			continue
		}
		// The name can be wrong while the value is still unknown.
		if err := checkHeader(name, value.ValueString()); err != nil {
			resp.Diagnostics.AddAttributeError(at, "Invalid Provider Setting", sentence(err.Error()))
		}
	}
}

const maxLabelBytes = 256

// labelCheck keeps labels to what every store gives back unchanged.
var labelCheck = settingCheck{"must be 1 to 256 bytes without outer spaces and control characters", func(label string) error {
	switch {
	case label == "":
		return errors.New("the label is empty; leave it out (or null) for a service without one")
	case label != strings.TrimSpace(label):
		return errors.New("the label starts or ends with a space")
	case len(label) > maxLabelBytes || strings.ContainsFunc(label, unicode.IsControl):
		return fmt.Errorf("a label has at most %d bytes and no control characters", maxLabelBytes)
	}
	return nil
}}
