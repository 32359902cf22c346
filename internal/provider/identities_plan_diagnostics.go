// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// planFindings is what the checks of a plan found.
type planFindings struct {
	overwritten []rowAndStored // another value is stored, and apply overwrites it
	refused     []rowAndStored // another value is stored, and a person decided on it
	held        []heldRow      // the account is somebody else's
}

type rowAndStored struct {
	row    mappingRow
	stored identity.Mapping
}

type heldRow struct {
	row    mappingRow
	holder identity.UserKey
}

// rowPath is where an error about some rows points: at the row where it is
// one, else at the map.
func rowPath(rows []mappingRow) path.Path {
	if len(rows) == 1 {
		return path.Root("identities").AtMapKey(rows[0].spelled)
	}
	return path.Root("identities")
}

func (x rowAndStored) line() string {
	return fmt.Sprintf("%s: stored %s, declared %s", x.row.user, describe(x.stored), x.row.value)
}

func (x heldRow) line() string {
	return fmt.Sprintf("%s: %s belongs to %s", x.row.user, x.row.value, x.holder)
}

// report adds one error for all conflicts, or one warning for all overwritten
// values.
func (f planFindings) report(diags *diag.Diagnostics, plan identitiesObject, of int) {
	rows := make([]mappingRow, 0, len(f.refused)+len(f.held))
	var parts []string
	if len(f.refused) > 0 {
		parts = append(parts, "Another identity was mapped by hand, and a decision of a person is never overwritten silently:\n\n"+
			listing(linesOf(f.refused)))
	}
	if len(f.held) > 0 {
		parts = append(parts, "The account is stored for somebody else, so that one of the two would have the other's access:\n\n"+
			listing(linesOf(f.held)))
	}
	for _, x := range f.refused {
		rows = append(rows, x.row)
	}
	for _, x := range f.held {
		rows = append(rows, x.row)
	}
	if len(rows) > 0 {
		diags.AddAttributeError(rowPath(rows), "Identity Mappings Conflict With What Is Stored",
			fmt.Sprintf("In %s, %d of %s cannot be stored; nothing was changed.\n\n%s\n\n%s",
				plan.service, len(distinctRows(rows)), countOf(of, "mapping", "mappings"), strings.Join(parts, "\n\n"), f.remedy(plan)))
		return
	}
	if len(f.overwritten) > 0 {
		diags.AddAttributeWarning(path.Root("identities"), fmt.Sprintf("Stored Identities Will Be Overwritten: %s", plan.service),
			fmt.Sprintf("For %s in %s another identity is stored than the one declared. Applying overwrites it.\n\n%s\n\n"+
				"To keep what is stored, declare it instead.",
				countOf(len(f.overwritten), "user", "users"), plan.service, listing(linesOf(f.overwritten))))
	}
}

func (f planFindings) remedy(plan identitiesObject) string {
	var remedies []string
	if len(f.refused) > 0 {
		remedies = append(remedies, "To keep what is stored, declare it; all manual mappings of the service are imported by:\n\n  "+
			importCommand(plan.service.String())+"\n\nTo overwrite it, set overwrite = true.")
	}
	if len(f.held) > 0 {
		remedies = append(remedies, "Where an account changed hands, remove or change the other user's mapping first. "+
			"Where both really use it, set allow_shared = true.")
	}
	return strings.Join(remedies, " ")
}

type liner interface{ line() string }

func linesOf[T liner](list []T) []string {
	lines := make([]string, len(list))
	for i, x := range list {
		lines[i] = x.line()
	}
	return lines
}

func distinctRows(rows []mappingRow) map[identity.UserKey]bool {
	users := make(map[identity.UserKey]bool, len(rows))
	for _, row := range rows {
		users[row.user] = true
	}
	return users
}

// warnUnlisted names every mapping that goes away without having been in
// state: no diff shows them.
func warnUnlisted(diags *diag.Diagnostics, service identity.ServiceKey, going []mappingRow) {
	lines := make([]string, len(going))
	for i, row := range going {
		lines[i] = fmt.Sprintf("%s: %s", row.user, row.value)
	}
	diags.AddAttributeWarning(path.Root("exclusive"), fmt.Sprintf("Unlisted Mappings Will Be Removed: %s", service),
		fmt.Sprintf("exclusive = true makes identities all manual mappings of %s. Applying removes %s that it does not list:\n\n%s\n\n"+
			"To keep one, add it to identities. The users themselves stay.",
			service, countOf(len(going), "manual mapping", "manual mappings"), wholeListing(lines)))
}
