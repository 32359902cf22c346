// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/sym-identity/terraform-provider-sym/internal/config"
	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/identityd"
	"github.com/sym-identity/terraform-provider-sym/internal/redact"
	"github.com/sym-identity/terraform-provider-sym/internal/resolve"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
	"github.com/sym-identity/terraform-provider-sym/internal/store/sqlstore"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

// errUnmapped is the result of a lookup that found no account for somebody.
var errUnmapped = errors.New("somebody has no account")

// lookupReport is what lookup -json prints.
type lookupReport struct {
	Service string         `json:"service"`
	Label   string         `json:"label,omitempty"`
	Results []lookupResult `json:"results"`
}

// lookupResult tells which account one person has, and why.
type lookupResult struct {
	Email  string        `json:"email"`
	Answer *lookupAnswer `json:"answer"` // null = none
	// Reason says why there is no answer, in the words of sym_resolved_identity.
	Reason     resolve.Reason   `json:"reason,omitempty"`
	Error      string           `json:"error,omitempty"` // it is not known whether there is one
	Steps      []resolve.Step   `json:"steps"`
	Accounts   []symapi.Account `json:"accounts"`             // with the address, as the service shows them
	Candidates []string         `json:"candidates,omitempty"` // identities that a person has to choose from
	Holder     string           `json:"holder,omitempty"`     // with claimed: whose account it is
}

type lookupAnswer struct {
	Identity  string         `json:"identity"`
	AccountID string         `json:"account_id,omitempty"`
	Source    resolve.Origin `json:"source"`
	Evidence  string         `json:"evidence"`
}

// lookup tells which account of a service people have: what the store holds, what
// the service shows and how that is decided. It stores nothing.
func (p *program) lookup(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("lookup", flag.ContinueOnError)
	path := flags.String("config", "", "configuration `file`")
	asJSON := flags.Bool("json", false, "print JSON, for programs")
	if done, err := p.parseFlags(flags, args); done || err != nil {
		return err
	}
	switch {
	case *path == "":
		return &usageError{"lookup needs -config FILE", usageOf(flags)}
	case flags.NArg() < 2:
		return &usageError{"lookup needs a service and at least one e-mail", usageOf(flags)}
	}
	emails := flags.Args()[1:]
	for _, email := range emails {
		if key, err := identity.ParseUser(email); err != nil || !key.IsEmail() {
			return &usageError{fmt.Sprintf("%q is not an e-mail", email), usageOf(flags)}
		}
	}
	cfg, err := p.read(*path)
	if err != nil {
		return err
	}
	st, err := identityd.OpenExisting(ctx, cfg)
	if err != nil {
		return err
	}
	report, err := p.lookUp(ctx, cfg, st, flags.Arg(0), emails)
	if st != nil {
		err = errors.Join(err, st.Close())
	}
	if err != nil {
		return err
	}
	if err := p.printLookup(report, *asJSON); err != nil {
		return err
	}
	switch {
	case slices.ContainsFunc(report.Results, func(r lookupResult) bool { return r.Error != "" }):
		return errReported
	case slices.ContainsFunc(report.Results, func(r lookupResult) bool { return r.Answer == nil }):
		return errUnmapped
	}
	return nil
}

func (p *program) lookUp(ctx context.Context, cfg *config.Config, st *sqlstore.Store, name string, emails []string) (report lookupReport, err error) {
	service, err := chooseService(ctx, cfg, st, name)
	if err != nil {
		return report, err
	}
	api := &lookupAPI{store: st, service: identity.Service{Key: service.Key, Label: service.Label, NoDirectory: service.Directory == nil}, secrets: cfg.Secrets}
	if service.Directory != nil {
		opened, err := service.Directory.Open()
		if api.unopened = err; err == nil {
			cached := directory.Cache(opened, service.Key, service.Directory.Settings)
			defer cached.Close()
			api.directory = cached
		}
	}
	users := make([]identity.UserKey, len(emails))
	for i, email := range emails {
		users[i] = identity.KeyOf(email)
	}
	bar := p.progress(fmt.Sprintf("asking %s for %d e-mails", service.Key, len(emails)), "accounts", 0)
	defer bar.Finish() //nolint:errcheck // it fails only to draw
	ctx = showLists(ctx, bar)
	// Stored answers are checked, to show what the service says beside them.
	pass, err := resolve.Chain{API: api}.Resolve(ctx, resolve.Request{
		Users: identity.Distinct(users), Services: []identity.ServiceKey{service.Key}, CheckStale: true})
	if err != nil {
		return report, err
	}
	resolutions, missing := map[identity.UserKey]resolve.Resolution{}, false
	for _, a := range pass.Resolutions {
		resolutions[a.User] = a
		missing = missing || a.Reason == resolve.NotFound
	}
	unheld := resolve.NewOrphans(service.Key, nil)
	if missing {
		unheld = unheldAccounts(ctx, st, api.directory, service.Key)
	}
	report = lookupReport{Service: service.Key.String(), Label: service.Label}
	for i, email := range emails {
		r, err := api.result(ctx, resolutions[users[i]])
		if err != nil {
			return report, err
		}
		if r.Reason == resolve.NotFound {
			r.addSuggestions(unheld.Suggest(users[i], pass.FullName(users[i])))
		}
		r.Email = email
		report.Results = append(report.Results, r)
	}
	return report, nil
}

// chooseService finds the service that a name means, among those of the
// configuration and the store: its key, its label, or the beginning of either that
// no other service shares.
func chooseService(ctx context.Context, cfg *config.Config, st *sqlstore.Store, name string) (config.Service, error) {
	services := slices.Clone(cfg.Services)
	if st != nil {
		stored, err := st.Services(ctx, store.ServiceFilter{})
		if err != nil {
			return config.Service{}, err
		}
		for _, s := range stored {
			if !s.Key.Managed() && !cfg.Names(s.Key) {
				services = append(services, config.Service{Key: s.Key, Label: s.Label})
			}
		}
	}
	folded := strings.ToLower(name)
	for _, means := range []func(key, label string) bool{
		func(key, _ string) bool { return key == name },
		func(_, label string) bool { return label == folded },
		func(key, label string) bool { return strings.HasPrefix(key, name) || strings.HasPrefix(label, folded) },
	} {
		var keys []string
		var found config.Service
		for _, s := range services {
			if means(s.Key.String(), strings.ToLower(s.Label)) {
				keys, found = append(keys, s.Key.String()), s
			}
		}
		switch len(keys) {
		case 0:
		case 1:
			return found, nil
		default:
			return found, fmt.Errorf("%q may be %s", name, listed(keys))
		}
	}
	keys := make([]string, len(services))
	for i, s := range services {
		keys[i] = s.Key.String()
	}
	return config.Service{}, fmt.Errorf("no service is called %q; there are %s", name, listed(keys))
}

func listed(keys []string) string {
	slices.Sort(keys)
	return cmp.Or(strings.Join(keys, ", "), "none")
}

// lookupAPI answers the chain's questions about one service, and keeps what it
// was told.
type lookupAPI struct {
	resolve.API // a lookup needs the methods below alone

	store     *sqlstore.Store // nil = the first start is going to make it
	service   identity.Service
	directory directory.Directory // nil = none, or unopened
	unopened  error
	secrets   *redact.Redactor

	stored    map[identity.UserKey]identity.Mapping
	explained map[identity.UserKey]directory.Explanation
}

// FindUsers implements resolve.API.
func (l *lookupAPI) FindUsers(ctx context.Context, keys []identity.UserKey) ([]identity.User, error) {
	if l.store == nil {
		return nil, nil
	}
	users, err := l.store.FindUsers(ctx, keys)
	l.stored = map[identity.UserKey]identity.Mapping{}
	for _, u := range users {
		if m, ok := u.Mapping(l.service.Key); ok {
			l.stored[u.Key] = m
		}
	}
	return users, err
}

// Services implements resolve.API.
func (l *lookupAPI) Services(context.Context) ([]identity.Service, error) {
	return []identity.Service{l.service}, nil
}

// Lookup implements resolve.API. A directory that fails as a whole fails for each
// person.
func (l *lookupAPI) Lookup(ctx context.Context, service identity.ServiceKey, emails []string) ([]identity.LookupResult, error) {
	explained, err := make([]directory.Explanation, len(emails)), l.unopened
	if err == nil {
		explained, err = directory.Explain(ctx, l.directory, service, emails)
	}
	l.explained = map[identity.UserKey]directory.Explanation{}
	results := make([]identity.LookupResult, len(emails))
	for i, email := range emails {
		failure := err
		if err == nil {
			l.explained[identity.KeyOf(email)], results[i] = explained[i], explained[i].LookupResult
			if e := results[i].Err; e != nil {
				failure = e
			}
		}
		if failure != nil {
			results[i] = identity.LookupResult{Status: identity.Failed, Err: &identity.Error{Message: l.secrets.Text(failure.Error())}}
		}
	}
	return results, nil
}

// Status implements resolve.API. A directory that fails as a whole fails for each
// account.
func (l *lookupAPI) Status(ctx context.Context, service identity.ServiceKey, accounts []identity.AccountQuery) ([]identity.AccountStatus, error) {
	statuses, err := make([]identity.AccountStatus, len(accounts)), l.unopened
	if err == nil {
		statuses, err = directory.Status(ctx, l.directory, service, accounts, "")
	}
	if err != nil {
		statuses = make([]identity.AccountStatus, len(accounts))
	}
	for i, a := range accounts {
		s := &statuses[i]
		if err != nil {
			*s = identity.AccountStatus{Identity: a.Identity, Status: identity.AccountFailed, Err: &identity.Error{Message: err.Error()}}
		}
		if s.Err != nil {
			s.Err = &identity.Error{Message: l.secrets.Text(s.Err.Error())}
		}
	}
	return statuses, nil
}

// Holders implements resolve.API.
func (l *lookupAPI) Holders(ctx context.Context, service identity.ServiceKey, accounts []identity.AccountQuery) (holders []identity.Holder, err error) {
	if l.store == nil {
		return nil, nil
	}
	users, err := l.store.Holders(ctx, service, accounts)
	for _, u := range users {
		m, _ := u.Mapping(service)
		holders = append(holders, identity.Holder{User: u.Key, Mapping: m})
	}
	return holders, err
}

// result returns what the chain found for a person, with what the service showed.
// A stored identity is the answer, whatever the service says, unless it says that it
// is the name of another account now.
func (l *lookupAPI) result(ctx context.Context, a resolve.Resolution) (lookupResult, error) {
	r := lookupResult{Reason: a.Reason, Steps: slices.Clone(a.Steps), Accounts: []symapi.Account{}, Holder: string(a.Holder)}
	for i := range r.Steps {
		if s := &r.Steps[i]; s.Name == resolve.Rule && !a.Service.Custom() {
			s.Outcome, s.Detail = resolve.Skipped, "rules are in Terraform configurations, which this command does not read; try them with provider::sym::reduce"
		}
	}
	if m, ok := l.stored[a.User]; ok {
		r.Steps[0].Detail += fmt.Sprintf(", since %s by %s", m.UpdatedAt.UTC().Format(time.DateOnly), m.UpdatedBy)
		r.Answer = &lookupAnswer{m.Matcher.String(), m.AccountID, resolve.Store, string(m.Source)}
	} else if a.Mapped() {
		r.Answer = &lookupAnswer{a.Matcher.String(), a.AccountID, a.Source, string(a.Evidence)}
	}
	if l.store == nil {
		r.Steps[0].Detail = "the store does not exist yet; the first start creates it"
	}
	switch {
	case a.Err != nil:
		r.Error = a.Err.Error()
	case a.Reused():
		r.Answer, r.Error = nil, fmt.Sprintf("%s is stored for the account %s, and is the name of another account now", a.Matcher, a.AccountID)
		r.Steps[0].Detail += "; " + r.Error
	}
	for _, c := range a.Candidates {
		r.Candidates = append(r.Candidates, c.Matcher.String())
	}
	e := l.explained[a.User]
	if e.Listed > 0 {
		last := slices.IndexFunc(r.Steps, func(s resolve.Step) bool { return s.Name == resolve.Account })
		if last < 0 {
			last = len(r.Steps)
		}
		r.Steps[last-1].Detail += fmt.Sprintf(" (of %s listed)", count(e.Listed, "account"))
	}
	shown := make([]identity.AccountQuery, len(e.Shown))
	for i, account := range e.Shown {
		shown[i] = identity.AccountQuery{Identity: account.Matcher.AccountKey(a.Service.Type), AccountID: account.AccountID}
	}
	holders, err := l.Holders(ctx, a.Service, shown)
	for i, account := range e.Shown {
		for _, h := range holders {
			if pin := h.Mapping.AccountID; h.Mapping.Holds(shown[i]) && (pin == "" || account.AccountID == "" || pin == account.AccountID) { // else another account had the name
				account.HeldBy = append(account.HeldBy, h.User)
			}
		}
		account.Unreadable = l.secrets.Text(account.Unreadable)
		r.Accounts = append(r.Accounts, symapi.EncodeAccount(account))
	}
	return r, err
}

// unheldAccounts returns the accounts of persons that nobody holds; none if the
// service does not list them all.
func unheldAccounts(ctx context.Context, st *sqlstore.Store, d directory.Directory, service identity.ServiceKey) *resolve.Orphans {
	none := resolve.NewOrphans(service, nil)
	list, err := directory.Accounts(ctx, d, service, "")
	if err != nil {
		return none
	}
	held := map[int]bool{}
	if st != nil {
		for holder, err := range st.Held(ctx, service) {
			if err != nil {
				return none
			}
			for _, place := range list.Held(holder.Mapping) {
				held[place] = true
			}
		}
	}
	var accounts []identity.Account
	for i := range list.Len() {
		if a := list.At(i); !held[i] && a.Kind == identity.KindPerson && a.Unreadable == "" {
			accounts = append(accounts, a)
		}
	}
	return resolve.NewOrphans(service, accounts)
}

// addSuggestions adds accounts that may be the person's. They are never an answer.
func (r *lookupResult) addSuggestions(suggestions []resolve.Suggestion) {
	var texts []string
	for _, s := range suggestions {
		r.Candidates = append(r.Candidates, s.Account.Matcher.String())
		texts = append(texts, fmt.Sprintf("%s (%s)", s.Account.Matcher, s.Why))
	}
	if len(texts) > 0 {
		r.Steps[len(r.Steps)-1].Detail += "; nobody holds these accounts, which may be this person's: " + strings.Join(texts, ", ")
	}
}

func (p *program) printLookup(report lookupReport, asJSON bool) error {
	if asJSON {
		return p.printJSON(report, "  ")
	}
	var text strings.Builder
	for i, r := range report.Results {
		if i > 0 {
			text.WriteString("\n")
		}
		r.write(&text, report)
	}
	return p.print(text.String())
}

// write writes a result for people to read.
func (r *lookupResult) write(text *strings.Builder, report lookupReport) {
	label := ""
	if report.Label != "" {
		label = " (" + report.Label + ")"
	}
	fmt.Fprintf(text, "%s in %s%s\n", r.Email, report.Service, label)
	width := len("account ")
	for _, s := range r.Steps {
		width = max(width, len(s.Name))
	}
	for _, s := range r.Steps {
		fmt.Fprintf(text, "  %-*s %-8s %s\n", width, s.Name, s.Outcome, printable(s.Detail))
	}
	for _, a := range r.Accounts {
		fmt.Fprintf(text, "  %-*s %s\n", width, "account", printable(accountText(a)))
	}
	answer := fmt.Sprintf("  %-*s ", width, "answer")
	switch {
	case r.Answer != nil:
		fmt.Fprintf(text, "%s%s (%s, evidence %s)\n", answer, printable(r.Answer.Identity), r.Answer.Source, r.Answer.Evidence)
	case r.Error != "":
		text.WriteString(answer + "not known\n")
	default:
		fmt.Fprintf(text, "%snone: %s\n", answer, r.Reason)
	}
}

// printable replaces what a terminal would obey: services give names as people
// wrote them.
func printable(text string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsGraphic(c) {
			return c
		}
		return unicode.ReplacementChar
	}, text)
}

// accountText returns an account in one line.
func accountText(a symapi.Account) string {
	parts := []string{identity.Matcher(a.Matcher).String()}
	if a.Name != "" {
		parts = append(parts, a.Name)
	}
	parts = append(parts, a.State+" "+a.Kind)
	for _, email := range a.Emails {
		text := email.Kind + " " + email.Address
		if email.Verified != nil && *email.Verified {
			text += ", verified"
		} else if email.Verified != nil {
			text += ", not verified"
		}
		parts = append(parts, text)
	}
	if a.Unreadable != "" {
		parts = append(parts, "cannot be read: "+a.Unreadable)
	}
	return strings.Join(parts, "; ")
}
