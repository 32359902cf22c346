// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package bench

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	token        = "token-of-the-benchmarks"
	okta         = `"service_type":"okta","external_id":"acme.okta.com"`
	plainService = "service \"okta\" \"acme.okta.com\" {}\n"
	batch        = 1000 // users in one request
)

// server runs sym-identityd behind a proxy that counts requests.
type server struct {
	b       *testing.B
	process string // its directory in /proc
	proxy   *httptest.Server
	url     string // without the proxy

	mu       sync.Mutex
	requests map[string]int // by method and path
	mappings int            // that the requests stored
}

// startServer starts sym-identityd on SQLite with blocks of its configuration.
func startServer(b *testing.B, blocks string) *server {
	b.Helper()
	return startServerOn(b, "sqlite:identities.db", blocks)
}

func startServerOn(b *testing.B, store, blocks string) *server {
	b.Helper()
	s := &server{b: b, requests: map[string]int{}}
	config := filepath.Join(b.TempDir(), "sym-identityd.hcl")
	text := fmt.Sprintf("org    = \"bench\"\nlisten = \"127.0.0.1:0\"\nstore  = env(\"STORE\")\ntoken \"bench\" {\n  sha256 = \"%x\"\n  role   = \"admin\"\n}\n%s",
		sha256.Sum256([]byte(token)), blocks)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	log, err := os.Create(config + ".log")
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(dir, "sym-identityd"), "serve", "-config", config)
	cmd.Stderr, cmd.Env = log, append(os.Environ(), "DIRECTORY_TOKEN=token", "STORE="+store)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt) // Wait tells if it ended before
		if err := cmd.Wait(); err != nil {
			text, _ := os.ReadFile(log.Name())
			b.Errorf("sym-identityd: %v\n%s", err, text)
		}
		_ = log.Close()
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	address, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	target, parseErr := url.Parse(address)
	if err != nil || !ok || parseErr != nil {
		b.Fatalf("sym-identityd printed %q", line)
	}
	s.process, s.url = fmt.Sprintf("/proc/%d", cmd.Process.Pid), address+"/api/v1/"
	forward := httputil.NewSingleHostReverseProxy(target)
	s.proxy = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the client has gone
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		s.mu.Lock()
		s.requests[r.Method+" "+r.URL.Path]++
		if r.Method == http.MethodPatch {
			s.mappings += bytes.Count(body, []byte(`"service_type":"okta"`))
		}
		s.mu.Unlock()
		forward.ServeHTTP(w, r)
	}))
	b.Cleanup(s.proxy.Close)
	return s
}

// count runs Terraform, reports its requests, and fails where they are more than most.
func (s *server) count(name string, most int, terraform func() usage) usage {
	s.b.Helper()
	s.mu.Lock()
	s.requests, s.mappings = map[string]int{}, 0
	s.mu.Unlock()
	used := terraform()
	s.mu.Lock()
	defer s.mu.Unlock()
	total := 0
	for _, n := range s.requests {
		total += n
	}
	s.b.ReportMetric(float64(total), name+"-requests")
	if total > most {
		s.b.Errorf("%s sent %d requests, want at most %d: %v", name, total, most, s.requests)
	}
	return used
}

// provider returns the head of a configuration that uses this server.
func (s *server) provider() string {
	return fmt.Sprintf("terraform {\n  required_providers {\n    sym = {\n      source = \"sym-identity/sym\"\n    }\n  }\n}\n"+
		"provider \"sym\" {\n  org     = \"bench\"\n  api_url = \"%s/api/v1\"\n  token   = %q\n}\n", s.proxy.URL, token)
}

const echoProvider = "terraform {\n  required_providers {\n    echo = {\n      source = \"sym-identity/echo\"\n    }\n  }\n}\n"

// store stores users, with an identity where mapped returns true.
func (s *server) store(people []person, mapped func(i int) bool) {
	s.b.Helper()
	var users []string
	for i, p := range people {
		users = append(users, userJSON(p, mapped(i)))
		if len(users) == batch || i == len(people)-1 {
			if _, err := s.call(http.MethodPatch, "users", `{"users":[`+strings.Join(users, ",")+`]}`); err != nil {
				s.b.Fatal(err)
			}
			users = nil
		}
	}
}

func userJSON(p person, mapped bool) string {
	identities := fmt.Sprintf(`{"service_type":"sym","external_id":"cloud","matcher":{"email":%q}}`, p.email)
	if mapped {
		identities += fmt.Sprintf(`,{%s,"matcher":{"user_id":%q}}`, okta, p.account)
	}
	return `{"identities":[` + identities + `]}`
}

// client keeps its connections. Requests wait for one where the server is slow.
var client = &http.Client{Transport: &http.Transport{MaxConnsPerHost: 100, MaxIdleConnsPerHost: 100}, Timeout: time.Minute}

// call sends a request past the proxy and returns the body of status 200.
func (s *server) call(method, path, body string) ([]byte, error) {
	request, err := http.NewRequestWithContext(s.b.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s: %s: %.1000s", method, path, response.Status, answer)
	}
	return answer, err
}

const oktaPage = 200 // the most that Okta gives

// fakeOkta serves Okta's list of users.
type fakeOkta struct {
	*httptest.Server
	pages    [][]byte
	byEmail  map[string][]byte
	latency  time.Duration
	requests atomic.Int64
}

func startOkta(b *testing.B, people []person, latency time.Duration) *fakeOkta {
	b.Helper()
	f := &fakeOkta{latency: latency, byEmail: map[string][]byte{}}
	for some := range slices.Chunk(people, oktaPage) {
		var users []json.RawMessage
		for _, p := range some {
			user := fmt.Appendf(nil, `{"id":%q,"status":"ACTIVE","created":"2024-01-02T03:04:05.000Z","profile":{"login":%[2]q,"email":%[2]q,"firstName":"A","lastName":"B"}}`, p.account, p.email)
			users, f.byEmail[p.email] = append(users, user), user
		}
		page, err := json.Marshal(users)
		if err != nil {
			b.Fatal(err)
		}
		f.pages = append(f.pages, page)
	}
	f.Server = httptest.NewServer(f)
	b.Cleanup(f.Close)
	return f
}

// service returns the block of a service with this directory.
func (f *fakeOkta) service(id string) string {
	return fmt.Sprintf("service \"okta\" %q {\n  directory \"okta\" {\n    token      = env(\"DIRECTORY_TOKEN\")\n    base_url   = %q\n    allow_http = true\n  }\n}\n", id, f.URL)
}

func (f *fakeOkta) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.requests.Add(1)
	time.Sleep(f.latency)
	w.Header().Set("Content-Type", "application/json")
	query, number := r.URL.Query(), 0
	if email, ok := strings.CutPrefix(query.Get("search"), `profile.email eq "`); ok {
		email, _, _ = strings.Cut(email, `"`)
		_, _ = fmt.Fprintf(w, "[%s]", f.byEmail[email])
		return
	}
	if _, err := fmt.Sscan(query.Get("after"), &number); (err != nil && query.Has("after")) || query.Has("filter") || len(f.pages) == 0 {
		_, _ = w.Write([]byte("[]")) // nobody is deprovisioned
		return
	}
	if number+1 < len(f.pages) {
		w.Header().Set("Link", fmt.Sprintf("<%s/api/v1/users?limit=%d&after=%d>; rel=\"next\"", f.URL, oktaPage, number+1))
	}
	_, _ = w.Write(f.pages[number])
}

// fakeList serves the users of PagerDuty or Slack, page by page and by address.
type fakeList struct {
	*httptest.Server
	kind, id string // of the service
	people   []person
	byEmail  map[string]int
	requests atomic.Int64
	latency  time.Duration
}

func startList(b *testing.B, kind, id string, people []person, latency time.Duration) *fakeList {
	b.Helper()
	f := &fakeList{kind: kind, id: id, people: people, byEmail: map[string]int{}, latency: latency}
	for i, p := range people {
		f.byEmail[p.email] = i
	}
	f.Server = httptest.NewServer(f)
	b.Cleanup(f.Close)
	return f
}

// service returns the block of the service with this directory.
func (f *fakeList) service() string {
	return fmt.Sprintf("service %q %q {\n  directory %[1]q {\n    token      = env(\"DIRECTORY_TOKEN\")\n    base_url   = %[3]q\n    allow_http = true\n  }\n}\n", f.kind, f.id, f.URL)
}

func (f *fakeList) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.requests.Add(1)
	time.Sleep(f.latency)
	query := r.URL.Query()
	size, sizeErr := strconv.Atoi(cmp.Or(query.Get("limit"), "100"))
	from, err := strconv.Atoi(cmp.Or(query.Get("offset"), query.Get("cursor"), "0"))
	if err := errors.Join(err, sizeErr); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	end := min(from+size, len(f.people))
	if email := cmp.Or(query.Get("query"), query.Get("email")); email != "" {
		place, known := f.byEmail[email]
		from, end = place, place
		if known {
			end++
		}
	}
	var users []json.RawMessage
	for _, p := range f.people[from:end] {
		if f.kind == "slack" {
			users = append(users, fmt.Appendf(nil, `{"id":%q,"team_id":%q,"profile":{"email":%q}}`, p.account, f.id, p.email))
		} else {
			users = append(users, fmt.Appendf(nil, `{"id":%q,"name":"A","email":%q}`, p.account, p.email))
		}
	}
	answer := map[string]any{"users": users, "more": end < len(f.people) && query.Get("query") == ""}
	if query.Get("total") == "true" {
		answer["total"] = len(f.people)
	}
	if f.kind == "slack" {
		answer = map[string]any{"ok": true, "members": users, "response_metadata": map[string]string{}}
		if end < len(f.people) {
			answer["response_metadata"] = map[string]string{"next_cursor": strconv.Itoa(end)}
		}
		if query.Has("email") {
			answer = map[string]any{"ok": false, "error": "users_not_found"}
			if len(users) > 0 {
				answer = map[string]any{"ok": true, "user": users[0]}
			}
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer) // the client may have gone
}
