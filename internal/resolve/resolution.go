// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package resolve

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// Origin says which step of the chain gave an answer.
type Origin string

// Steps of the chain, in order. Custom services have Remote in place of Rule
// and Email.
const (
	Declared Origin = "declared"
	Store    Origin = "store"
	Rule     Origin = "rule"
	Email    Origin = "email"
	Remote   Origin = "fetch_remote_identity"
)

// Account names the step that asks for the account of a stored or declared
// value. It runs only where stored values are checked, and answers nothing.
const Account Origin = "account"

// Outcome says how one step ended.
type Outcome string

// Outcomes of steps.
const (
	Hit     Outcome = "hit"
	Miss    Outcome = "miss"
	Skipped Outcome = "skipped"
	Failed  Outcome = "error"
)

// Step is one line of the trace.
type Step struct {
	Name    Origin  `json:"name"`
	Outcome Outcome `json:"outcome"`
	Detail  string  `json:"detail"`
}

// Reason says why a person is unmapped.
type Reason string

// Reasons. A failure of the API, a directory or a rule is an error, not a reason.
const (
	NotFound    Reason = "not_found"
	Inactive    Reason = "inactive"
	Alias       Reason = "alias"      // no account has the address as its own, one has it as another
	Unverified  Reason = "unverified" // the service has not proved the address, or nobody approved the account
	Ambiguous   Reason = "ambiguous"  // several accounts, or several people for one account
	Claimed     Reason = "claimed"
	NoEmail     Reason = "no_email"
	OtherDomain Reason = "other_domain" // the directory is for other domains
	NoDirectory Reason = "no_directory"
)

// Resolution holds what the chain says of one user and one service.
type Resolution struct {
	User    identity.UserKey
	Service identity.ServiceKey

	Matcher      identity.Matcher      // nil: unmapped, or Err is set
	AccountID    string                // immutable id of the account; "" = not known, or the identity is the id
	Source       Origin                // "" where Matcher is nil
	Evidence     identity.Evidence     // why Matcher is believed; "" = unmapped, or the API does not say
	StoredSource identity.Source       // of what the store holds; "" where it holds nothing
	Rule         string                // name of the rule that gave the identity, now or when it was stored
	LookupEmail  string                // e-mail a lookup_email rule gave, where the lookup used it
	Reason       Reason                // why unmapped
	Holder       identity.UserKey      // with Claimed: whose account it is
	HolderAs     identity.Matcher      // with Claimed: the name by which the holder has it, nil if it is the same or not known
	Rivals       []identity.UserKey    // with Ambiguous: the first maxRivals others who get the same account, sorted; nil = one address has several accounts
	MoreRivals   int                   // how many others there are
	Candidates   []identity.Candidate  // accounts that were found but are no answer: several with Ambiguous, Alias and Unverified, the one with Claimed and Rivals
	Suggestions  []Suggestion          // with NotFound: accounts of nobody that a person may choose from; they answer nothing
	Steps        []Step                // nil: the request asked for no trace
	Stale        bool                  // of what is stored, or a rule is about to store: rules or lookup give another account, or no longer any, or the account is inactive, gone, renamed or another one
	Fresh        identity.Matcher      // with Stale: what they give instead, or the new name; nil = none
	FreshReason  Reason                // of a checked stored value: why rules and lookup give none for this user; "" where they give one
	Account      identity.AccountState // what the service says of the account of Matcher, or of the stored one; "" = not asked
	NotStored    string                // why the answer is not stored although it was to be; "" = it is, or was not to be
	Err          error                 // set where it is not known whether the user is mapped
}

// Mapped reports whether the chain found an account.
func (a Resolution) Mapped() bool { return a.Matcher != nil }

// Retired reports whether the service says that the account of a mapping is
// inactive or that there is none.
func (a Resolution) Retired() bool {
	return a.Mapped() && (a.Account == identity.AccountInactive || a.Account == identity.AccountAbsent)
}

// Reused reports whether the service says that the identity of a mapping is the
// name of another account now. It is somebody else's, so it is never an answer.
func (a Resolution) Reused() bool { return a.Mapped() && a.Account == identity.AccountReused }

// Identity returns the plain string of the matcher, if it has one.
func (a Resolution) Identity() (string, bool) {
	return a.Matcher.Identity(a.Service.Type)
}

// AccountKey returns the key by which the account is compared with others.
func (a Resolution) AccountKey() string { return a.Matcher.AccountKey(a.Service.Type) }

func (a *Resolution) step(name Origin, outcome Outcome, format string, args ...any) {
	if a.Steps == nil {
		return
	}
	a.Steps = append(a.Steps, Step{Name: name, Outcome: outcome, Detail: fmt.Sprintf(format, args...)})
}

// fail ends the chain for this person with an error.
func (a *Resolution) fail(name Origin, err error) {
	a.step(name, Failed, "%s", err)
	a.Err, a.Matcher, a.AccountID, a.Source, a.Evidence, a.Reason = err, nil, "", "", "", ""
}

// failToAsk ends the chain for this person because the service gave no answer.
func (a *Resolution) failToAsk(name Origin, about, status string, failure *identity.Error) {
	err := error(failure)
	if failure == nil {
		err = fmt.Errorf("the API answered with the status %q", status)
	}
	a.fail(name, fmt.Errorf("%s could not be asked for %s: %w", a.Service, about, err))
}

// UnregisteredError reports a service that is not registered, with the
// registered ones of its type.
type UnregisteredError struct {
	Service    identity.ServiceKey
	Registered []identity.ServiceKey // of the same type, sorted
}

// NewUnregisteredError returns the error of a service that is not among all.
func NewUnregisteredError(key identity.ServiceKey, all []identity.Service) *UnregisteredError {
	e := &UnregisteredError{Service: key}
	for _, s := range all {
		if s.Key.Type == key.Type {
			e.Registered = append(e.Registered, s.Key)
		}
	}
	slices.SortFunc(e.Registered, func(a, b identity.ServiceKey) int {
		return strings.Compare(a.ExternalID, b.ExternalID)
	})
	return e
}

func (e *UnregisteredError) Error() string {
	if len(e.Registered) == 0 {
		return fmt.Sprintf("no service is registered for %s; no service of type %s is", e.Service, e.Service.Type)
	}
	keys := make([]string, len(e.Registered))
	for i, k := range e.Registered {
		keys[i] = k.String()
	}
	return fmt.Sprintf("no service is registered for %s; registered of type %s: %s", e.Service, e.Service.Type, strings.Join(keys, ", "))
}

// ListAccounts returns accounts as a text for people, each with its name and
// state where the service shows them. People choose their names: what would begin a
// line or move a cursor is quoted.
func ListAccounts(accounts []identity.Candidate) string {
	shown := func(text string) string {
		if identity.Visible(text) {
			return text
		}
		return identity.Quote(text)
	}
	more := ""
	if n := len(accounts) - maxAccounts; n > 0 {
		accounts, more = accounts[:maxAccounts], fmt.Sprintf(" and %d more", n)
	}
	texts := make([]string, len(accounts))
	for i, a := range accounts {
		texts[i] = shown(a.Matcher.String())
		notes := slices.DeleteFunc([]string{shown(a.Name), a.State}, func(note string) bool { return note == "" })
		if len(notes) > 0 {
			texts[i] += " (" + strings.Join(notes, ", ") + ")"
		}
	}
	return strings.Join(texts, ", ") + more
}

// maxRivals bounds the rivals that a resolution names, and maxAccounts the accounts
// that a line lists: one bad rule gives one account to everybody.
const (
	maxRivals   = 5
	maxAccounts = 20
)

// ListRivals returns the rivals as text.
func (a Resolution) ListRivals() string {
	text := ListUsers(a.Rivals)
	if a.MoreRivals > 0 {
		text += fmt.Sprintf(" and %d more", a.MoreRivals)
	}
	return text
}

// ListUsers returns users as a text for people.
func ListUsers(users []identity.UserKey) string {
	texts := make([]string, len(users))
	for i, u := range users {
		texts[i] = string(u)
	}
	return strings.Join(texts, ", ")
}
