// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"errors"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// valuePath is the attribute that holds the mapping's value.
func (m identityModel) valuePath() path.Path {
	if m.Identity.IsNull() {
		return path.Root("matcher")
	}
	return path.Root("identity")
}

// describe shows a stored value with where it came from.
func describe(m identity.Mapping) string {
	text := fmt.Sprintf("%s (source %s", m.Matcher, m.Source.OrManual())
	if m.Rule != "" {
		text += fmt.Sprintf(" %q", m.Rule)
	}
	if m.UpdatedBy != "" {
		text += ", by " + m.UpdatedBy
	}
	if !m.UpdatedAt.IsZero() {
		text += ", " + m.UpdatedAt.UTC().Format("2006-01-02 15:04 MST")
	}
	return text + ")"
}

func warnOverwrite(diags *diag.Diagnostics, key mappingKey, want identity.Matcher, stored identity.Mapping) {
	diags.AddWarning(
		fmt.Sprintf("Stored Identity Will Be Overwritten: %s in %s", key.user, key.service),
		fmt.Sprintf("For %s in %s another identity is stored than the one declared. Applying overwrites it.\n\n  stored:   %s\n  declared: %s\n\n"+
			"To keep what is stored, declare it instead.",
			key.user, key.service, describe(stored), want))
}

func addStoredOtherwise(diags *diag.Diagnostics, key mappingKey, m identityModel, want identity.Matcher, stored identity.Mapping) {
	diags.AddAttributeError(m.valuePath(), "Another Identity Is Stored",
		fmt.Sprintf("For %s in %s another identity was mapped by hand than the one declared here, and a decision of a person is never overwritten silently.\n\n"+
			"  stored:   %s\n  declared: %s\n\n"+
			"To keep what is stored, declare it and import it:\n\n  %s\n\n"+
			"To overwrite it, set overwrite = true.",
			key.user, key.service, describe(stored), want, importCommand(key.String())))
}

func addHeld(diags *diag.Diagnostics, key mappingKey, m identityModel, want identity.Matcher, holder identity.UserKey) {
	diags.AddAttributeError(m.valuePath(), "Account Belongs to Another User",
		fmt.Sprintf("%s in %s is stored for %s, so it cannot be mapped to %s as well: one of the two would have the other's access.\n\n"+
			"If the account changed hands, or %s is the same person's earlier e-mail, remove or change that mapping first (a moved block from its resource to this one does both in one apply). "+
			"If both really use this account, set allow_shared = true.",
			want, key.service, holder, key.user, holder))
}

// addWriteFailure reports a write that the API refused, at the attribute that
// is at fault where one is.
func addWriteFailure(diags *diag.Diagnostics, action string, key mappingKey, m identityModel, want identity.Matcher, err error) {
	var e *identity.Error
	if !errors.As(err, &e) {
		addFailure(diags, action, string(key.user), key.service.String(), err)
		return
	}
	switch {
	case e.Code == identity.CodeIdentityClaimed && e.Holder != "":
		addHeld(diags, key, m, want, e.Holder)
	case e.Code == identity.CodeServiceNotFound:
		addUnregistered(diags, key.service, nil)
	case e.Code == identity.CodeIdentityConflict && e.Stored != nil:
		addChangedSince(diags, key, want, *e.Stored, err)
	default:
		addFailure(diags, action, string(key.user), key.service.String(), err)
	}
}

// addUnregistered reports a service that is not registered; registered are the
// services of its type, where they are known.
func addUnregistered(diags *diag.Diagnostics, service identity.ServiceKey, registered []identity.ServiceKey) {
	known := ""
	if len(registered) > 0 {
		known = "\n\nRegistered services of type " + service.Type + ":\n"
		for _, k := range registered {
			known += "\n  " + k.String()
		}
	}
	diags.AddAttributeError(path.Root("external_id"), "Service Is Not Registered",
		fmt.Sprintf("No service is registered for %s, so nobody can be mapped in it.%s\n\n"+
			"If the external ID is right, register the service first, in the server's configuration file or here:\n\n%s",
			service, known, serviceBlock(service)))
}

func addChangedSince(diags *diag.Diagnostics, key mappingKey, expected identity.Matcher, stored identity.Mapping, err error) {
	diags.AddError("Identity Mapping Changed Meanwhile",
		fmt.Sprintf("The mapping of %s in %s was changed by somebody else since it was read, so it was left as it is.\n\n"+
			"  stored now:      %s\n  this run's value: %s\n\n"+
			"Run terraform plan again: it shows the difference, and the next apply decides knowing it.%s",
			key.user, key.service, describe(stored), expected, saidByServer(err)))
}

func warnAssertedSince(diags *diag.Diagnostics, key mappingKey, stored identity.Mapping) {
	diags.AddWarning(
		fmt.Sprintf("Identity Mapping Kept: %s in %s", key.user, key.service),
		fmt.Sprintf("The mapping of %s in %s was stored again after this resource read it, with the same value: %s. "+
			"Another resource or a person asserts it now, as after moving it between resources, so it was left in place and only forgotten here. To remove it as well, remove it there.",
			key.user, key.service, describe(stored)))
}

func warnGone(diags *diag.Diagnostics, key mappingKey, state identityModel, storeCreated bool) {
	matcher, _ := state.matcher()
	detail := fmt.Sprintf("The mapping of %s in %s (%s) is not stored any more: it was removed outside of this configuration. "+
		"It was dropped from state; while the configuration declares it, the next apply stores it again.", key.user, key.service, matcher)
	if storeCreated {
		detail += "\n\nThe embedded store's file did not exist and was created empty. If it should not be empty, " +
			"check the store setting and the working directory before you apply."
	}
	diags.AddWarning(fmt.Sprintf("Identity Mapping Is Gone: %s in %s", key.user, key.service), detail)
}

func addNothingToImport(diags *diag.Diagnostics, key mappingKey) {
	diags.AddError("Identity Mapping Not Found",
		fmt.Sprintf("No identity is stored for %s in %s, so there is nothing to import.\n\n"+
			"Check the e-mail and the service key, or declare the mapping and apply it instead of importing it.", key.user, key.service))
}

func addBadImportID(diags *diag.Diagnostics, err error) {
	diags.AddError("Invalid Import ID",
		sentence(err.Error())+"\n\nThe import id of sym_identity is USER,SERVICE_TYPE:EXTERNAL_ID, as in:\n\n  "+
			importCommand("ada@example.com,okta:acme.okta.com"))
}

func addBadState(diags *diag.Diagnostics, m identityModel) {
	diags.AddError("Invalid Identity Mapping in State",
		fmt.Sprintf("The values user = %s, service_type = %s, external_id = %s do not name a mapping. "+
			"Remove the resource from state and import it again.", m.User, m.ServiceType, m.ExternalID))
}
