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
	"strings"
	"sync"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/authn"
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

// check prints a line for the configuration, the store, the certificate, each
// issuer and each directory. A failure of one hides no other. Warnings are last
// and fail nothing.
func (p *program) check(ctx context.Context, args []string) error {
	var emails []string
	path, err := p.configPath("check", args, func(flags *flag.FlagSet) {
		flags.Func("email", "an `e-mail` that every directory must find; repeat it for more", func(text string) error {
			key, err := identity.ParseUser(text)
			if err == nil && !key.IsEmail() {
				err = errors.New("it is not an e-mail")
			}
			emails = append(emails, key.Email())
			return err
		})
	})
	if path == "" || err != nil {
		return err
	}
	cfg, err := p.read(path)
	if err != nil {
		// The places go first on their lines, as editors want them.
		return errors.Join(errReported, p.print(fmt.Sprintf("FAIL  configuration %s\n%s\n", path, err)))
	}
	text := fmt.Sprintf("ok    configuration %s: org %s, %s, %s", path, cfg.Org,
		count(len(cfg.Services), "service"), count(len(cfg.Tokens), "token"))
	if n := len(cfg.Trusts); n > 0 {
		text += ", " + count(n, "jwt block")
	}
	text += "\n"
	var example *config.ExampleTokenError
	switch err := cfg.CheckServe(); {
	case errors.As(err, &example):
		return errors.Join(errReported, p.print(fmt.Sprintf("FAIL  configuration %s\n", err)))
	case err != nil:
		text += "      without a token only the provider's embedded mode can use it; `sym-identityd token new` makes one\n"
	}
	if err := p.print(text); err != nil {
		return err
	}
	var failure error
	for _, r := range runChecks(ctx, cfg, emails) {
		if err := p.printCheck(r); err != nil {
			failure = err
		}
	}
	for _, warning := range identityd.Warnings(ctx, cfg) {
		if err := p.print("warn  " + warning + "\n"); err != nil {
			return err
		}
	}
	return failure
}

// printCheck prints one line. It returns errReported if the part does not work.
func (p *program) printCheck(r checkResult) error {
	about := r.subject
	if r.note != "" {
		about += ": " + r.note
	}
	if r.err == nil {
		return p.print("ok    " + about + "\n")
	}
	separator := ": "
	if r.note != "" {
		separator = "\n      "
	}
	text := strings.ReplaceAll(r.err.Error(), "\n", "\n      ")
	return errors.Join(errReported, p.print("FAIL  "+about+separator+text+"\n"))
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
	note    string // how far the check got, or what else is worth knowing; may be empty
	err     error  // nil if the part works; without secrets
}

// runChecks checks the store, the TLS files, the issuers and every directory, a
// few at a time. It opens each part on its own, registers no service and
// creates no store. Results are in the order of the file, the store first.
func runChecks(ctx context.Context, cfg *config.Config, emails []string) []checkResult {
	type job struct {
		subject string
		run     func(context.Context) (note string, err error)
	}
	jobs := []job{{"store " + cfg.Store.Name(), func(ctx context.Context) (string, error) { return checkStore(ctx, cfg) }}}
	if cfg.TLS != nil {
		jobs = append(jobs, job{"tls " + cfg.TLS.CertFile, func(context.Context) (string, error) { return checkTLS(cfg) }})
	}
	for _, issuer := range cfg.Issuers() {
		jobs = append(jobs, job{"issuer " + issuer.URL, func(ctx context.Context) (string, error) {
			return "", authn.NewIssuers(nil).Check(ctx, issuer)
		}})
	}
	asked := false
	for _, s := range cfg.Services {
		if s.Directory == nil {
			continue
		}
		jobs = append(jobs, job{fmt.Sprintf("directory %s (%s)", s.Key, s.Directory.Kind), func(ctx context.Context) (string, error) {
			return checkDirectory(ctx, s.Key, s.Directory, emails)
		}})
		asked = true
	}
	if len(emails) > 0 && !asked {
		jobs = append(jobs, job{"email " + strings.Join(emails, ", "), func(context.Context) (string, error) {
			return "", errors.New("no service has a directory to look it up")
		}})
	}
	results := make([]checkResult, len(jobs))
	slots := make(chan struct{}, checksAtOnce)
	var wg sync.WaitGroup
	for n, j := range jobs {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			ctx, cancel := context.WithTimeout(ctx, checkTimeout)
			defer cancel()
			note, err := j.run(ctx)
			results[n] = checkResult{subject: j.subject, note: cfg.Secrets.Text(note), err: cfg.Secrets.Error(err)}
		})
	}
	wg.Wait()
	return results
}

// checkStore looks at the store and changes nothing, not even its schema. A
// missing SQLite file is fine: the first start creates it. A missing folder is
// not.
func checkStore(ctx context.Context, cfg *config.Config) (note string, err error) {
	if file := cfg.Store.File; file != "" {
		if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
			return storeToBeMade, checkFolder(filepath.Dir(file))
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
	return noteInUse(cfg.Store.File), nil
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
		return fmt.Errorf("the folder of the store: %w", err)
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
		text += fmt.Sprintf(", %d found again by e-mail", p.LookedUp)
	}
	for _, a := range p.Answers {
		if a.OtherDomain {
			text += fmt.Sprintf("; %s is of a domain that it is not asked for", a.Email)
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
			return "reachable, credential valid, external ID its own, permissions enough"
		}
		return "reachable, credential valid, external ID not compared, permissions enough"
	case errors.As(err, &limit):
		return "reachable, limits requests"
	case errors.Is(err, directory.ErrForeign):
		return "reachable, credential valid, external ID of another"
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
