// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package sqlstore

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store/pgtest"
)

const password = "hunter2"

// hides fails when an error or any of its causes holds the password: causes
// end up in logs.
func hides(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	if strings.Contains(err.Error(), password) {
		t.Errorf("an error holds the password: %v", err)
	}
	switch e := err.(type) { //nolint:errorlint // the chain is walked here
	case interface{ Unwrap() error }:
		hides(t, e.Unwrap())
	case interface{ Unwrap() []error }:
		for _, cause := range e.Unwrap() {
			hides(t, cause)
		}
	}
}

func TestPostgresURLsAreRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ url, says string }{
		"no slashes":              {"postgres:sym:hunter2@db.acme.com/sym", "//"},
		"no slashes, a path":      {"postgresql:/hunter2", "//"},
		"a slash in the password": {"postgres://sym:a/hunter2@db.acme.com/sym", "percent-encoded"},
		"a percent sign":          {"postgres://sym:%hunter2@db.acme.com/sym", "percent-encoded"},
		"a control character":     {"postgres://sym:hunter2@db.acme.com/\x7f", "cannot be understood"},
		"a NUL byte":              {"postgres://sym:hunter2@db.acme.com/\x00", "NUL"},
		"a word as port":          {"postgres://sym:hunter2@db.acme.com:port/sym", "percent-encoded"},
		"a port too high":         {"postgres://sym:hunter2@db.acme.com:70000/sym", "a port"},
		"an unknown sslmode":      {"postgres://sym:hunter2@db.acme.com/sym?sslmode=hunter2", "parameter sslmode"},
		"a missing file":          {"postgres://sym:hunter2@db.acme.com/sym?sslmode=verify-full&sslrootcert=/none/hunter2.pem", "is not right"},
		"a bad timeout":           {"postgres://sym:hunter2@db.acme.com/sym?connect_timeout=hunter2", "parameter connect_timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := Open(t.Context(), c.url, Options{})
			if err == nil {
				t.Fatal(s.Close())
			}
			hides(t, err)
			if identity.CodeOf(err) != identity.CodeInvalid || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want %q in it", err, c.says)
			}
		})
	}
}

func TestPostgresCannotBeOpened(t *testing.T) {
	t.Parallel()
	base := pgtest.Start(t).URL() // another server may let people in without a password
	change := func(edit func(*url.URL)) string {
		u, err := url.Parse(base)
		if err != nil {
			t.Fatal("the test server's URL cannot be understood")
		}
		edit(u)
		return u.String()
	}
	for name, c := range map[string]struct {
		url   string
		says  string
		retry bool
	}{
		"nobody listens":      {change(func(u *url.URL) { u.Host, u.User = "127.0.0.1:1", url.UserPassword("sym", password) }), "127.0.0.1:1 of the store cannot be reached", true},
		"an unknown host":     {change(func(u *url.URL) { u.Host, u.User = "db.invalid", url.UserPassword("sym", password) }), "db.invalid:5432 of the store cannot be reached", true},
		"a wrong password":    {change(func(u *url.URL) { u.User = url.UserPassword(u.User.Username(), password) }), "refuses the user or the password", false},
		"an unknown user":     {change(func(u *url.URL) { u.User = url.UserPassword("nobody", password) }), "refuses the user or the password", false},
		"an unknown database": {change(func(u *url.URL) { u.Path = "/none" }), "database that the store's URL names does not exist", false},
		"a wrong schema":      {pgtest.WithParameter(t, base, "search_path", "none"), "schema that the store's URL names does not exist", false},
		"an unknown setting":  {pgtest.WithParameter(t, base, "no_such_setting", "x"), "could not run", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := Open(t.Context(), c.url, Options{})
			if err == nil {
				t.Fatal(s.Close())
			}
			hides(t, err)
			var e *identity.Error
			if !errors.As(err, &e) || !strings.Contains(e.Message, c.says) || e.Retryable != c.retry {
				t.Errorf("got %v (retryable %v), want %q in it", err, e != nil && e.Retryable, c.says)
			}
		})
	}
}

func TestPostgresSchemaOfAnotherProgram(t *testing.T) {
	t.Parallel()
	base := pgtest.URL(t)
	s := openURL(t, base, Options{})
	for _, statement := range []string{"CREATE SCHEMA foreigner", "CREATE TABLE foreigner.users (x int)"} {
		if _, err := s.db.ExecContext(t.Context(), strings.ReplaceAll(statement, "foreigner", schemaOf(t, base)+"_foreigner")); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		_, _ = s.db.Exec("DROP SCHEMA " + schemaOf(t, base) + "_foreigner CASCADE")
	})
	foreign := pgtest.WithParameter(t, base, "search_path", schemaOf(t, base)+"_foreigner")
	for _, noMigrate := range []bool{false, true} {
		_, err := Open(t.Context(), foreign, Options{NoMigrate: noMigrate})
		if e := identity.AsError(err); e.Code != identity.CodeUnavailable || !strings.Contains(e.Message, "another program") || !strings.Contains(e.Message, `"users"`) {
			t.Errorf("got %v", err)
		}
	}
}

func schemaOf(t *testing.T, text string) string {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal("the test server's URL cannot be understood")
	}
	return u.Query().Get("search_path")
}
