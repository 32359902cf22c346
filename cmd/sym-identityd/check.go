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
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hashicorp/hcl/v2"
	"golang.org/x/sync/errgroup"

	"github.com/sym-identity/terraform-provider-sym/internal/config"
	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/identityd"
	"github.com/sym-identity/terraform-provider-sym/internal/store/sqlstore"
)

const (
	checkTimeout  = time.Minute // of each check
	checksAtOnce  = 4
	storeToBeMade = "it does not exist yet; the first start creates it"
)

// check prints a result for the configuration, the store, the certificate, each
// issuer and each directory. A failure of one hides no other. Warnings are last
// and fail nothing.
func (p *program) check(ctx context.Context, args []string) error {
	var emails []string
	var asJSON bool
	path, err := p.configPath("check", args, func(flags *flag.FlagSet) {
		flags.Func("email", "an `e-mail` that every directory must find; repeat it for more", func(text string) error {
			key, err := identity.ParseUser(text)
			if err == nil && !key.IsEmail() {
				err = errors.New("it is not an e-mail")
			}
			emails = append(emails, key.Email())
			return err
		})
		flags.BoolVar(&asJSON, "json", false, "print JSON, for programs")
	})
	if path == "" || err != nil {
		return err
	}
	cfg, first := p.checkConfiguration(path)
	results := []checkResult{first}
	if !asJSON { // the others may take a minute
		if err := p.print(first.text()); err != nil {
			return err
		}
	}
	if first.err == nil {
		results = append(results, p.runChecks(ctx, cfg, emails)...)
		for _, warning := range identityd.Warnings(ctx, cfg) {
			results = append(results, checkResult{subject: "setup", place: path, note: warning, warning: true})
		}
	}
	if asJSON {
		err = p.printJSON(newCheckReport(results), "  ")
	} else {
		var text strings.Builder
		for _, r := range results[1:] {
			text.WriteString(r.text())
		}
		err = p.print(text.String())
	}
	if err == nil && slices.ContainsFunc(results, func(r checkResult) bool { return r.err != nil }) {
		return errReported
	}
	return err
}

// checkConfiguration reads the configuration. Without an error of the result, it
// can be used.
func (p *program) checkConfiguration(path string) (*config.Config, checkResult) {
	result := checkResult{subject: "configuration " + path, place: path}
	cfg, err := p.read(path)
	if result.err = err; err != nil {
		return nil, result
	}
	err = cfg.CheckServe()
	if err != nil && !errors.Is(err, config.ErrNoToken) {
		result.subject, result.err = "configuration", err // which names the file
		return nil, result
	}
	result.note = fmt.Sprintf("org %s, %s, %s", cfg.Org, count(len(cfg.Services), "service"), count(len(cfg.Tokens), "token"))
	if n := len(cfg.Trusts); n > 0 {
		result.note += ", " + count(n, "jwt block")
	}
	if err != nil {
		result.note += "\nwithout a token only the provider's embedded mode can use it; `sym-identityd token new` makes one"
	}
	return cfg, result
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// checkResult is what checking one part of a configuration found.
type checkResult struct {
	subject string
	place   string // file:line:column of its setting, or the file
	note    string // how far the check got, or what else is worth knowing; may be empty
	err     error  // nil if the part works; without secrets
	warning bool   // note says what works and is not safe
}

// text returns the result for people to read.
func (r checkResult) text() string {
	note := strings.ReplaceAll(r.note, "\n", "\n      ")
	about := r.subject
	if note != "" {
		about += ": " + note
	}
	var problems *config.DiagnosticsError
	switch {
	case r.warning:
		return "warn  " + note + "\n"
	case r.err == nil:
		return "ok    " + about + "\n"
	case errors.As(r.err, &problems): // the places go first on their lines, as editors want them
		return "FAIL  " + about + "\n" + r.err.Error() + "\n"
	}
	separator := ": "
	if note != "" {
		separator = "\n      "
	}
	return "FAIL  " + about + separator + strings.ReplaceAll(r.err.Error(), "\n", "\n      ") + "\n"
}

// checkReport is what check -json prints.
type checkReport struct {
	Status string       `json:"status"` // the worst of all
	Checks []checkEntry `json:"checks"`
}

type checkEntry struct {
	Check   string `json:"check"`
	Place   string `json:"place"`
	Status  string `json:"status"` // ok, warning or error
	Message string `json:"message"`
}

// newCheckReport has an entry for each result, and one for each problem of a
// configuration.
func newCheckReport(results []checkResult) checkReport {
	report := checkReport{Status: "ok"}
	for _, r := range results {
		e := checkEntry{Check: r.subject, Place: r.place, Status: "ok", Message: r.note}
		var problems *config.DiagnosticsError
		switch {
		case r.err != nil:
			e.Status, report.Status = "error", "error"
			e.Message = strings.TrimPrefix(r.note+": "+r.err.Error(), ": ")
		case r.warning:
			e.Status = "warning"
			if report.Status == "ok" {
				report.Status = "warning"
			}
		}
		if !errors.As(r.err, &problems) {
			report.Checks = append(report.Checks, e)
			continue
		}
		for _, d := range problems.Diagnostics {
			e.Place, e.Message = d.Place(), strings.TrimPrefix(d.String(), d.Place()+": ")
			report.Checks = append(report.Checks, e)
		}
	}
	return report
}

// runChecks checks the store, the TLS files, the issuers and every directory, a
// few at a time. It opens each part on its own, registers no service and
// creates no store. Results are in the order of the file, the store first.
func (p *program) runChecks(ctx context.Context, cfg *config.Config, emails []string) []checkResult {
	type job struct {
		subject string
		at      hcl.Range
		run     func(context.Context) (note string, err error)
	}
	jobs := []job{{"store " + cfg.Store.Name(), cfg.Store.At, func(ctx context.Context) (string, error) { return checkStore(ctx, cfg) }}}
	if cfg.TLS != nil {
		jobs = append(jobs, job{"tls " + cfg.TLS.CertFile, cfg.TLS.At, func(context.Context) (string, error) { return checkTLS(cfg) }})
	}
	for _, issuer := range cfg.Issuers() {
		jobs = append(jobs, job{"issuer " + issuer.URL, hcl.Range{}, func(ctx context.Context) (string, error) {
			return "", issuer.Check(ctx)
		}})
	}
	asked := false
	for _, s := range cfg.Services {
		if s.Directory == nil {
			continue
		}
		jobs = append(jobs, job{fmt.Sprintf("directory %s (%s)", s.Key, s.Directory.Kind), s.Directory.At, func(ctx context.Context) (string, error) {
			return checkDirectory(ctx, s.Key, s.Directory, emails)
		}})
		asked = true
	}
	if len(emails) > 0 && !asked {
		jobs = append(jobs, job{"email " + strings.Join(emails, ", "), hcl.Range{}, func(context.Context) (string, error) {
			return "", errors.New("no service has a directory to look it up")
		}})
	}
	bar := p.progress("checking", "checks", int64(len(jobs)))
	defer bar.Finish() //nolint:errcheck // it fails only to draw
	var accounts atomic.Int64
	ctx = directory.WithProgress(ctx, func(read, _ int) {
		bar.Describe(fmt.Sprintf("checking, %s read", count(int(accounts.Add(int64(read))), "account")))
	})
	results := make([]checkResult, len(jobs))
	var running errgroup.Group
	running.SetLimit(checksAtOnce)
	for n, j := range jobs {
		running.Go(func() error {
			ctx, cancel := context.WithTimeout(ctx, checkTimeout)
			defer cancel()
			note, err := j.run(ctx)
			_ = bar.Add(1)
			results[n] = checkResult{subject: j.subject, place: cfg.Path, note: cfg.Secrets.Text(note), err: cfg.Secrets.Error(err)}
			if j.at.Filename != "" {
				results[n].place = fmt.Sprintf("%s:%d:%d", j.at.Filename, j.at.Start.Line, j.at.Start.Column)
			}
			return nil
		})
	}
	_ = running.Wait() // results hold the errors
	return results
}

// checkStore looks at the store and changes nothing, not even its schema. A
// missing SQLite file is fine: the first start creates it. A missing folder is
// not.
func checkStore(ctx context.Context, cfg *config.Config) (note string, err error) {
	if file := cfg.Store.File; file != "" {
		if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
			if err := checkFolder(filepath.Dir(file)); err != nil {
				return "", err
			}
			return storeToBeMade, nil
		}
	}
	opts := identityd.StoreOptions(cfg)
	v, err := sqlstore.Schema(ctx, cfg.Store.URL, opts)
	switch {
	case err != nil:
		return "", err
	case v.Have == 0 && opts.NoMigrate:
		return "", fmt.Errorf("%s is empty, and the configuration says migrate = false. Run `sym-identityd migrate`", cfg.Store.Name())
	case v.Have == 0:
		return storeToBeMade, nil
	case v.Have < v.Want && opts.NoMigrate:
		return "", fmt.Errorf("it has schema version %d, this program needs %d, and the configuration says migrate = false. Run `sym-identityd migrate`", v.Have, v.Want)
	case v.Have < v.Want:
		return fmt.Sprintf("it has schema version %d; the next start migrates it to %d", v.Have, v.Want), nil
	}
	if err := checkWrites(ctx, cfg); err != nil {
		return "", err
	}
	return noteInUse(cfg.Store.File), nil
}

// checkWrites returns the error that the first write would give. A store that is busy
// can be written later.
func checkWrites(ctx context.Context, cfg *config.Config) error {
	st, err := identityd.OpenExisting(ctx, cfg)
	if st == nil {
		return err
	}
	err = st.Writable(ctx)
	if e, ok := errors.AsType[*identity.Error](err); ok && e.Retryable {
		err = nil
	}
	return errors.Join(err, st.Close())
}

// noteInUse says how to copy an SQLite file that another process has open; ""
// where none has.
func noteInUse(file string) string {
	if path, err := filepath.EvalSymlinks(file); err == nil {
		file = path // SQLite keeps its other files beside it
	}
	if _, err := os.Stat(file + "-wal"); file == "" || err != nil {
		return "" // the last to close the store, as this check may be, removes that file
	}
	return fmt.Sprintf("another process has it open, so a copy of the file alone may lack the latest changes. "+
		"Copy it with `sqlite3 %s \".backup COPY\"` or `sym-identityd export`", file)
}

func checkFolder(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case err != nil:
		return fmt.Errorf("the folder of the store cannot be used: %w. Create it, or name another path for the store", err)
	case !info.IsDir():
		return fmt.Errorf("%s is not a folder", dir)
	}
	return nil
}

func checkTLS(cfg *config.Config) (note string, err error) {
	expires, err := identityd.CheckTLS(*cfg.TLS)
	if err != nil {
		return "", err
	}
	return "valid until " + expires.UTC().Format(time.DateOnly), nil
}

// checkDirectory asks a directory for its credential and external ID, and then
// uses it as lookups do. Whoever emails name must be found.
func checkDirectory(ctx context.Context, service identity.ServiceKey, cfg *config.Directory, emails []string) (note string, err error) {
	dir, err := cfg.Open()
	var probed directory.Probed
	if err == nil {
		err = dir.Check(ctx)
	}
	if err == nil {
		probed, err = directory.Probe(ctx, dir, service, cfg.Settings, emails)
	}
	note = checkSummary(dir, err, cfg.ComparesID)
	if err == nil {
		note += describeProbe(service, probed)
	}
	return note, err
}

// describeProbe says what was read and found.
func describeProbe(service identity.ServiceKey, p directory.Probed) string {
	text := ""
	switch {
	case p.Listed && p.Whole:
		text = "; " + count(p.Accounts, "account")
	case p.Listed:
		text = fmt.Sprintf("; %s of a longer list", count(p.Accounts, "account"))
	}
	if p.LookedUp > 0 {
		text += fmt.Sprintf(", a sample of %d found again by e-mail", p.LookedUp)
	}
	for _, a := range p.Answers {
		if a.OtherDomain {
			text += fmt.Sprintf("; %s is of a domain that the directory is not for", a.Email)
			continue
		}
		id, _ := a.Matcher.Identity(service.Type)
		text += fmt.Sprintf("; %s is %s", a.Email, id)
	}
	return text
}

// checkSummary says how far the check of a directory got: whether the service
// was reached and accepted the credential, whether the credential belongs to
// the service's external ID (if this kind of directory compares it), and
// whether it has the permissions.
func checkSummary(d directory.Directory, err error, comparesID bool) string {
	var limit *directory.RateLimitError
	switch {
	case err == nil, errors.Is(err, directory.ErrMissing):
		if n, ok := d.(interface{ CheckNote() string }); ok { // a directory that asks nobody
			return n.CheckNote()
		}
		if comparesID {
			return "reachable, credential valid, external ID matches, permissions enough"
		}
		return "reachable, credential valid, external ID not compared, permissions enough"
	case errors.As(err, &limit):
		return "reachable, limits requests"
	case errors.Is(err, directory.ErrForeign):
		return "reachable, credential valid, external ID does not match"
	case errors.Is(err, directory.ErrPermission):
		return "reachable, credential valid, permission missing"
	case errors.Is(err, directory.ErrCredential):
		return "reachable, credential rejected"
	case errors.Is(err, directory.ErrUnavailable):
		return "no usable answer"
	case errors.Is(err, directory.ErrRefused):
		return "reachable, request refused"
	case errors.Is(err, directory.ErrAnswer):
		return "reachable, answer cannot be read"
	case d == nil:
		return "cannot be opened"
	}
	return "cannot be asked"
}
