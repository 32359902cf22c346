// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// terminal returns a terminal, and a function that closes it and returns what it
// was sent.
func terminal(t *testing.T) (tty *os.File, sent func() string) {
	t.Helper()
	control, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = control.Close() })
	if err := unix.IoctlSetPointerInt(int(control.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(control.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	text := make(chan string)
	go func() {
		all, _ := io.ReadAll(control) // ends with an error once nobody has the terminal open
		text <- string(all)
	}()
	return tty, func() string { _ = tty.Close(); return <-text }
}

// Work that may take long shows itself on a terminal, leaves nothing behind there,
// and shows nothing where stderr goes elsewhere.
func TestProgress(t *testing.T) {
	t.Parallel()
	path := writeConfig(t, "service \"github\" \"acme\" {\n  directory \"file\" {\n    path = \"github.csv\"\n  }\n}\n")
	dir := filepath.Dir(path)
	for name, text := range map[string]string{
		"github.csv": "email,id\nada@acme.com,ada\n", "people.csv": "sym:cloud,okta:acme.okta.com\nada@acme.com,00u1\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		args    string
		want    []string // on the terminal, while the work goes on
		remains string   // of the last line
	}{
		{"migrate", []string{"migrating sqlite:"}, ""},
		{"import -format csv -in " + filepath.Join(dir, "people.csv"), []string{"importing", "0/47 B", "[0s:"}, "imported"},
		{"export", []string{"exporting", "(0/", "records/", "[0s:"}, "exported"},
		{"check", []string{"checking", "(0/2, 0 checks/", "[0s:"}, ""},
		{"lookup github:acme ada@acme.com", []string{"asking github:acme for 1 e-mails", "accounts/"}, ""},
	} {
		command, more, _ := strings.Cut(c.args, " ")
		args := append([]string{command, "-config", path}, strings.Fields(more)...)
		tty, sent := terminal(t)
		var stdout, piped bytes.Buffer
		if code := run(t.Context(), args, strings.NewReader(""), &stdout, tty, os.LookupEnv); code != exitOK {
			t.Errorf("%s: exit %d", command, code)
		}
		text := sent()
		for _, want := range c.want {
			if !strings.Contains(text, want) {
				t.Errorf("%s: the terminal shows %q, which lacks %q", command, text, want)
			}
		}
		last := strings.TrimRight(text[strings.LastIndex(strings.TrimRight(text, "\r\n"), "\r")+1:], "\r\n")
		if c.remains == "" && strings.TrimSpace(last) != "" || !strings.HasPrefix(last, c.remains) {
			t.Errorf("%s: the terminal keeps %q", command, last)
		}
		if strings.ContainsAny(stdout.String(), "\r") {
			t.Errorf("%s: progress on stdout: %q", command, stdout.String())
		}
		run(t.Context(), args, strings.NewReader(""), io.Discard, &piped, os.LookupEnv)
		file, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
		if err != nil {
			t.Fatal(err)
		}
		run(t.Context(), args, strings.NewReader(""), io.Discard, file, os.LookupEnv)
		filed, err := os.ReadFile(file.Name())
		if err != nil || strings.Contains(piped.String()+string(filed), "\r") {
			t.Errorf("%s: %v, elsewhere: %q, %q", command, err, piped.String(), filed)
		}
	}
}
