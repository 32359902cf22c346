// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// applyReport is what an apply that failed in part has to tell.
type applyReport struct {
	action    string
	service   identity.ServiceKey
	creating  bool // nothing of it is in state
	done      int
	written   []mappingRow
	unwritten []refusal
	unremoved []refusal
	fatal     error
	unsent    []mappingRow
}

func (a *identitiesApply) report(action string, creating bool) applyReport {
	r := applyReport{
		action: action, service: a.plan.service, creating: creating,
		done: len(a.writing.done) + len(a.removal.done) + len(a.removal.left), written: a.writing.done,
		unwritten: a.writing.refused, unremoved: a.removal.refused,
		fatal: a.writing.fatal, unsent: append(a.removal.unsent[:len(a.removal.unsent):len(a.removal.unsent)], a.writing.unsent...),
	}
	if r.fatal == nil {
		r.fatal = a.removal.fatal
	}
	return r
}

// add reports all of it as one error.
func (r applyReport) add(diags *diag.Diagnostics) {
	if r.done == 0 && len(r.unwritten)+len(r.unremoved) == 0 && identity.CodeOf(r.fatal) == identity.CodeServiceNotFound {
		addUnregistered(diags, r.service, nil)
		return
	}
	failed := len(r.unwritten) + len(r.unremoved) + len(r.unsent)
	parts := []string{fmt.Sprintf("In %s, %s could not be made and %s.", r.service,
		countOf(failed, "change", "changes"), countOf(r.done, "was made", "were made"))}
	list := func(title string, lines []string) {
		if len(lines) > 0 {
			parts = append(parts, title+"\n\n"+listing(lines))
		}
	}
	list("Not stored:", linesOf(r.unwritten))
	list("Not removed:", removalLines(r.unremoved))
	if remedy := r.remedy(); remedy != "" {
		parts = append(parts, remedy)
	}
	if r.fatal != nil {
		parts = append(parts, failureDetail("", r.service.String(), r.fatal))
		list("Because of that these were not changed, or the answer was lost:", usersIn(r.unsent))
	}
	if r.creating && len(r.written) > 0 {
		list("These were stored and stay so, but are not in Terraform's state; the next apply adopts them:", usersIn(r.written))
	}
	detail := strings.Join(parts, "\n\n")
	if rows := r.rows(); r.fatal == nil && len(rows) > 0 {
		diags.AddAttributeError(rowPath(rows), failureSummary(r.action), detail)
		return
	}
	diags.AddError(failureSummary(r.action), detail)
}

// rows are those at fault that the configuration names.
func (r applyReport) rows() []mappingRow {
	rows := make([]mappingRow, len(r.unwritten))
	for i, x := range r.unwritten {
		rows[i] = x.row
	}
	return rows
}

func (r applyReport) remedy() string {
	var conflict, claimed bool
	for _, x := range append(r.unwritten[:len(r.unwritten):len(r.unwritten)], r.unremoved...) {
		conflict = conflict || x.err.Code == identity.CodeIdentityConflict
		claimed = claimed || x.err.Code == identity.CodeIdentityClaimed
	}
	var remedies []string
	switch {
	case conflict && r.creating:
		remedies = append(remedies, "To keep what is stored, declare it; to overwrite what was mapped by hand, set overwrite = true.")
	case conflict:
		remedies = append(remedies, "Plan again to see what is stored now.")
	}
	if claimed {
		remedies = append(remedies, "Where an account changed hands, remove or change the other user's mapping first. Where both really use it, set allow_shared = true.")
	}
	return strings.Join(remedies, " ")
}

// line says in one line why a row was refused.
func (x refusal) line() string {
	switch {
	case x.err.Code == identity.CodeIdentityConflict && x.err.Stored != nil:
		return rowAndStored{x.row, *x.err.Stored}.line()
	case x.err.Code == identity.CodeIdentityClaimed && x.err.Holder != "":
		return heldRow{x.row, x.err.Holder}.line()
	}
	return fmt.Sprintf("%s: %s", x.row.user, sentence(problemText(x.err)))
}

// removalLines is why rows were not removed.
func removalLines(list []refusal) []string {
	lines := make([]string, len(list))
	for i, x := range list {
		lines[i] = x.line()
		if x.err.Code == identity.CodeIdentityConflict && x.err.Stored != nil {
			lines[i] = fmt.Sprintf("%s: stored %s, in state %s", x.row.user, describe(*x.err.Stored), x.row.value)
		}
	}
	return lines
}

func usersIn(rows []mappingRow) []string {
	lines := make([]string, len(rows))
	for i, row := range rows {
		lines[i] = string(row.user)
	}
	return lines
}

func valuesIn(rows []mappingRow) []string {
	lines := make([]string, len(rows))
	for i, row := range rows {
		lines[i] = fmt.Sprintf("%s: %s", row.user, row.value)
	}
	return lines
}

// warnRowsLeft names mappings that were not removed, because another resource
// has asserted them since.
func warnRowsLeft(diags *diag.Diagnostics, service identity.ServiceKey, rows []mappingRow) {
	if len(rows) == 0 {
		return
	}
	diags.AddWarning(fmt.Sprintf("Identity Mappings Kept: %s", service),
		fmt.Sprintf("In %s, %s stored again, with the same value, since this run read the mappings: another resource or a person asserts what this one gives up. "+
			"So nothing was removed there. To remove them as well, remove them where they are declared now.\n\n%s", service, countOf(len(rows), "mapping was", "mappings were"), listing(valuesIn(rows))))
}

func warnRowsGone(diags *diag.Diagnostics, service identity.ServiceKey, rows []mappingRow, storeCreated bool) {
	detail := fmt.Sprintf("In %s, %s removed outside of this configuration and dropped from state; what the configuration still declares "+
		"the next apply stores again.\n\n%s", service, countOf(len(rows), "mapping was", "mappings were"), listing(valuesIn(rows)))
	if storeCreated {
		detail += "\n\nThe embedded store's file did not exist and was created empty. If it should not be empty, " +
			"check the store setting and the working directory before you apply."
	}
	diags.AddWarning(fmt.Sprintf("Identity Mappings Are Gone: %s", service), detail)
}

func warnNotImported(diags *diag.Diagnostics, service identity.ServiceKey, rows []mappingRow) {
	diags.AddWarning(fmt.Sprintf("Mappings Not Imported: %s", service),
		fmt.Sprintf("In %s, %s stored as more than one string, which identities cannot hold; declare each as a sym_identity with matcher.\n\n%s",
			service, countOf(len(rows), "mapping is", "mappings are"), listing(valuesIn(rows))))
}

func addNoMappingsToImport(diags *diag.Diagnostics, service identity.ServiceKey) {
	diags.AddError("Identity Mappings Not Found",
		fmt.Sprintf("No manual mapping is stored in %s, so there is nothing to import.\n\n"+
			"Check the service key, or declare the mappings and apply them instead of importing them.", service))
}

func addBadIdentitiesState(diags *diag.Diagnostics, o identitiesObject) {
	err := errors.New("it does not name a service")
	if !o.serviceType.IsUnknown() && !o.externalID.IsUnknown() {
		err = o.service.Validate()
	}
	diags.AddError("Invalid Identity Mappings in State",
		fmt.Sprintf("The values service_type = %s, external_id = %s cannot be used: %s. Remove the resource from state and import it again.",
			o.serviceType, o.externalID, err))
}
