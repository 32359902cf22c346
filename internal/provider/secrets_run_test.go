// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"html"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// secretsRun is one working directory of a real CLI, with an API that accepts
// the secrets only.
type secretsRun struct {
	t       *testing.T
	dir     string
	env     map[string]string
	proxied atomic.Bool // something came through the proxy
}

func newSecretsRun(t *testing.T, tt secretsTest, cli, program string) *secretsRun {
	t.Helper()
	r := &secretsRun{t: t, dir: t.TempDir()}
	front := httptest.NewServer(r.front(tt, program))
	t.Cleanup(front.Close)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.proxied.Store(true)
		req.URL.Host = strings.TrimPrefix(front.URL, "http://")
		httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: req.URL.Host}).ServeHTTP(w, req)
	}))
	t.Cleanup(proxy.Close)
	file := filepath.Join(t.TempDir(), "token") // not among the files that are looked at
	writeFile(t, file, secretToken)
	r.env = map[string]string{
		"TF_CLI_CONFIG_FILE": cli, "CHECKPOINT_DISABLE": "1", "TF_VAR_key": secretHeader, "SYM_API_URL": front.URL + "/api/v1", "SYM_JWT": secretToken,
		"TF_LOG": "TRACE", "TF_LOG_SDK": "TRACE", "TF_LOG_PATH": filepath.Join(r.dir, "trace.log"), "GOTRACEBACK": "all",
	}
	if tt.crash {
		r.env["TMPDIR"] = t.TempDir() // a provider that dies leaves its socket
	}
	for k, v := range tt.env {
		v = strings.Replace(v, "PROXY", strings.Replace(proxy.URL, "http://", "http://me:"+secretProxied+"@", 1), 1)
		r.env[k] = strings.Replace(v, "FILE", file, 1)
	}
	writeFile(t, filepath.Join(r.dir, "main.tf"), secretsConfig)
	return r
}

// front lets requests with the secrets through to the API.
func (r *secretsRun) front(tt secretsTest, program string) http.Handler {
	api := newTestServer(r.t).register("okta:acme.okta.com")
	target, err := url.Parse(api.URL)
	if err != nil {
		r.t.Fatal(err)
	}
	through := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: target.Scheme, Host: target.Host})
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Header.Get("Authorization") != "Bearer "+secretToken || req.Header.Get("X-Gateway-Key") != secretHeader {
			r.t.Error("a request without the secrets")
		}
		switch {
		case tt.crash:
			r.crash(program)
			// An answer before the process is gone could let the run succeed.
			select {
			case <-req.Context().Done():
			case <-time.After(10 * time.Minute):
				r.t.Error("the provider lives on after SIGQUIT")
			}
		case tt.answer != nil:
			tt.answer(w, req)
		default:
			req.Header.Set("Authorization", "Bearer "+testToken)
			through.ServeHTTP(w, req)
		}
	})
}

// crash makes this run's provider die with a dump of all it was doing.
func (r *secretsRun) crash(program string) {
	processes, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		r.t.Error(err)
	}
	for _, process := range processes {
		exe, _ := os.Readlink(filepath.Join(process, "exe"))
		environment, _ := os.ReadFile(filepath.Join(process, "environ"))
		if exe != program || !bytes.Contains(environment, []byte(r.dir)) {
			continue
		}
		id, err := strconv.Atoi(filepath.Base(process))
		if err != nil {
			continue
		}
		if p, err := os.FindProcess(id); err == nil {
			_ = p.Signal(syscall.SIGQUIT)
		}
	}
}

func (r *secretsRun) terraform(arguments ...string) (string, error) {
	r.t.Helper()
	terraform := os.Getenv("TF_ACC_TERRAFORM_PATH")
	if terraform == "" {
		terraform = "terraform"
	}
	cmd := exec.CommandContext(r.t.Context(), terraform, arguments...)
	cmd.Dir = r.dir
	for _, set := range os.Environ() { // nothing of the machine's own network
		name, _, _ := strings.Cut(set, "=")
		if !slices.Contains([]string{"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"}, strings.ToUpper(name)) {
			cmd.Env = append(cmd.Env, set)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.env)) {
		cmd.Env = append(cmd.Env, name+"="+r.env[name])
	}
	out, err := cmd.CombinedOutput()
	writeFile(r.t, filepath.Join(r.dir, arguments[0]+".out"), string(out))
	return string(out), err
}

// showPlan writes a plan of a change, and its JSON, beside the state.
func (r *secretsRun) showPlan() {
	r.t.Helper()
	writeFile(r.t, filepath.Join(r.dir, "main.tf"), strings.Replace(secretsConfig, "00u1", "00u2", 1))
	if out, err := r.terraform("plan", "-out=plan.tfplan", "-no-color", "-input=false"); err != nil {
		r.t.Errorf("plan: %v\n%s", err, out)
	}
	if out, err := r.terraform("show", "-json", "plan.tfplan"); err != nil || !strings.Contains(out, "00u2") {
		r.t.Errorf("show: %v\n%s", err, out)
	}
	if err := os.Remove(filepath.Join(r.dir, "plan.tfplan")); err != nil { // compressed; show has told all of it
		r.t.Error(err)
	}
}

// look searches every file of the directory: the log, what Terraform printed,
// state and plan. logs is what must stand there, or nothing was tested.
func (r *secretsRun) look(logs string) {
	r.t.Helper()
	logged := false
	err := filepath.WalkDir(r.dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		logged = logged || bytes.Contains(text, []byte(logs))
		secrets := []string{secretToken, secretProxied, testToken}
		if filepath.Base(path) != "show.out" { // Terraform's plan holds the values of variables
			secrets = append(secrets, secretHeader)
		}
		for _, secret := range secrets {
			for spelling, form := range spellings(secret) {
				if at := bytes.Index(text, []byte(form)); at >= 0 {
					from, to := max(0, at-200), min(len(text), at+200)
					r.t.Errorf("%s shows in %s (%s): … %s …", secret, filepath.Base(path), spelling, text[from:to])
				}
			}
		}
		return nil
	})
	if err != nil {
		r.t.Error(err)
	}
	if !logged {
		r.t.Errorf("the log has no %q: nothing was tested", logs)
	}
}

// spellings are the forms in which one text may contain another.
func spellings(secret string) map[string]string {
	forms := map[string]string{
		"plain": secret, "query": url.QueryEscape(secret), "path": url.PathEscape(secret), "page": html.EscapeString(secret),
		"hex": hex.EncodeToString([]byte(secret)), "JSON": strings.NewReplacer("<", `\u003c`, ">", `\u003e`, "&", `\u0026`).Replace(secret),
		"first half": secret[:len(secret)/2],
	}
	for skip := range 3 { // in base64 a text has three forms, by where it begins; its ends depend on what is beside it
		text := strings.Repeat("x", skip) + secret
		for name, encoding := range map[string]*base64.Encoding{"base64": base64.RawStdEncoding, "base64 for URLs": base64.RawURLEncoding} {
			whole := encoding.EncodeToString([]byte(text))
			forms[name+" "+strconv.Itoa(skip)] = whole[4 : len(whole)-4]
		}
	}
	return forms
}

// TestSpellings makes sure that the search finds what others may write.
func TestSpellings(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"header": "Authorization: Bearer " + secretToken, "query": "?" + url.Values{"token": {secretToken}}.Encode(), "path": (&url.URL{Path: "/" + secretToken + "/x"}).String(),
		"page": html.EscapeString("<" + secretToken), "Basic": base64.StdEncoding.EncodeToString([]byte("me:" + secretToken)), "Go's": strconv.Quote(secretToken),
		"base64": base64.URLEncoding.EncodeToString([]byte("Bearer " + secretToken + " ")), "hex": hex.EncodeToString([]byte(secretToken)), "cut": secretToken[:20],
	} {
		if found := func() bool {
			for _, form := range spellings(secretToken) {
				if strings.Contains(text, form) {
					return true
				}
			}
			return false
		}(); !found {
			t.Errorf("%s: %s is not found", name, text)
		}
	}
	for _, secret := range []string{secretToken, secretHeader, secretProxied} {
		for name, form := range spellings(secret) {
			if len(form) < 12 {
				t.Errorf("%s of %s is so short that it may stand anywhere: %q", name, secret, form)
			}
		}
	}
}
