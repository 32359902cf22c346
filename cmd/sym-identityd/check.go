// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"

	"github.com/sym-identity/terraform-provider-sym/internal/embedded"
)

// check prints a line for the configuration, the store, the certificate, each
// issuer and each directory. All
// are checked, whichever fail.
func (p *program) check(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("check", flag.ContinueOnError)
	config := configFlag(flags)
	if done, err := p.parse(flags, args); done || err != nil {
		return err
	}
	path, err := config()
	if err != nil {
		return err
	}
	cfg, err := embedded.Load(path, embedded.Options{LookupEnv: p.lookupEnv, Version: buildVersion()})
	if err != nil {
		// The places go first on their lines, as editors want them.
		return errors.Join(errReported, p.print(fmt.Sprintf("FAIL  configuration %s\n%s\n", path, err)))
	}
	text := fmt.Sprintf("ok    configuration %s: org %s, %s, %s\n", path, cfg.Org(),
		count(cfg.Services(), "service"), count(cfg.Tokens(), "token"))
	if n := cfg.Issuers(); n > 0 {
		text = strings.TrimSuffix(text, "\n") + fmt.Sprintf(", %s\n", count(n, "jwt block"))
	}
	if cfg.CheckServe() != nil {
		text += "      without a token only the provider's embedded mode can use it; `sym-identityd token new` makes one\n"
	}
	if err := p.print(text); err != nil {
		return err
	}
	var failure error
	for _, r := range cfg.Check(ctx) {
		err := p.result(r)
		if err != nil {
			failure = err
		}
	}
	return failure
}

// result prints one line; errReported where the part does not work.
func (p *program) result(r embedded.CheckResult) error {
	what := r.Subject + " " + r.Detail
	switch r.Subject {
	case embedded.SubjectStore, embedded.SubjectTLS, embedded.SubjectIssuer:
	default:
		what = fmt.Sprintf("directory %s (%s)", r.Subject, r.Detail)
	}
	if r.Err != nil && r.Note != "" {
		return p.failed(what+": "+r.Note+"\n     ", r.Err)
	}
	if r.Err != nil {
		return p.failed(what+":", r.Err)
	}
	if r.Note != "" {
		what += ": " + r.Note
	}
	return p.print("ok    " + what + "\n")
}

func (p *program) failed(what string, err error) error {
	text := strings.ReplaceAll(err.Error(), "\n", "\n      ")
	if err := p.print(fmt.Sprintf("FAIL  %s %s\n", what, text)); err != nil {
		return err
	}
	return errReported
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
