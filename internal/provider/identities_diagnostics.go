// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// planFindings holds what the checks of a plan found.
type planFindings struct {
	overwritten []refusal // another value is stored, and apply overwrites it
	refused     []refusal // another value is stored, and a person decided on it
	held        []refusal // the account is somebody else's
}

// rowPath returns the attribute of an error about some rows: a single row's own
// place, else the map.
func rowPath(rows []mappingRow) path.Path {
	if len(rows) == 1 {
		return path.Root("identities").AtMapKey(rows[0].raw)
	}
	return path.Root("identities")
}

// report adds one error for all conflicts, or one warning for all overwritten
// values.
func (f planFindings) report(diags *diag.Diagnostics, service identity.ServiceKey, of int) {
	var parts []string
	if len(f.refused) > 0 {
		parts = append(parts, "A person mapped these users to other accounts by hand, which is not overwritten:\n\n"+
			listing(each(f.refused, refusal.line)))
	}
	if len(f.held) > 0 {
		parts = append(parts, "The account is stored for somebody else, so that one of the two would have the other's access:\n\n"+
			listing(each(f.held, refusal.line)))
	}
	refused := slices.Concat(f.refused, f.held) // a user may be in both lists
	rows := refusedRows(refused)
	if len(rows) > 0 {
		diags.AddAttributeError(rowPath(rows), "Identity Mappings Conflict With What Is Stored",
			fmt.Sprintf("In %s, %d of %s cannot be stored; nothing was changed.\n\n%s\n\n%s",
				service, len(identity.Distinct(usersOf(rows))), countOf(of, "mapping", "mappings"), strings.Join(parts, "\n\n"), remedyOf(refused,
					"To keep what is stored, declare it; all manual mappings of the service are imported by:\n\n  "+importCommand(service.String())+
						"\n\nTo overwrite it, set overwrite = true.")))
		return
	}
	if len(f.overwritten) > 0 {
		diags.AddAttributeWarning(path.Root("identities"), fmt.Sprintf("Stored Identities Will Be Overwritten: %s", service),
			fmt.Sprintf("For %s in %s another identity is stored than the one declared. Applying overwrites it.\n\n%s\n\n"+
				"To keep what is stored, declare it instead.",
				countOf(len(f.overwritten), "user", "users"), service, listing(each(f.overwritten, refusal.line))))
	}
}

// warnUnlisted names every mapping that is to go away without having been in
// state: no diff of this plan shows them.
func warnUnlisted(diags *diag.Diagnostics, service identity.ServiceKey, going []mappingRow) {
	diags.AddAttributeWarning(path.Root("exclusive"), fmt.Sprintf("Unlisted Mappings Will Be Removed: %s", service),
		fmt.Sprintf("With exclusive = true, identities holds all manual mappings of %s. It does not list %s:\n\n%s\n\n"+
			"Applying this plan removes none of them. The plan after it shows each as an entry that goes away. "+
			"To keep one, add it to identities. The users themselves stay.",
			service, countOf(len(going), "manual mapping", "manual mappings"), wholeListing(valuesIn(going))))
}

// removalsFree is how many mappings state holds before a plan may not remove any
// number of them.
const removalsFree = 20

// removalLimit returns how many mappings a plan may remove, and why; bounded is
// false where there is no limit or it is not known yet.
func removalLimit(plan identitiesModel, inState int) (limit int, why string, bounded bool) {
	switch {
	case plan.MaxRemovals.IsUnknown(), plan.MaxRemovals.IsNull() && inState < removalsFree:
		return 0, "", false
	case !plan.MaxRemovals.IsNull():
		return int(plan.MaxRemovals.ValueInt64()), "as max_removals says", true
	}
	return inState / 5, fmt.Sprintf("as max_removals is not set, a fifth of the %d in state", inState), true
}

// checkRemovals refuses a plan that removes more mappings than it may: a broken
// file must not empty a service. The error names the number that allows it.
func checkRemovals(diags *diag.Diagnostics, plan identitiesModel, inState int, removed []mappingRow) {
	limit, why, bounded := removalLimit(plan, inState)
	if !bounded || len(removed) <= limit {
		return
	}
	diags.AddAttributeError(path.Root("identities"), "Too Many Mappings Would Be Removed",
		fmt.Sprintf("In %s, this plan would remove %s of the %d in state. It may remove %d, %s. Nothing was changed.\n\n%s\n\n"+
			"Check where identities come from: a file that is cut off or has lost a column looks like this. If they are all to go, set:\n\n  max_removals = %d",
			plan.service(), countOf(len(removed), "mapping", "mappings"), inState, limit, why, listing(valuesIn(removed)), len(removed)))
}

// warnRemovalsUnknown warns that a plan cannot show which mappings go away: who
// is listed is known only when it is applied.
func warnRemovalsUnknown(diags *diag.Diagnostics, plan identitiesModel, inState []mappingRow) {
	most := "It may remove any of them"
	if limit, why, bounded := removalLimit(plan, len(inState)); bounded {
		most = fmt.Sprintf("It may remove at most %d, %s", limit, why)
	}
	diags.AddAttributeWarning(path.Root("identities"), fmt.Sprintf("Removals Are Not Known Yet: %s", plan.service()),
		fmt.Sprintf("In %s, the keys of identities are unknown until apply, so this plan cannot show which of %s in state go away. %s.\n\n%s\n\n"+
			"To see each removal before it happens, apply what identities depends on first: terraform apply -target=ADDRESS. To allow none, set:\n\n  max_removals = 0",
			plan.service(), countOf(len(inState), "mapping", "mappings"), most, listing(valuesIn(inState))))
}

// addIncomplete reports an apply that failed in part, as one error. creating says that
// nothing of it is in state.
func (a *identitiesApply) addIncomplete(diags *diag.Diagnostics, action string, creating bool) {
	service, written, removed := a.writer.service, a.writing, a.removal
	fatal := cmp.Or(written.fatal, removed.fatal)
	unsent, unsure := slices.Concat(removed.unsent, written.unsent), slices.Concat(removed.unsure, written.unsure)
	refused := slices.Concat(written.refused, removed.refused)
	done := len(written.done) + len(removed.done) + len(removed.left)
	if done == 0 && len(refused) == 0 && identity.CodeOf(fatal) == identity.CodeServiceNotFound {
		addUnregistered(diags, service, nil)
		return
	}
	and := " and "
	if len(unsure) > 0 {
		and = fmt.Sprintf(", %s may be stored, and ", countOf(len(unsure), "change", "changes"))
	}
	parts := []string{fmt.Sprintf("In %s, %s could not be made%s%s.", service,
		countOf(len(refused)+len(unsent), "change", "changes"), and, countOf(done, "was made", "were made"))}
	list := func(title string, lines []string) {
		if len(lines) > 0 {
			parts = append(parts, title+"\n\n"+listing(lines))
		}
	}
	list("Not stored:", each(written.refused, refusal.line))
	list("Not removed:", each(removed.refused, refusal.removalLine))
	conflict := "Plan again to see what is stored now."
	if creating {
		conflict = "To keep what is stored, declare it; to overwrite what was mapped by hand, set overwrite = true."
	}
	if remedy := remedyOf(refused, conflict); remedy != "" {
		parts = append(parts, remedy)
	}
	if fatal != nil {
		parts = append(parts, failureDetail("", service.String(), fatal))
		list("It is not known whether these changes are stored:", usersIn(unsure))
		list("Because of that these were not changed:", usersIn(unsent))
	}
	if creating {
		list("These were stored and stay so, but are not in Terraform's state; the next apply adopts them:", usersIn(written.done))
	}
	detail := strings.Join(parts, "\n\n")
	if rows := refusedRows(written.refused); fatal == nil && len(rows) > 0 {
		diags.AddAttributeError(rowPath(rows), failureSummary(action), detail)
		return
	}
	diags.AddError(failureSummary(action), detail)
}

// remedyOf says what to do about rows that were refused; conflict is the remedy where
// another value is stored.
func remedyOf(refused []refusal, conflict string) string {
	has := func(code identity.Code) bool {
		return slices.ContainsFunc(refused, func(x refusal) bool { return x.err.Code == code })
	}
	var remedies []string
	if has(identity.CodeIdentityConflict) {
		remedies = append(remedies, conflict)
	}
	if has(identity.CodeIdentityClaimed) {
		remedies = append(remedies, "Where an account changed hands, remove or change the other user's mapping first. Where both really use it, set allow_shared = true.")
	}
	return strings.Join(remedies, " ")
}

// line says in one line why a row was refused.
func (x refusal) line() string {
	switch {
	case x.err.Code == identity.CodeIdentityConflict && x.err.Stored != nil:
		return fmt.Sprintf("%s: stored %s, declared %s", x.row.user, describe(*x.err.Stored), x.row.value)
	case x.err.Code == identity.CodeIdentityClaimed && x.err.Holder != "":
		line := fmt.Sprintf("%s: %s belongs to %s", x.row.user, x.row.value, x.err.Holder)
		if x.heldAs != nil {
			line += fmt.Sprintf(", under the name %s", x.heldAs)
		}
		return line
	}
	return fmt.Sprintf("%s: %s", x.row.user, sentence(x.err.Error()))
}

// removalLine says in one line why a row was not removed.
func (x refusal) removalLine() string {
	if x.err.Code == identity.CodeIdentityConflict && x.err.Stored != nil {
		return fmt.Sprintf("%s: stored %s, in state %s", x.row.user, describe(*x.err.Stored), x.row.value)
	}
	return x.line()
}

func usersIn(rows []mappingRow) []string {
	return each(rows, func(row mappingRow) string { return string(row.user) })
}

func valuesIn(rows []mappingRow) []string {
	return each(rows, func(row mappingRow) string { return fmt.Sprintf("%s: %s", row.user, row.value) })
}

// warnRowsLeft names mappings that were not removed, because somebody else has
// asserted them since, or this resource never did.
func warnRowsLeft(diags *diag.Diagnostics, service identity.ServiceKey, left []refusal) {
	if len(left) == 0 {
		return
	}
	diags.AddWarning(fmt.Sprintf("Identity Mappings Kept: %s", service),
		fmt.Sprintf("In %s, %s not what this resource stored last: another resource or a person stored them again. "+
			"They were left in place. To remove them as well, remove them where they are declared now.\n\n%s", service, countOf(len(left), "mapping is", "mappings are"), listing(each(left, refusal.assertedLine))))
}

// warnRowsOwnedElsewhere tells a resource that it does not own some of its
// mappings any more.
func warnRowsOwnedElsewhere(diags *diag.Diagnostics, service identity.ServiceKey, rows []refusal) {
	diags.AddWarning(fmt.Sprintf("Identity Mappings Are Owned Elsewhere: %s", service),
		fmt.Sprintf("In %s, %s stored again, with the same value, after this resource stored them last. "+
			"Another resource or a person owns them now, so removing them here will leave them in place. If they are declared twice, remove one of the two. "+
			"To own them here again, replace this resource: terraform apply -replace=ADDRESS.\n\n%s", service, countOf(len(rows), "mapping was", "mappings were"), listing(each(rows, refusal.assertedLine))))
}

// assertedLine says in one line what is stored now.
func (x refusal) assertedLine() string {
	if x.err.Stored == nil {
		return fmt.Sprintf("%s: %s, which this resource never stored", x.row.user, x.row.value)
	}
	return fmt.Sprintf("%s: %s", x.row.user, describe(*x.err.Stored))
}

func warnRowsGone(diags *diag.Diagnostics, service identity.ServiceKey, rows []mappingRow, storeCreated bool) {
	detail := noteEmptyStore(fmt.Sprintf("In %s, %s removed outside of this configuration and dropped from state; what the configuration still declares "+
		"the next apply stores again.\n\n%s", service, countOf(len(rows), "mapping was", "mappings were"), listing(valuesIn(rows))), storeCreated)
	diags.AddWarning(fmt.Sprintf("Identity Mappings Are Gone: %s", service), detail)
}

const reusedIdentitiesSummary = "Identities Belong to Other Accounts Now"

// How an entry gets the account that has its name now, if it is in state, and if it is
// stored alone.
const (
	declareEntryAgain = "remove the entry, apply, and declare it again."
	adoptEntryAgain   = "the stored mapping has to go first: leave out the entry, import the mapping into a sym_identity, remove that resource, and declare the entry again."
)

// reusedRows says that entries name accounts of others, and ends with how to accept
// those accounts.
func reusedRows(service identity.ServiceKey, rows []mappingRow, reused reusedIdentities, again string) string {
	return fmt.Sprintf("In %s, these identities are names of other accounts now:\n\n%s\n\n"+
		"Keeping the mappings would give these users somebody else's access.\n\n"+
		"Find out what each account is called now and declare that, or the other account that the user has. If a user left, remove the entry. "+
		"If the account that has the name now is the user's, %s",
		service, listing(each(rows, func(row mappingRow) string {
			was := reused[row.user]
			return fmt.Sprintf("%s: %s (the account that was mapped has the id %s)", row.user, was.Identity, was.AccountID)
		})), again)
}

// warnRowsRenamed prints the entries of accounts that have other names now, if there
// are any: all of them, as no attribute has them.
func warnRowsRenamed(diags *diag.Diagnostics, service identity.ServiceKey, accounts []renamedAccount) {
	if len(accounts) == 0 {
		return
	}
	diags.AddWarning("Accounts Were Renamed: "+service.String(), fmt.Sprintf("In %s, accounts have other names now. The old names may be given to somebody else.\n\n"+
		"Declare the new names:\n\n%s", service, wholeListing(each(accounts, func(a renamedAccount) string {
		return fmt.Sprintf("%s = %s # was %s", hclString(a.row.raw), hclString(a.is), a.was)
	}))))
}

func addNoMappingsToImport(diags *diag.Diagnostics, service identity.ServiceKey) {
	diags.AddError("Identity Mappings Not Found",
		fmt.Sprintf("No manual mapping is stored in %s, so there is nothing to import.\n\n"+
			"Check the service key, or declare the mappings and apply them instead of importing them.", service))
}

// rowProblem says what is wrong with one entry.
type rowProblem struct {
	raw     string
	problem string // one line
}

// addInvalidRows reports all rows that are wrong, as one error. A single one
// is reported at its own place in the map.
func addInvalidRows(diags *diag.Diagnostics, of int, problems []rowProblem) {
	const summary = "Invalid Identity Mappings"
	lines := each(problems, func(p rowProblem) string { return fmt.Sprintf("identities[%q]: %s", p.raw, sentence(p.problem)) })
	switch len(problems) {
	case 0:
	case 1:
		diags.AddAttributeError(path.Root("identities").AtMapKey(problems[0].raw), summary, lines[0])
	default:
		diags.AddAttributeError(path.Root("identities"), summary,
			fmt.Sprintf("%d of %s are wrong:\n\n%s", len(problems), countOf(of, "entry", "entries"), listing(lines)))
	}
}

// maxListedRows bounds how many rows a diagnostic lists: who reads more than that
// looks for the cause elsewhere.
const maxListedRows = 100

// listing returns an indented list of at most maxListedRows lines. Terraform does
// not wrap indented lines.
func listing(lines []string) string {
	more := ""
	if len(lines) > maxListedRows {
		more = fmt.Sprintf("\n  and %d more", len(lines)-maxListedRows)
		lines = lines[:maxListedRows]
	}
	return wholeListing(lines) + more
}

// wholeListing returns a listing without bounds.
func wholeListing(lines []string) string { return "  " + strings.Join(lines, "\n  ") }

func countOf(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
