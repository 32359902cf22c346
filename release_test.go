// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// shell runs commands in dir, with a home of their own, and returns what they
// print.
func shell(t *testing.T, dir, commands string, args ...string) (string, error) {
	t.Helper()
	// Cleanups run commands as well, after the test's context.
	c := exec.CommandContext(context.WithoutCancel(t.Context()), "bash", append([]string{"-euo", "pipefail", "-c", commands, "bash"}, args...)...)
	c.Dir = dir
	home := filepath.Join(filepath.Dir(dir), "home")
	if err := os.MkdirAll(home, 0o700); err != nil {
		t.Fatal(err)
	}
	c.Env = append(os.Environ(), "HOME="+home, "GNUPGHOME="+home, "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
	out, err := c.CombinedOutput()
	return string(out), err
}

func mustShell(t *testing.T, dir, commands string, args ...string) string {
	t.Helper()
	out, err := shell(t, dir, commands, args...)
	if err != nil {
		t.Fatalf("%v:\n%s\n%s", err, commands, out)
	}
	return strings.TrimSpace(out)
}

// script returns the path of one of our scripts.
func script(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("scripts", name))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// A tag makes a release only if a maintainer, whose key is on main, signed a tag
// of this name on a commit of main.
func TestVerifyTag(t *testing.T) {
	t.Parallel()
	const commit = "\ngit commit -q --allow-empty -m 'A change'\n"
	const byAnn = "-c gpg.format=ssh -c user.signingKey=../ann "
	const byEve = "-c gpg.format=ssh -c user.signingKey=../eve "
	for name, test := range map[string]struct {
		commands string
		fails    string // "" means that the tag is good
	}{
		"signed":        {commands: "git " + byAnn + "tag -s -m release v1.0.0", fails: ""},
		"lightweight":   {"git tag v1.0.0", "not an annotated tag"},
		"unsigned":      {"git tag -a -m release v1.0.0", "no signature by a key"},
		"another's key": {"git " + byEve + "tag -s -m release v1.0.0", "no signature by a key"},
		"key that the tag's own tree brings": {
			"echo \"eve@acme.example $(cat ../eve.pub)\" >>.github/allowed-signers && git commit -qam Keys\ngit " + byEve + "tag -s -m release v1.0.0 && git reset -q --hard HEAD~1",
			"no signature by a key",
		},
		"another version's tag under this name": {
			"git " + byAnn + "tag -s -m release v0.9.0 && git update-ref refs/tags/v1.0.0 $(git rev-parse refs/tags/v0.9.0)",
			"what was signed is v0.9.0",
		},
		"changed after it was signed": {
			"git " + byAnn + "tag -s -m release v1.0.0 && git update-ref refs/tags/v1.0.0 $(git cat-file tag v1.0.0 | sed 's/^release$/another/' | git hash-object -t tag -w --stdin)",
			"no signature by a key",
		},
		"not on main": {"git checkout -q -b other" + commit + "git " + byAnn + "tag -s -m release v1.0.0", "not part of main"},
		"another tag": {"git " + byAnn + "tag -s -m release v1.0.1", "not an annotated tag"},
		"a GnuPG key": {
			"gpg --batch --quiet --passphrase '' --quick-generate-key ann@acme.example rsa2048 sign 1d\ngit -c user.signingKey=ann@acme.example tag -s -m release v1.0.0\ngit verify-tag v1.0.0; gpgconf --kill all",
			"no signature by a key",
		},
		"no keys": {
			"echo '# none yet' >.github/allowed-signers && git commit -qam Keys\ngit " + byAnn + "tag -s -m release v1.0.0",
			"names no key",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "repository")
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			mustShell(t, dir, `
for name in ann eve; do ssh-keygen -q -t ed25519 -N '' -C "$name@acme.example" -f "../$name"; done
git init -q -b main
git config user.name Ann
git config user.email ann@acme.example
mkdir .github
echo "ann@acme.example namespaces=\"git\" $(cat ../ann.pub)" >.github/allowed-signers
git add .
git commit -qm Keys`+commit+test.commands)
			out, err := shell(t, dir, `"$1" v1.0.0 main`, script(t, "verify-tag"))
			if test.fails == "" && err != nil || test.fails != "" && (err == nil || !strings.Contains(out, test.fails)) {
				t.Errorf("verify-tag ends with %v, want %q:\n%s", err, test.fails, out)
			}
		})
	}
}

// What is published is what the key signed, all of it and nothing else.
func TestVerifyRelease(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "release")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	sums := map[string]string{}
	for _, name := range []string{
		"terraform-provider-sym_1.0.0_linux_amd64.zip", "terraform-provider-sym_1.0.0_manifest.json", "terraform-provider-sym_1.0.0_linux_amd64.cdx.json",
		"sym-identityd_1.0.0_linux_amd64.tar.gz", "sym-identityd_1.0.0_linux_amd64.cdx.json",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
		kind := "sym-identityd"
		if strings.HasPrefix(name, "terraform-provider-sym") && !strings.HasSuffix(name, ".cdx.json") {
			kind = "terraform-provider-sym"
		}
		sums[kind] += fmt.Sprintf("%x  %s\n", sha256.Sum256([]byte(name)), name)
	}
	for kind, text := range sums {
		if err := os.WriteFile(filepath.Join(dir, kind+"_1.0.0_SHA256SUMS"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { mustShell(t, dir, "gpgconf --kill all") })
	mustShell(t, dir, `
for name in release other; do
  gpg --batch --quiet --passphrase '' --quick-generate-key "$name@acme.example" rsa2048 sign 1d
  gpg --batch --armor --export "$name@acme.example" >"../$name.asc"
done
GPG_FINGERPRINT=release@acme.example "$1" .`, script(t, "sign-release"))
	for name, test := range map[string]struct {
		commands string
		fails    string
	}{
		"as it was signed":      {"true", ""},
		"an archive changed":    {"echo x >>terraform-provider-sym_1.0.0_linux_amd64.zip", "not those of terraform-provider-sym"},
		"the server's changed":  {"echo x >>sym-identityd_1.0.0_linux_amd64.tar.gz", "not those of sym-identityd"},
		"an SBOM changed":       {"echo x >>terraform-provider-sym_1.0.0_linux_amd64.cdx.json", "not those of sym-identityd"},
		"checksums changed":     {"sed -i.bak s/^./0/ sym-identityd_1.0.0_SHA256SUMS && rm *.bak", "the signature of sym-identityd_1.0.0_SHA256SUMS is not good"},
		"a line is gone":        {"sed -i.bak 1d terraform-provider-sym_1.0.0_SHA256SUMS && rm *.bak", "the signature of terraform-provider-sym"},
		"another's signature":   {"GPG_FINGERPRINT=other@acme.example \"$1\" .", "the signature of terraform-provider-sym"},
		"signatures exchanged":  {"mv sym-identityd_1.0.0_SHA256SUMS.sig terraform-provider-sym_1.0.0_SHA256SUMS.sig", "the signature of terraform-provider-sym"},
		"no signature":          {"rm sym-identityd_1.0.0_SHA256SUMS.sig", "the signature of sym-identityd"},
		"no checksums":          {"rm sym-identityd_1.0.0_SHA256SUMS*", "no checksums of sym-identityd"},
		"a file is missing":     {"rm sym-identityd_1.0.0_linux_amd64.tar.gz", "not those of sym-identityd"},
		"a file that none made": {"echo x >terraform-provider-sym_1.0.0_linux_arm64.zip", "are not those that the checksums name"},
		"no SBOM": {
			"rm *amd64.cdx.json && sed -i.bak /cdx/d sym-identityd_1.0.0_SHA256SUMS && rm *.bak && GPG_FINGERPRINT=release@acme.example \"$1\" .", "has no SBOM",
		},
		"no key": {"echo 'none yet' >../release.asc", "holds no key"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			copied := filepath.Join(filepath.Dir(dir), strings.ReplaceAll(name, " ", "-"), "release")
			mustShell(t, dir, `mkdir "$(dirname "$1")" && cp -R . "$1" && cp ../*.asc "$(dirname "$1")"`, copied)
			mustShell(t, dir, `cd "$2" && `+test.commands, script(t, "sign-release"), copied)
			out, err := shell(t, dir, `"$1" "$2" "$2/../release.asc"`, script(t, "verify-release"), copied)
			if test.fails == "" && err != nil || test.fails != "" && (err == nil || !strings.Contains(out, test.fails)) {
				t.Errorf("verify-release ends with %v, want %q:\n%s", err, test.fails, out)
			}
		})
	}
}

type workflow struct {
	Permissions map[string]string
	Jobs        map[string]struct {
		Needs       any
		Environment string
		Permissions map[string]string
		Steps       []struct {
			Run  string
			Uses string
			Env  map[string]string
			With map[string]string
		}
	}
}

// Nothing is published that is not tested, signed, attested and verified, and
// the signing key is where code of the repository's modules does not run.
func TestReleaseWorkflow(t *testing.T) {
	t.Parallel()
	var w workflow
	if err := yaml.Unmarshal([]byte(read(t, ".github/workflows/release.yml")), &w); err != nil {
		t.Fatal(err)
	}
	if len(w.Permissions) != 0 {
		t.Errorf("all jobs have the permissions %v", w.Permissions)
	}
	// needs collects the jobs that must succeed before one starts.
	var needs func(job string) []string
	needs = func(job string) []string {
		var all []string
		switch n := w.Jobs[job].Needs.(type) {
		case string:
			all = append(needs(n), n)
		case []any:
			for _, one := range n {
				all = append(append(all, needs(one.(string))...), one.(string))
			}
		}
		return all
	}
	for job, before := range map[string][]string{
		"test": {"tag"}, "build": {"tag"}, "sign": {"tag", "test", "build"}, "attest": {"sign"},
		"verify": {"sign", "attest"}, "publish": {"tag", "test", "build", "sign", "attest", "verify"}, "container": {"publish"},
	} {
		for _, one := range before {
			if !slices.Contains(needs(job), one) {
				t.Errorf("%s does not wait for %s", job, one)
			}
		}
	}
	may := map[string]map[string]string{
		"attest": {"id-token": "write", "attestations": "write"}, "verify": {"contents": "read", "attestations": "read"}, "publish": {"contents": "write"},
	}
	for name, job := range w.Jobs {
		want := may[name]
		if want == nil {
			want = map[string]string{"contents": "read"}
		}
		if fmt.Sprint(job.Permissions) != fmt.Sprint(want) {
			t.Errorf("%s has the permissions %v, want %v", name, job.Permissions, want)
		}
		for _, step := range job.Steps {
			text := fmt.Sprint(step)
			if strings.Contains(text, "secrets.") && (job.Environment != "release" || strings.Contains(text, "GPG_") != (name == "sign")) {
				t.Errorf("%s sees the secrets of %v", name, step)
			}
			if name == "sign" && (strings.HasPrefix(step.Uses, "actions/setup-go") || strings.Contains(step.Run, "go ")) {
				t.Errorf("the job with the key runs %v", step)
			}
			if strings.HasPrefix(step.Uses, "actions/checkout") && step.With["persist-credentials"] != "false" {
				t.Errorf("%s leaves its credentials in the checkout", name)
			}
		}
	}
	for job, command := range map[string]string{
		"tag": `scripts/verify-tag "$GITHUB_REF_NAME" origin/main`, "test": "go test ./...", "build": "scripts/pack-release",
		"sign": "scripts/sign-release release", "verify": "scripts/verify-release release .github/release-key.asc", "publish": "--draft=false",
	} {
		if !strings.Contains(fmt.Sprint(w.Jobs[job].Steps), command) {
			t.Errorf("%s does not run %s", job, command)
		}
	}
}

// Every module is looked after.
func TestDependabotKnowsAllModules(t *testing.T) {
	t.Parallel()
	var config struct {
		Updates []struct {
			Ecosystem   string `yaml:"package-ecosystem"`
			Directories []string
		}
	}
	if err := yaml.Unmarshal([]byte(read(t, ".github/dependabot.yml")), &config); err != nil {
		t.Fatal(err)
	}
	modules := []string{"/"}
	for _, pattern := range []string{"tools/go.mod", "tools/*/go.mod"} {
		for _, path := range glob(t, pattern) {
			modules = append(modules, "/"+filepath.ToSlash(filepath.Dir(path)))
		}
	}
	ecosystems := map[string][]string{}
	for _, u := range config.Updates {
		ecosystems[u.Ecosystem] = u.Directories
	}
	if got := ecosystems["gomod"]; !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(modules))) {
		t.Errorf("Dependabot looks after %v, the modules are %v", got, modules)
	}
	if got := ecosystems["github-actions"]; !slices.Equal(got, []string{"/", "/examples/ci", "/examples/ci/action"}) {
		t.Errorf("Dependabot looks after the actions in %v", got)
	}
}
