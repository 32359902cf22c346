// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// warnAdoption shows what creating an existing user overwrites; nothing where
// nothing is.
func warnAdoption(diags *diag.Diagnostics, plan userModel, stored identity.User) {
	var changes strings.Builder
	for _, f := range []struct {
		name   string
		plan   types.String
		stored string
	}{
		{"first_name", plan.FirstName, stored.FirstName},
		{"last_name", plan.LastName, stored.LastName},
		{"role", plan.Role, string(stored.Role)},
	} {
		if isSet(f.plan) && f.stored != "" && f.plan.ValueString() != f.stored {
			fmt.Fprintf(&changes, "\n  %s: %q becomes %q", f.name, f.stored, f.plan.ValueString())
		}
	}
	if changes.Len() == 0 {
		return
	}
	diags.AddWarning(fmt.Sprintf("Existing User Will Be Changed: %s", stored.Key),
		fmt.Sprintf("%s exists already (id %s). Applying adopts the user and overwrites:\n%s\n\nLeave an attribute out to keep what is stored.",
			stored.Key, stored.ID, changes.String()))
}

// addNameTaken refuses a rename. err is the API's refusal, nil where the plan
// found it.
func addNameTaken(diags *diag.Diagnostics, plan, state userModel, err error) {
	said := ""
	if err != nil {
		said = saidByServer(err)
	}
	diags.AddAttributeError(plan.namePath(), "Name Belongs to Another User",
		fmt.Sprintf("%s cannot be renamed to %s: another user has that name, and two users are never merged.\n\n"+
			"If both are the same person, map the identities of one to the other and delete it. "+
			"If the other user is to be renamed or deleted as well, apply that first.%s", state.name(), plan.name(), said))
}

// addRoleNotSet reports a creation of which the last step failed.
func addRoleNotSet(diags *diag.Diagnostics, key identity.UserKey, role identity.Role, err error) {
	diags.AddError(failureSummary("Set the Role of a New User"),
		fmt.Sprintf("%s is stored, but without the role %s, and is not in state. The next apply adopts the user and sets the role.\n\n%s",
			key, role, failureDetail(string(key), "", err)))
}

func addUserGone(diags *diag.Diagnostics, state userModel) {
	diags.AddError("User Is Gone",
		fmt.Sprintf("%s (id %s) was deleted since state was refreshed, so nothing was changed. Run terraform plan again: it shows what to create.",
			state.name(), state.ID.ValueString()))
}

func addStillMapped(diags *diag.Diagnostics, stored identity.User) {
	var list strings.Builder
	for _, m := range stored.Mappings {
		fmt.Fprintf(&list, "\n  %s: %s", m.Service, describe(m))
	}
	diags.AddError("User Still Has Identities",
		fmt.Sprintf("%s was not deleted, because these identities would be deleted with the user:\n%s\n\n"+
			"Remove them first; those that this configuration declares go first when they refer to this resource (user = sym_user.NAME.%s). "+
			"To delete them with the user, set delete_identities = true, apply that, and destroy then. "+
			"To keep the user and only forget it here, use a removed block with destroy = false.",
			stored.Key, list.String(), nameAttribute(stored)))
}

func nameAttribute(u identity.User) string {
	if u.Key.IsEmail() {
		return "email"
	}
	return "username"
}

// warnUserGone tells that a user was deleted; recreated says that another one
// has the name now.
func warnUserGone(diags *diag.Diagnostics, state userModel, recreated, storeCreated bool) {
	next := "while the configuration declares it, the next apply creates it again, without the identities it had."
	if recreated {
		next = "another user has the name since; while the configuration declares it, the next apply adopts that one."
	}
	detail := fmt.Sprintf("%s (id %s) was deleted outside of this configuration. It was dropped from state; %s", state.name(), state.ID.ValueString(), next)
	if storeCreated {
		detail += "\n\nThe embedded store's file did not exist and was created empty. If it should not be empty, " +
			"check the store setting and the working directory before you apply."
	}
	diags.AddWarning("User Is Gone: "+state.name(), detail)
}

func addBadUserImport(diags *diag.Diagnostics, err error) {
	diags.AddError("Invalid Import ID", sentence(err.Error())+
		"\n\nThe import id of sym_user is an e-mail, a bot's username or a user's id, as in:\n\n  "+importCommand("ada@example.com"))
}

func addNoUserToImport(diags *diag.Diagnostics, text, id string) {
	diags.AddError("User Not Found",
		fmt.Sprintf("No user has the e-mail, username or id %q, so there is nothing to import.\n\n"+
			"Check the name, or declare the user and apply it instead of importing it.", cmp.Or(text, id)))
}
