// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"unicode"
	"unicode/utf8"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/sym-identity/terraform-provider-sym/internal/client"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// addFailure reports an action that failed. action is in title case, without
// variables ("Read Identity Mapping"). user and service may be empty. The detail
// says what failed, the likely cause and what to do, and ends with the server's
// words and the request.
func addFailure(diags *diag.Diagnostics, action string, user, service string, err error) {
	var failed diag.Diagnostic = diag.NewErrorDiagnostic(failureSummary(action), failureDetail(user, service, err))
	if isOutage(err) {
		failed = outageDiagnostic{failed}
	}
	diags.Append(failed)
}

func failureSummary(action string) string { return "Unable to " + action }

func failureDetail(user, service string, err error) string {
	f := explain(err)
	about := ""
	switch {
	case strings.Contains(f.what, user) && strings.Contains(f.what, service):
		// The server's words name them already.
	case user != "" && service != "":
		about = fmt.Sprintf("For %s in %s: ", user, service)
	default:
		about = fmt.Sprintf("For %s: ", user+service)
	}
	detail := sentence(about + f.what)
	if f.remedy != "" {
		detail += " " + sentence(f.remedy)
	}
	if mayBeStored(err) {
		detail += " The change may be stored all the same: run terraform plan again to see. One that is stored already is no conflict."
	}
	if f.list != "" {
		detail += "\n\n" + f.list
	}
	return detail + requestLines(err, f.said)
}

// saidByServer returns the end of a detail: the server's words and the request.
// It returns "" for an error that came from no request.
func saidByServer(err error) string {
	words := ""
	if e := (*identity.Error)(nil); errors.As(err, &e) {
		words = e.Message
	}
	return requestLines(err, words)
}

// requestLines returns the lines behind a blank one, or "".
func requestLines(err error, words string) string {
	lines := ""
	if words != "" {
		lines = "\nThe server said: " + words
	}
	if e, ok := errors.AsType[*client.Error](err); ok {
		if e.Attempts == 0 {
			return "\n" + lines + "\nRequest, not sent: " + e.Method + " " + e.Path
		}
		lines += "\nRequest: " + e.Method + " " + e.Path
		if e.Status != 0 {
			lines += fmt.Sprintf(", status %d %s", e.Status, http.StatusText(e.Status))
			lines = strings.TrimRight(lines, " ")
		}
		if e.RequestID != "" {
			lines += ", request ID " + e.RequestID
		}
		if e.Attempts > 1 {
			lines += fmt.Sprintf(", %d attempts", e.Attempts)
		}
	}
	if lines == "" {
		return ""
	}
	return "\n" + lines
}

// explanation describes an error.
type explanation struct {
	what   string // what failed; a clause without a full stop
	remedy string // why that is likely and what to do
	list   string // of a batch: every failure
	said   string // the server's own words, unless they are in what
}

func explain(err error) explanation {
	var (
		batch  *identity.BatchError
		coded  *identity.Error
		failed *client.Error
	)
	switch {
	case errors.Is(err, client.ErrReadOnly):
		return explanation{
			what:   "the provider is read-only, so the change was not sent",
			remedy: "Remove read_only (or SYM_READ_ONLY) where changes are meant to be applied; plans need no such change",
		}
	case errors.Is(err, context.Canceled):
		return explanation{what: "the run was interrupted before this was done", remedy: "Run it again; what was already acknowledged is stored"}
	case errors.As(err, &failed) && failed.Status == 0 && failed.Attempts > 0:
		return explainNoAnswer(failed)
	case errors.As(err, &batch) && len(batch.Items) > 1:
		return explainBatch(batch)
	case errors.As(err, &coded):
		return explainCode(coded, err)
	case errors.Is(err, context.DeadlineExceeded):
		return explanation{what: "the API did not answer in time", remedy: noAnswerRemedy}
	case errors.As(err, &failed):
		return explanation{what: "the request was not sent: " + failed.Err.Error(), remedy: "Check where the token comes from, and the provider's settings"}
	}
	return explanation{what: err.Error()}
}

func explainNoAnswer(failed *client.Error) explanation {
	e := explanation{what: "the API could not be reached: " + failed.Err.Error()}
	if coded, ok := errors.AsType[*identity.Error](failed.Err); ok {
		e.what = coded.Message
	}
	if errors.Is(failed, context.DeadlineExceeded) {
		e.remedy = noAnswerRemedy
		return e
	}
	var (
		name    *net.DNSError
		step    *net.OpError
		unknown x509.UnknownAuthorityError
	)
	errors.As(failed, &step)
	switch {
	case step != nil && step.Op == "proxyconnect":
		e.remedy = "The proxy cannot be reached: check HTTPS_PROXY (HTTP_PROXY for http://), or name the host of api_url in NO_PROXY"
	case step != nil && step.Op == "remote error" && strings.Contains(step.Error(), "certificate"):
		e.remedy = "The server wants a valid client certificate of an authority that it trusts: set client_cert_file and client_key_file"
	case errors.As(failed, &name):
		e.remedy = "Check the host in api_url, and that this machine resolves it"
	case errors.Is(failed, syscall.ECONNREFUSED):
		e.remedy = "Nothing listens there: check the host and the port in api_url, and that the server runs"
	case errors.As(failed, &unknown):
		e.remedy = "The certificate is of an authority that this machine does not trust. Set ca_cert_file to the file of a private one"
	case errors.Is(failed, http.ErrSchemeMismatch):
		e.remedy = "The server speaks HTTP without TLS on this port. Correct the port in api_url, or, on this machine, write http://"
	default:
		e.remedy = "Check that api_url is right, that the server runs and that proxy and firewall let this machine through; " +
			"HTTPS_PROXY and NO_PROXY are honoured"
	}
	return e
}

const noAnswerRemedy = "Check that the API is up and reachable; request_timeout sets how long one attempt may take"

func explainBatch(batch *identity.BatchError) explanation {
	lines := each(batch.Items, func(c identity.ItemError) string { return "  - " + itemName(c) + describeCoded(c.Err) })
	return explanation{
		what:   fmt.Sprintf("the API refused %d elements of the request, so it stored none of it", len(batch.Items)),
		remedy: "Correct the elements below and apply again",
		list:   strings.Join(lines, "\n"),
	}
}

func itemName(c identity.ItemError) string {
	name := string(c.Err.User)
	if c.Err.Service != (identity.ServiceKey{}) {
		if name != "" {
			name += " in "
		}
		name += c.Err.Service.String()
	}
	return cmp.Or(name, fmt.Sprintf("element %d", c.Index+1)) + ": "
}

// describeCoded returns an error's message and the facts it carries.
func describeCoded(e *identity.Error) string {
	text := e.Message
	if e.Stored != nil && !strings.Contains(text, e.Stored.Matcher.String()) {
		text += "; stored is " + e.Stored.Matcher.String()
	}
	if e.Holder != "" && !strings.Contains(text, string(e.Holder)) {
		text += "; it belongs to " + string(e.Holder)
	}
	return text
}

// explainCode explains what a code means for somebody who runs Terraform. Codes
// about a value keep the server's words. Codes about transport and permission
// get ours, followed by the server's.
func explainCode(e *identity.Error, err error) explanation {
	if what, remedy := transportCode(e, err); what != "" {
		return explanation{what: what, remedy: strings.TrimSpace(sentence(remedy) + " " + sentence(e.Hint)), said: e.Message}
	}
	remedy := cmp.Or(e.Hint, codeRemedies[e.Code])
	if e.Retryable && (e.Code == identity.CodeDirectoryFailed || e.Code == identity.CodeAuthUnavailable) {
		remedy = cmp.Or(e.Hint, "That may pass: try again in a minute")
	}
	return explanation{what: describeCoded(e), remedy: remedy}
}

// transportCode explains codes that no value caused. For others what is "".
func transportCode(e *identity.Error, err error) (what, remedy string) {
	request := &client.Error{}
	_ = errors.As(err, &request)
	credential := cmp.Or(request.Credential, "the token")
	switch e.Code {
	case identity.CodeUnauthenticated:
		return "the API does not accept " + credential,
			"It may be expired, incomplete or of another server. Set a new one there, and check that api_url is the server that made it"
	case identity.CodeForbidden:
		return "the role of " + credential + " does not allow this",
			"Reading needs the role guest, looking people up member, changing anything admin; use a token that has the role"
	case identity.CodeMissing, identity.CodeMethod:
		return "the server at api_url does not know this call",
			"Correct api_url: that of an identity API ends in /api/v1, as in https://identity.acme.dev/api/v1"
	case identity.CodeTooLarge:
		return "the API refused the request as too large", "A proxy in front of the API may limit the size of requests"
	case identity.CodeLimited, identity.CodeBusy:
		return "the API limits how many requests it takes",
			"Try again in a minute, or set requests_per_second and max_concurrency so that a run stays below the limit"
	case identity.CodeUnavailable:
		if !e.Retryable && request.Status == 0 {
			return "", "" // the embedded instance could not be opened: its words say why
		}
		return "the API is not available at the moment",
			"Try again; if it stays so, look into the server's log for the request ID"
	case identity.CodeInternal:
		if request.Status >= 200 && request.Status < 400 {
			return "the answer is not that of an identity API",
				"Check api_url: a proxy, a login page or another server may answer there; it ends in /api/v1"
		}
		return "the server failed", "Its log has more under the request ID"
	}
	return "", ""
}

const (
	planAgain        = "Somebody changed it meanwhile; plan again to see the difference"
	correctDirectory = "That does not pass by itself: correct the directory in the server's configuration. sym-identityd check tries it"
)

// codeRemedies says what to do about errors that have no hint.
var codeRemedies = map[identity.Code]string{
	identity.CodeIdentityConflict:  planAgain,
	identity.CodeUserConflict:      planAgain,
	identity.CodeIdentityClaimed:   "Remove or change the other user's mapping first, or set allow_shared = true where both really use the account",
	identity.CodeServiceConflict:   "Declare the label that is stored, or import the service",
	identity.CodeServiceReferenced: "Remove the mappings of the service first; those of this configuration go first when they refer to this resource",
	identity.CodeServiceManaged:    "Change it where it is managed, and remove the resource here",
	identity.CodeDirectoryFailed:   correctDirectory,
	identity.CodeAuthUnavailable:   correctDirectory,
	identity.CodeNoList:            "Remove it here; people can still be looked up in it by e-mail, but which accounts are nobody's cannot be seen",
	identity.CodeListChanged:       "Accounts of the service changed each time they were read; try again",
}

// sentence returns a clause with a capital first and a full stop last. An e-mail
// or another name in front stays as it is.
func sentence(s string) string {
	s = strings.TrimSpace(s)
	if s == "" {
		return ""
	}
	first, _, _ := strings.Cut(s, " ")
	if !strings.ContainsAny(first, "@:_./=\"") {
		r, size := utf8.DecodeRuneInString(s)
		s = string(unicode.ToUpper(r)) + s[size:]
	}
	if !strings.HasSuffix(s, ".") && !strings.HasSuffix(s, "!") && !strings.HasSuffix(s, "?") {
		s += "."
	}
	return s
}

// openEnded returns s without its full stop, where another one follows: the CLI
// adds one to what functions report.
func openEnded(s string) string { return strings.TrimSuffix(s, ".") }

// addBadImportID reports an import id that cannot be read. form and example say
// what it looks like for the type.
func addBadImportID(diags *diag.Diagnostics, typeName, form, example string, err error) {
	diags.AddError("Invalid Import ID", fmt.Sprintf("%s\n\nThe import id of %s is %s, as in:\n\n  %s",
		sentence(err.Error()), typeName, form, importCommand(example)))
}

// emptyStoreNote follows "the": it explains why everything in state is gone.
const emptyStoreNote = "embedded store's file did not exist and was created empty. If it should not be empty, " +
	"check the store setting and the working directory before you apply."

// noteEmptyStore adds to a detail why everything is gone, where that is known.
func noteEmptyStore(detail string, storeCreated bool) string {
	if storeCreated {
		detail += "\n\nThe " + emptyStoreNote
	}
	return detail
}

// outage remembers that a resource has reported that the API cannot be used.
// The cause is one of the whole run, so that further resources only warn: the
// error fails the plan.
type outage struct{ reported atomic.Bool }

// outageDiagnostic is an error that every other resource would report as well.
type outageDiagnostic struct{ diag.Diagnostic }

// isOutage reports whether a request failed for a reason that has nothing to do
// with what it asked: nobody answered, or the token is not accepted.
func isOutage(err error) bool {
	var failed *client.Error
	if !errors.As(err, &failed) || failed.Attempts == 0 || errors.Is(err, context.Canceled) {
		return false
	}
	code := identity.CodeOf(err)
	return failed.Status == 0 || code == identity.CodeUnauthenticated || code == identity.CodeUnavailable
}

// foldOutage leaves the first outage of a run as it is and makes warnings of the
// others. It is deferred by what refreshes and plans, where an error elsewhere
// ends the run; what applies reports each failure.
func (r *baseResource) foldOutage(diags *diag.Diagnostics) {
	for i, d := range *diags {
		if _, ok := d.(outageDiagnostic); ok && r.data.outage.reported.Swap(true) {
			(*diags)[i] = diag.NewWarningDiagnostic(furtherSkipped, furtherSkippedDetail)
		}
	}
}

// skips reports, with a warning, that a resource need not ask the API any more.
func (o *outage) skips(diags *diag.Diagnostics) bool {
	if !o.reported.Load() {
		return false
	}
	diags.AddWarning(furtherSkipped, furtherSkippedDetail)
	return true
}

const (
	furtherSkipped       = "Further Resources Were Not Read"
	furtherSkippedDetail = "The identity API could not be used for this resource either. The error about the first one says why and what to do. State is unchanged."
)
