// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6/tf6server"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
)

// TestAccResolvedIdentity_warnsOfEach reads what Terraform prints: it folds
// warnings with equal summaries, and of 40 unmapped people every one must show,
// in each of two data sources.
func TestAccResolvedIdentity_warnsOfEach(t *testing.T) {
	t.Parallel()
	if os.Getenv(resource.EnvTfAcc) == "" {
		t.Skipf("acceptance tests run with %s set", resource.EnvTfAcc)
	}
	s := newTestServer(t, withDirectory(testOkta, directoryOf())).register(testOkta, "github:acme")
	var people []string
	for i := range 40 {
		people = append(people, fmt.Sprintf("\"p%02d@acme.com\"", i))
	}
	each := "for_each = toset([" + strings.Join(people, ", ") + "])"
	out := planOutput(t, `terraform {
  required_providers {
    sym = {
      source = "sym-identity/sym"
    }
  }
}
`+s.provider()+resolveHCL("okta", "each.value", testOkta, each, `on_unmapped = "warn"`)+resolveHCL("github", "each.value", "github:acme", each, `on_unmapped = "warn"`))
	for _, service := range []string{testOkta, "github:acme"} {
		for _, person := range people {
			if want := "Warning: Unmapped User: " + strings.Trim(person, `"`) + " in " + service; strings.Count(out, want+"\n") != 1 {
				t.Errorf("not shown once: %s", want)
			}
		}
	}
	if strings.Contains(out, "more similar warning") {
		t.Error("Terraform folded warnings")
	}
	if t.Failed() {
		t.Log(out)
	}
}

// planOutput is what terraform plan prints, with the provider of this process.
func planOutput(t *testing.T, config string) string {
	t.Helper()
	terraform := os.Getenv("TF_ACC_TERRAFORM_PATH")
	if terraform == "" {
		terraform = "terraform"
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.tf"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	env := append(os.Environ(), "TF_REATTACH_PROVIDERS="+serveProvider(t), "CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1", "TF_CLI_CONFIG_FILE="+os.DevNull)
	var out []byte
	for _, arguments := range [][]string{{"init", "-no-color"}, {"plan", "-no-color"}} {
		cmd := exec.CommandContext(t.Context(), terraform, arguments...)
		cmd.Dir, cmd.Env = dir, env
		var err error
		if out, err = cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", arguments[0], err, out)
		}
	}
	return string(out)
}

// serveProvider serves the provider until the test ends and returns how
// Terraform finds it.
func serveProvider(t *testing.T) string {
	t.Helper()
	const address = "registry.terraform.io/sym-identity/sym"
	ctx, stop := context.WithCancel(context.Background())
	config, closed := make(chan *plugin.ReattachConfig), make(chan struct{})
	failed := make(chan error, 1)
	go func() {
		failed <- tf6server.Serve(address, func() tfprotov6.ProviderServer {
			return newFrameworkServer(nil)
		}, tf6server.WithDebug(ctx, config, closed), tf6server.WithLoggingSink(t), tf6server.WithGoPluginLogger(hclog.NewNullLogger()), tf6server.WithoutLogStderrOverride())
	}()
	t.Cleanup(func() {
		stop()
		<-closed
	})
	select {
	case err := <-failed:
		t.Fatal(err)
	case c := <-config:
		type socket struct{ Network, String string }
		how := map[string]any{
			"Protocol": string(c.Protocol), "ProtocolVersion": c.ProtocolVersion, "Pid": c.Pid, "Test": c.Test,
			"Addr": socket{c.Addr.Network(), c.Addr.String()},
		}
		text, err := json.Marshal(map[string]any{address: how, "registry.opentofu.org/sym-identity/sym": how})
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	return ""
}
