// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// textCheck makes a validator of a check. Unknown and null pass.
type textCheck struct {
	summary   string
	describes string
	check     func(string) error
}

var _ validator.String = textCheck{}

func (c textCheck) Description(context.Context) string { return c.describes }

func (c textCheck) MarkdownDescription(context.Context) string { return c.describes }

func (c textCheck) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if !isSet(req.ConfigValue) {
		return
	}
	if err := c.check(req.ConfigValue.ValueString()); err != nil {
		addInvalid(&resp.Diagnostics, req.Path, c.summary, err)
	}
}

// userCheck checks that a string names a user.
var userCheck = textCheck{
	summary: "Invalid User", describes: "must be a person's e-mail or a bot's username",
	check: func(name string) error {
		_, err := identity.ParseUser(name)
		return err
	},
}

// serviceTypeCheck warns of a service type that is nearly a known one. Any type
// may be meant, so that it is no error.
type serviceTypeCheck struct{}

var likelyServiceType = []validator.String{serviceTypeCheck{}}

func (serviceTypeCheck) Description(context.Context) string {
	return "should not be nearly a known service type"
}

func (c serviceTypeCheck) MarkdownDescription(ctx context.Context) string { return c.Description(ctx) }

func (serviceTypeCheck) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	name := req.ConfigValue.ValueString()
	if identity.ValidateServiceType(name) != nil { // unknown and null as well
		return
	}
	if likely := identity.LikelyServiceType(name); likely != "" {
		resp.Diagnostics.AddAttributeWarning(req.Path, "Service Type Is Not a Known One",
			placeOf(req.Path)+fmt.Sprintf("%q is not a known service type, but %q is. If that is meant, write:\n\n  service_type = %q\n\n"+
				"A type of your own is fine, if the service is registered under it.", name, likely, likely))
	}
}

// serviceKey reads a service from its two attributes, as serviceAt does.
func serviceKey(serviceType, externalID types.String, diags *diag.Diagnostics) (key identity.ServiceKey, ok bool) {
	return serviceAt(path.Empty(), serviceType, externalID, diags)
}

// serviceAt reads a service from two attributes of what is at a path. ok is false
// while one is unknown or null, or when one is wrong, which is then in diags at the
// attribute that is wrong.
func serviceAt(at path.Path, serviceType, externalID types.String, diags *diag.Diagnostics) (key identity.ServiceKey, ok bool) {
	if !isSet(serviceType) {
		return key, false
	}
	// The type alone can be wrong while the external id is still unknown.
	if err := identity.ValidateServiceType(serviceType.ValueString()); err != nil {
		addInvalid(diags, at.AtName("service_type"), "Invalid Service Type", err)
		return key, false
	}
	if !isSet(externalID) {
		return key, false
	}
	key = identity.ServiceKey{Type: serviceType.ValueString(), ExternalID: externalID.ValueString()}
	if err := key.Validate(); err != nil {
		if _, bad := strconv.Atoi(key.ExternalID); bad == nil && key.Type == "aws_iam" {
			quoted := *identity.AsError(err)
			quoted.Hint += ". Write it in quotes: a number loses the zeros it begins with"
			err = &quoted
		}
		addInvalid(diags, at.AtName("external_id"), "Invalid External ID", err)
		return key, false
	}
	return key, true
}

// addInvalid reports a value that is wrong in itself, at its attribute.
func addInvalid(diags *diag.Diagnostics, at path.Path, summary string, err error) {
	var e *identity.Error
	detail := sentence(err.Error())
	if errors.As(err, &e) {
		detail = sentence(e.Message)
		if e.Hint != "" {
			detail += "\n\n" + sentence(e.Hint)
		}
	}
	addAt(diags, at, summary, detail)
}

// addAt reports what is wrong at an attribute. The CLI shows the attribute of a
// resource alone, so that a place inside of it goes into the text.
func addAt(diags *diag.Diagnostics, at path.Path, summary, detail string) {
	diags.AddAttributeError(at, summary, placeOf(at)+detail)
}

// elementErrors takes the errors about the elements of one attribute. It reports the
// first maxListed, and counts the others.
type elementErrors struct {
	diags *diag.Diagnostics
	at    path.Path
	count int
}

// next returns where to report one more error.
func (e *elementErrors) next() *diag.Diagnostics {
	if e.count++; e.count > maxListed {
		return &diag.Diagnostics{}
	}
	return e.diags
}

// end reports how many errors were left out, if any were.
func (e *elementErrors) end() {
	if more := e.count - maxListed; more > 0 {
		addAt(e.diags, e.at, "Further Elements Are Wrong", fmt.Sprintf("%s wrong as well. Correct those above first.", countOf(more, "element is", "elements are")))
	}
}

// placeOf returns what a detail begins with: a place inside of an attribute.
func placeOf(at path.Path) string {
	if len(at.Steps()) > 1 {
		return at.String() + ": "
	}
	return ""
}
