// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

//go:build unix

package provider

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/sym-identity/terraform-provider-sym/internal/proctest"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
	"github.com/sym-identity/terraform-provider-sym/internal/store/sqlstore"
)

// TestAccInterrupted interrupts a real CLI, as Ctrl-C does, while the server
// takes its time: state holds all that was stored, and the next plan is only
// what was not begun.
func TestAccInterrupted(t *testing.T) {
	t.Parallel()
	if os.Getenv(resource.EnvTfAcc) == "" {
		t.Skipf("acceptance tests run with %s set", resource.EnvTfAcc)
	}
	s := newTestServer(t).register(testOkta, testGitHub)
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "main.tf"), `
terraform {
  required_providers {
    sym = { source = "sym-identity/sym" }
  }
}
`+s.provider()+`
resource "sym_identity" "okta" {
  count        = 12
  user         = "person${count.index}@acme.com"
  service_type = "okta"
  external_id  = "acme.okta.com"
  identity     = "00u${count.index}"
}
resource "sym_identities" "github" {
  service_type = "github"
  external_id  = "acme"
  identities   = { for n in range(5) : "person${n}@acme.com" => "login${n}" }
}
`)
	cli := devOverrides(t)

	// Slower than the time between the signal and the provider's being told.
	held := make(chan struct{})
	release := sync.OnceFunc(func() { close(held) })
	began := make(chan struct{}, 100)
	s.onRequest(func(r *http.Request) {
		if r.Method == http.MethodPatch {
			began <- struct{}{}
			<-held
		}
	})
	defer release()
	cmd, out := terraformIn(t, dir, cli, "apply", "-auto-approve", "-no-color", "-parallelism=4")
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true // Ctrl-C reaches the provider as well
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		select {
		case <-began:
		case <-time.After(10 * time.Minute):
			t.Fatalf("nothing was written: %s", out)
		}
	}
	if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(2*time.Second, release)
	if err := cmd.Wait(); err == nil {
		t.Errorf("an interrupted apply succeeded: %s", out)
	}
	s.onRequest(nil)
	if !strings.Contains(out.String(), "Interrupt received") {
		t.Errorf("Terraform was not interrupted: %s", out)
	}

	inState := mappingsInState(t, filepath.Join(dir, "terraform.tfstate"))
	users, _, err := s.Store.Users(t.Context(), store.UserFilter{})
	if err != nil {
		t.Fatal(err)
	}
	stored := 0
	for _, u := range users {
		for _, m := range u.Mappings {
			stored++
			if key := u.Name + " in " + m.Service.String(); !inState[key] {
				t.Errorf("%s is stored and not in state", key)
			}
		}
	}
	if stored != len(inState) || stored < 4 || stored == 17 {
		t.Errorf("%d mappings are stored and %d in state; want the 4 or more that were under way, and not all", stored, len(inState))
	}
	t.Logf("%d of 17 mappings were stored and are in state", stored)

	cmd, out = terraformIn(t, dir, cli, "apply", "-auto-approve", "-no-color")
	if err := cmd.Run(); err != nil || strings.Contains(out.String(), "Warning: Identity") {
		t.Errorf("the next apply: %v: %s", err, out)
	}
	if n := len(mappingsInState(t, filepath.Join(dir, "terraform.tfstate"))); n != 17 {
		t.Errorf("%d mappings are in state in the end, want 17", n)
	}
}

// terraformIn returns a command of the real CLI, and what it will print.
func terraformIn(t *testing.T, dir, cliConfig string, arguments ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	program := os.Getenv("TF_ACC_TERRAFORM_PATH")
	if program == "" {
		program = "terraform"
	}
	cmd, out := exec.CommandContext(t.Context(), program, arguments...), &bytes.Buffer{}
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, out, out
	cmd.Env = append(os.Environ(), "TF_CLI_CONFIG_FILE="+cliConfig, "CHECKPOINT_DISABLE=1")
	proctest.EndWithTest(cmd)
	return cmd, out
}

// TestAccEmbeddedFile: when Terraform has ended, the file of an embedded store
// alone is the whole store.
func TestAccEmbeddedFile(t *testing.T) {
	t.Parallel()
	if os.Getenv(resource.EnvTfAcc) == "" {
		t.Skipf("acceptance tests run with %s set", resource.EnvTfAcc)
	}
	dir, cli := t.TempDir(), devOverrides(t)
	writeFile(t, filepath.Join(dir, "sym-identityd.hcl"), "org = \"acme\"\nstore = \"sqlite:identities.db\"\nservice \"okta\" \"acme.okta.com\" {}\n")
	writeFile(t, filepath.Join(dir, "main.tf"), `
terraform {
  required_providers {
    sym = { source = "sym-identity/sym" }
  }
}
provider "sym" {
  org      = "acme"
  embedded = { config = "sym-identityd.hcl" }
}
resource "sym_identities" "okta" {
  service_type = "okta"
  external_id  = "acme.okta.com"
  identities   = { for n in range(300) : "person${n}@acme.com" => "00u${n}" }
}
`)
	if cmd, out := terraformIn(t, dir, cli, "apply", "-auto-approve", "-no-color"); cmd.Run() != nil {
		t.Fatal(out)
	}
	found, err := filepath.Glob(filepath.Join(dir, "identities.db*"))
	if err != nil || len(found) != 1 {
		t.Errorf("Terraform left %v, want the file alone (%v)", found, err)
	}
	content, err := os.ReadFile(filepath.Join(dir, "identities.db"))
	if err != nil {
		t.Fatal(err)
	}
	backup := filepath.Join(t.TempDir(), "copy.db")
	writeFile(t, backup, string(content))
	st, err := sqlstore.Open(t.Context(), "sqlite:"+backup, sqlstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close() // nothing was written
	if users, _, err := st.Users(t.Context(), store.UserFilter{}); err != nil || len(users) != 300 {
		t.Errorf("the copy holds %d people, want 300 (%v)", len(users), err)
	}
}

// mappingsInState returns the mappings of a state file: "USER in SERVICE".
func mappingsInState(t *testing.T, path string) map[string]bool {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var state struct {
		Resources []struct {
			Instances []struct {
				Attributes struct {
					Service, User string
					Identities    map[string]string
				}
			}
		}
	}
	if err := json.Unmarshal(text, &state); err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, r := range state.Resources {
		for _, i := range r.Instances {
			a := i.Attributes
			if a.User != "" {
				found[fmt.Sprintf("%s in %s", a.User, a.Service)] = true
			}
			for user := range a.Identities {
				found[fmt.Sprintf("%s in %s", user, a.Service)] = true
			}
		}
	}
	return found
}
