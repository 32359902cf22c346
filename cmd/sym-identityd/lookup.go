// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/sym-identity/terraform-provider-sym/internal/config"
	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/identityd"
	"github.com/sym-identity/terraform-provider-sym/internal/resolve"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
	"github.com/sym-identity/terraform-provider-sym/internal/store/sqlstore"
)

// errUnmapped is the result of a lookup that found no account for somebody.
var errUnmapped = errors.New("somebody has no account")

// Steps of a lookup, and how each ended: the words of the provider's traces.
const (
	stepStore  = "store"
	stepRule   = "rule"
	stepEmail  = "email"
	stepRemote = "fetch_remote_identity"

	outcomeHit     = "hit"
	outcomeMiss    = "miss"
	outcomeSkipped = "skipped"
	outcomeError   = "error"
)

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
	Reason     string          `json:"reason,omitempty"`
	Error      string          `json:"error,omitempty"` // it is not known whether there is one
	Steps      []lookupStep    `json:"steps"`
	Accounts   []lookupAccount `json:"accounts"`             // with the address, as the service shows them
	Candidates []string        `json:"candidates,omitempty"` // identities that a person has to choose from
	Holder     string          `json:"holder,omitempty"`     // with claimed: whose account it is
}

type lookupAnswer struct {
	Identity  string `json:"identity"`
	AccountID string `json:"account_id,omitempty"`
	Source    string `json:"source"`
	Evidence  string `json:"evidence"`
}

// lookupAccount is an account as GET accounts of the API shows it.
type lookupAccount struct {
	Identity   string        `json:"identity,omitempty"`
	AccountID  string        `json:"account_id,omitempty"`
	Name       string        `json:"name,omitempty"`
	SignIn     string        `json:"sign_in,omitempty"`
	State      string        `json:"state"`
	Kind       string        `json:"kind"`
	Emails     []lookupEmail `json:"emails"`
	Unreadable string        `json:"unreadable,omitempty"`
}

type lookupEmail struct {
	Address  string `json:"address"`
	Kind     string `json:"kind"` // primary or alias
	Verified *bool  `json:"verified,omitempty"`
}

func newLookupAccount(a identity.Account) lookupAccount {
	out := lookupAccount{Identity: a.Matcher.String(), AccountID: a.AccountID, Name: a.Name, SignIn: a.SignIn, State: a.State, Kind: a.Kind,
		Unreadable: a.Unreadable, Emails: make([]lookupEmail, len(a.Emails))}
	for i, e := range a.Emails {
		out.Emails[i] = lookupEmail{Address: e.Address, Kind: "alias", Verified: e.Proved}
		if e.Primary {
			out.Emails[i].Kind = "primary"
		}
	}
	return out
}

type lookupStep struct {
	Name    string `json:"name"`
	Outcome string `json:"outcome"`
	Detail  string `json:"detail"`
}

func (r *lookupResult) step(name, outcome, format string, args ...any) {
	r.Steps = append(r.Steps, lookupStep{name, outcome, fmt.Sprintf(format, args...)})
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
	st, err := openToRead(ctx, cfg)
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

// openToRead opens the store and leaves its schema alone. It returns nil for a
// store that the first start is going to make.
func openToRead(ctx context.Context, cfg *config.Config) (*sqlstore.Store, error) {
	if file := cfg.Store.File; file != "" {
		if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
	}
	version, err := sqlstore.Schema(ctx, cfg.Store.URL, identityd.StoreOptions(cfg))
	switch {
	case err != nil:
		return nil, err
	case version.Have == 0:
		return nil, nil
	case version.Have < version.Want:
		return nil, fmt.Errorf("%s has schema version %d, this program needs %d. Run `sym-identityd migrate`", cfg.Store.Name(), version.Have, version.Want)
	}
	return identityd.OpenStore(ctx, cfg, false)
}

func (p *program) lookUp(ctx context.Context, cfg *config.Config, st *sqlstore.Store, name string, emails []string) (lookupReport, error) {
	services, err := servicesOf(ctx, cfg, st)
	if err != nil {
		return lookupReport{}, err
	}
	service, err := chooseService(services, name)
	if err != nil {
		return lookupReport{}, err
	}
	report := lookupReport{Service: service.Key.String(), Label: service.Label}
	stored, err := storedUsers(ctx, st, emails)
	if err != nil {
		return report, err
	}
	explained, unheld, skipped := p.askDirectory(ctx, service, st, emails)
	for i, email := range emails {
		r := lookupResult{Email: email, Accounts: []lookupAccount{}}
		r.addStored(service.Key, stored[identity.KeyOf(email)], st == nil)
		r.addRules(service.Key)
		if skipped != nil {
			r.addSkipped(service.Key, skipped)
		} else if err := r.addExplanation(ctx, st, service.Key, explained[i], cfg.Secrets.Error); err != nil {
			return report, err
		}
		if r.Reason == string(identity.NotFound) {
			user := stored[identity.KeyOf(email)]
			r.addSuggestions(unheld.Suggest(identity.KeyOf(email), user.FirstName+" "+user.LastName))
		}
		report.Results = append(report.Results, r)
	}
	return report, nil
}

// servicesOf returns the services of the configuration, then those that only the
// store has.
func servicesOf(ctx context.Context, cfg *config.Config, st *sqlstore.Store) ([]config.Service, error) {
	services := slices.Clone(cfg.Services)
	if st == nil {
		return services, nil
	}
	stored, err := st.Services(ctx, store.ServiceFilter{})
	if err != nil {
		return nil, err
	}
	for _, s := range stored {
		if !s.Key.Managed() && !slices.ContainsFunc(services, func(known config.Service) bool { return known.Key == s.Key }) {
			services = append(services, config.Service{Key: s.Key, Label: s.Label})
		}
	}
	return services, nil
}

// chooseService finds the service that a name means: its key, its label, or the
// beginning of either that no other service shares.
func chooseService(services []config.Service, name string) (config.Service, error) {
	var keys, prefixes []config.Service
	folded := strings.ToLower(name)
	for _, s := range services {
		label := strings.ToLower(s.Label)
		switch {
		case s.Key.String() == name:
			return s, nil
		case label == folded:
			keys = append(keys, s)
		case strings.HasPrefix(s.Key.String(), name), strings.HasPrefix(label, folded):
			prefixes = append(prefixes, s)
		}
	}
	found := keys
	if len(found) == 0 {
		found = prefixes
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return config.Service{}, fmt.Errorf("no service is called %q; there are %s", name, listServices(services))
	}
	return config.Service{}, fmt.Errorf("%q may be %s", name, listServices(found))
}

func listServices(services []config.Service) string {
	if len(services) == 0 {
		return "none"
	}
	names := make([]string, len(services))
	for i, s := range services {
		names[i] = s.Key.String()
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

func storedUsers(ctx context.Context, st *sqlstore.Store, emails []string) (map[identity.UserKey]identity.User, error) {
	users := map[identity.UserKey]identity.User{}
	if st == nil {
		return users, nil
	}
	keys := make([]identity.UserKey, len(emails))
	for i, email := range emails {
		keys[i] = identity.KeyOf(email)
	}
	found, err := st.FindUsers(ctx, keys)
	for _, u := range found {
		users[u.Key] = u
	}
	return users, err
}

// askDirectory asks for all people at once, as the server does. If it does not find
// somebody, unheld are the accounts that nobody holds, as far as the service lists
// them. skipped says why nobody could be asked.
func (p *program) askDirectory(ctx context.Context, service config.Service, st *sqlstore.Store, emails []string) (explained []directory.Explanation, unheld *resolve.Orphans, skipped error) {
	unheld = resolve.NewOrphans(service.Key, nil)
	if service.Directory == nil {
		return nil, unheld, errNoDirectory
	}
	opened, err := service.Directory.Open()
	if err != nil {
		return nil, unheld, p.secrets.Error(err)
	}
	d := directory.Cache(opened, service.Key, service.Directory.Settings)
	defer d.Close()
	bar := p.progress(fmt.Sprintf("asking %s for %d e-mails", service.Key, len(emails)), "accounts", 0)
	explained, err = directory.Explain(showLists(ctx, bar), d, service.Key, emails)
	if slices.ContainsFunc(explained, func(e directory.Explanation) bool { return e.Status == identity.NotFound && !e.OtherDomain }) {
		unheld = unheldAccounts(showLists(ctx, bar), st, d, service.Key)
	}
	_ = bar.Finish()
	return explained, unheld, p.secrets.Error(err)
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

var errNoDirectory = errors.New("no directory is configured for the service")

// addStored adds what the store holds. It is the answer, whatever the service
// says.
func (r *lookupResult) addStored(service identity.ServiceKey, user identity.User, noStore bool) {
	m, mapped := user.Mapping(service)
	switch {
	case noStore:
		r.step(stepStore, outcomeMiss, "the store does not exist yet; the first start creates it")
	case !mapped:
		r.step(stepStore, outcomeMiss, "no identity is stored")
	default:
		r.step(stepStore, outcomeHit, "%s, stored %s by %s (%s)", m.Matcher, m.UpdatedAt.UTC().Format(time.DateOnly), m.UpdatedBy, m.Source)
		r.Answer = &lookupAnswer{Identity: m.Matcher.String(), AccountID: m.AccountID, Source: stepStore, Evidence: string(m.Source)}
	}
}

// addRules says that this command knows no rules.
func (r *lookupResult) addRules(service identity.ServiceKey) {
	if !service.Custom() {
		r.step(stepRule, outcomeSkipped, "rules are in Terraform configurations, which this command does not read; try them with provider::sym::reduce")
	}
}

// askStep names the step that asks a service.
func askStep(service identity.ServiceKey) string {
	if service.Custom() {
		return stepRemote
	}
	return stepEmail
}

// addSkipped says why the service was not asked or did not answer.
func (r *lookupResult) addSkipped(service identity.ServiceKey, err error) {
	if errors.Is(err, errNoDirectory) {
		r.step(askStep(service), outcomeSkipped, "%s", err)
		if r.Answer == nil {
			r.Reason = "no_directory"
		}
		return
	}
	r.step(askStep(service), outcomeError, "%s", err)
	r.Error = err.Error()
}

// addExplanation adds what the service showed and what was made of it.
func (r *lookupResult) addExplanation(ctx context.Context, st *sqlstore.Store, service identity.ServiceKey, e directory.Explanation, hide func(error) error) error {
	for _, a := range e.Shown {
		r.Accounts = append(r.Accounts, newLookupAccount(a))
	}
	asked := "the service was asked for the address"
	if e.Listed > 0 {
		asked = fmt.Sprintf("of %s listed", count(e.Listed, "account"))
	}
	name := askStep(service)
	reason := string(e.Status)
	switch e.Status {
	case identity.Failed:
		err := hide(e.Err)
		r.step(name, outcomeError, "%s", err)
		r.Error = err.Error()
		return nil
	case identity.NotFound:
		if e.OtherDomain {
			reason = "other_domain"
			r.step(name, outcomeMiss, "the directory is for other domains")
			break
		}
		r.step(name, outcomeMiss, "no account has the address (%s)", asked)
	case identity.Inactive:
		r.step(name, outcomeMiss, "the account %s is inactive (%s)", e.Matcher, asked)
	case identity.Found:
		return r.addFound(ctx, st, service, e, asked)
	default:
		for _, c := range e.Candidates {
			r.Candidates = append(r.Candidates, c.Matcher.String())
		}
		r.step(name, outcomeMiss, "%s: %s (%s)", whyNot[e.Status], strings.Join(r.Candidates, ", "), asked)
	}
	if r.Answer == nil {
		r.Reason = reason
	}
	return nil
}

// whyNot says why accounts with the address are no answer.
var whyNot = map[identity.LookupStatus]string{
	identity.Ambiguous:  "several accounts have the address",
	identity.Alias:      "the address is only another address of the account",
	identity.Unverified: "the service has not verified the address, or nobody has approved the account",
}

// addFound adds an account that was found. It is no answer if somebody else holds
// it.
func (r *lookupResult) addFound(ctx context.Context, st *sqlstore.Store, service identity.ServiceKey, e directory.Explanation, asked string) error {
	var holders []identity.User
	if st != nil {
		var err error
		if holders, err = st.Holders(ctx, service, []string{e.Matcher.AccountKey(service.Type)}); err != nil {
			return err
		}
	}
	name, user := askStep(service), identity.KeyOf(r.Email)
	other := slices.IndexFunc(holders, func(u identity.User) bool { return u.Key != user })
	switch {
	case r.Answer == nil && other >= 0:
		r.Holder, r.Reason = string(holders[other].Key), "claimed"
		r.Candidates = []string{e.Matcher.String()}
		r.step(name, outcomeMiss, "the account %s has the address, but belongs to %s (%s)", e.Matcher, r.Holder, asked)
	case r.Answer == nil:
		r.Answer = &lookupAnswer{Identity: e.Matcher.String(), AccountID: e.AccountID, Source: name, Evidence: string(e.Evidence)}
		fallthrough
	default:
		r.step(name, outcomeHit, "the account %s has the address, evidence %s (%s)", e.Matcher, e.Evidence, asked)
	}
	return nil
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
	for _, s := range r.Steps {
		fmt.Fprintf(text, "  %-8s %-8s %s\n", s.Name, s.Outcome, printable(s.Detail))
	}
	for _, a := range r.Accounts {
		fmt.Fprintf(text, "  account  %s\n", printable(accountText(a)))
	}
	switch {
	case r.Answer != nil:
		fmt.Fprintf(text, "  answer   %s (%s)\n", printable(r.Answer.Identity), r.Answer.Source)
	case r.Error != "":
		text.WriteString("  answer   not known\n")
	default:
		fmt.Fprintf(text, "  answer   none: %s\n", r.Reason)
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
func accountText(a lookupAccount) string {
	parts := []string{a.Identity}
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
