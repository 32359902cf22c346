// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package httpjson_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/directorytest"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/httpjson"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

var service = identity.ServiceKey{Type: "custom", ExternalID: "pager"}

// fake looks people up; with search it gives all whose address holds the text.
type fake struct {
	world  directorytest.World
	search bool
}

func (f fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("X-Api-Key") != directorytest.Secret {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	email := r.URL.Query().Get("email")
	if path, ok := strings.CutPrefix(r.URL.Path, "/by-path/"); ok {
		email = path
	}
	matches := func(address string) bool {
		address = identity.FoldASCII(address)
		return address == email || f.search && strings.Contains(address, email)
	}
	users := []map[string]any{}
	for _, p := range f.world.People {
		if slices.ContainsFunc(p.Emails, matches) {
			users = append(users, map[string]any{"id": p.ID, "emails": p.Emails})
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"users": users})
}

func subject(path string, search bool, change func(*httpjson.Config)) directorytest.Subject {
	return directorytest.Subject{
		Kind:       "http",
		AllPrimary: true,
		Service:    service,
		Fake:       func(w directorytest.World) http.Handler { return fake{world: w, search: search} },
		Open: func(_ testing.TB, env directorytest.Env) (directory.Directory, error) {
			cfg := httpjson.Config{
				URL:       env.BaseURL + path,
				Headers:   map[string]string{"x-api-key": env.Secret},
				AllowHTTP: true, AllowPrivate: true, CAFile: env.CAFile, Clock: env.Clock,
			}
			change(&cfg)
			return httpjson.Open(cfg)
		},
	}
}

func TestConformanceLookup(t *testing.T) {
	t.Parallel()
	directorytest.Run(t, subject("/users?email={email}", false, func(c *httpjson.Config) { c.Identity = "response.users.map(u, u.id)" }))
}

func TestConformanceLookupInPath(t *testing.T) {
	t.Parallel()
	directorytest.Run(t, subject("/by-path/{email}", false, func(c *httpjson.Config) { c.Identity = "response.users.map(u, u.id)" }))
}

func TestConformanceSearch(t *testing.T) {
	t.Parallel()
	directorytest.Run(t, subject("/users?email={email}", true, func(c *httpjson.Config) {
		c.Identity = "response.users.filter(u, u.emails.exists(e, e.lowerAscii() == email)).map(u, u.id)"
	}))
}

// The first row of a search counts only if it has the address.
func TestConformanceFirstRow(t *testing.T) {
	t.Parallel()
	s := subject("/users?email={email}", true, func(c *httpjson.Config) {
		c.Identity, c.Emails = "response.users[0].id", "response.users[0].emails"
	})
	s.Variant = "the first row of a search"
	s.Lacks = directorytest.Lacking("only the first row is looked at", directorytest.Duplicate)
	directorytest.Run(t, s)
}

func TestTraps(t *testing.T) {
	t.Parallel()
	s := subject("/users?email={email}", true, func(c *httpjson.Config) {
		c.Identity = "response.users.filter(u, u.emails.exists(e, e.lowerAscii() == email)).map(u, u.id)"
	})
	const says = "the expressions give no state, kind or proof: the endpoint has to leave such accounts out"
	noState := directorytest.Cannot(says)
	onlyByEmail := func(trap directorytest.Trap) directorytest.Cell {
		scene := s.DefaultScenes(trap)[0]
		scene.Asks = slices.DeleteFunc(scene.Asks, func(a directorytest.Ask) bool { return a.Identity != "" }) // it cannot be asked for one
		return directorytest.Scenes(scene)
	}
	directorytest.Traps(t, s, map[directorytest.Trap]directorytest.Cell{
		directorytest.Rename:          onlyByEmail(directorytest.Rename),
		directorytest.RenameReuse:     onlyByEmail(directorytest.RenameReuse),
		directorytest.RecycledAddress: onlyByEmail(directorytest.RecycledAddress),
		directorytest.Unverified:      noState,
		directorytest.Pending:         noState,
		directorytest.Guest:           noState,
		directorytest.InactiveTwin:    noState,
		directorytest.InactiveOwner:   noState,
		directorytest.ShortList:       directorytest.Cannot("an endpoint is asked for one person at a time"),
	})
}

// What is misspelled is an error of the configuration for everybody, and check
// says so.
func TestMisspelledField(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ body, identity, emails, field string }{
		"identity":            {`{"users":[]}`, "response.usrs[0].id", "", "usrs"},
		"identity in a row":   {`{"users":[{"id":"u1"}]}`, "response.users[0].ident", "", "ident"},
		"emails":              {`{"users":[{"id":"u1","email":"ann@example.com"}]}`, "response.users[0].id", "response.users[0].emial", "emial"},
		"emails of all users": {`{"users":[{"id":"u1","email":"ann@example.com"}]}`, "response.users[0].id", "response.usrs.map(u, u.email)", "usrs"},
		"in a filter":         {`{"users":[{"id":"u1","email":"ann@example.com"}]}`, "response.users.filter(u, u.emial == email).map(u, u.id)", "", "emial"},
	} {
		d, err := open(t, answering(200, tc.body), func(c *httpjson.Config) { c.Identity, c.Emails = tc.identity, tc.emails })
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Check(t.Context()); !errors.Is(err, directory.ErrAnswer) || !strings.Contains(err.Error(), tc.field) {
			t.Errorf("%s: Check: %v, want an error that names the field", name, err)
		}
		answers, err := directory.Lookup(t.Context(), d, service, []string{"ann@example.com", "bob@example.com"})
		if err != nil || answers[0].Status != identity.Failed || answers[1].Status != identity.Failed {
			t.Errorf("%s: Lookup = %+v, %v, want failures", name, answers, err)
		}
	}
}

func open(t *testing.T, h http.Handler, change func(*httpjson.Config)) (directory.Directory, error) {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	cfg := httpjson.Config{URL: server.URL + "/u?email={email}", Identity: "response.id", AllowHTTP: true, AllowPrivate: true, Clock: directorytest.NewClock()}
	change(&cfg)
	return httpjson.Open(cfg)
}

func answering(status int, body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		if status != http.StatusNoContent {
			_, _ = io.WriteString(w, body)
		}
	})
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		body, identity, emails string
		want                   []string
		fail                   string
	}{
		"string":                 {body: `{"id":"u1"}`, identity: "response.id", want: []string{"u1"}},
		"integer":                {body: `{"id":10000000}`, identity: "response.id", want: []string{"10000000"}},
		"large integer":          {body: `{"id":12345678901234567890123}`, identity: "response.id", want: []string{"12345678901234567890123"}},
		"unsigned integer":       {body: `{"id":18446744073709551615}`, identity: "response.id", want: []string{"18446744073709551615"}},
		"literal text":           {body: `{"id":1.50}`, identity: "response.id", want: []string{"1.50"}},
		"exponent":               {body: `{"id":1E7}`, identity: "string(response.id)", want: []string{"1E7"}},
		"computed from a number": {body: `{"id":10000000}`, identity: "'u-' + string(response.id)", want: []string{"u-10000000"}},
		"list of one":            {body: `[{"id":"u1"},{"id":"u1"}]`, identity: "response.map(u, u.id)", want: []string{"u1"}},
		"list of two":            {body: `[{"id":"u1"},{"id":2}]`, identity: "response.map(u, u.id)", want: []string{"u1", "2"}},
		"empty list":             {body: `[]`, identity: "response.map(u, u.id)"},
		"optional":               {body: `{"id":"u1"}`, identity: "response.?id", want: []string{"u1"}},
		"optional absent":        {body: `{}`, identity: "response.?id"},
		"has":                    {body: `{}`, identity: "has(response.id) ? response.id : ''"},
		"has present":            {body: `{"id":"u1"}`, identity: "has(response.id) ? response.id : ''", want: []string{"u1"}},
		"empty string":           {body: `{"id":""}`, identity: "response.id"},
		"null":                   {body: `{"id":null}`, identity: "response.id"},
		"absent field":           {body: `{}`, identity: "response.id", fail: `no field "id"`},
		"absent inner field":     {body: `{}`, identity: "response.user.id", fail: `no field "user"`},
		"absent field by index":  {body: `{}`, identity: "response['id']", fail: `no field "id"`},
		"absent computed field":  {body: `{"key":"id"}`, identity: "response[response.key]"},
		"absent index":           {body: `{"users":[]}`, identity: "response.users[0].id"},
		"absent computed index":  {body: `{"users":[],"n":0}`, identity: "response.users[response.n].id"},
		"field of null":          {body: `{"user":null}`, identity: "response.user.id"},
		"absent in a function":   {body: `{}`, identity: "response.id.lowerAscii()", fail: `no field "id"`},
		"absent after a filter":  {body: `[{"id":"u1"}]`, identity: "response.filter(u, u.id == 'u2')[0].id"},
		"absent in a branch":     {body: `{"ok":true}`, identity: "response.ok ? response.id : 'none'", fail: `no field "id"`},
		"the address asked for":  {body: `{"ann@example.com":"u1"}`, identity: "response[email]", want: []string{"u1"}},

		"emails hold it":             {body: `{"id":"u1","mail":["x@example.com","ANN@example.com "]}`, identity: "response.id", emails: "response.mail", want: []string{"u1"}},
		"emails is a string":         {body: `{"id":"u1","mail":"Ann@example.com"}`, identity: "response.id", emails: "response.mail", want: []string{"u1"}},
		"emails hold another":        {body: `{"id":"u1","mail":["joann@example.com"]}`, identity: "response.id", emails: "response.mail"},
		"emails are absent":          {body: `{"id":"u1"}`, identity: "response.id", emails: "response.mail", fail: `emails: the answer has no field "mail"; if it may be missing, write .?mail`},
		"emails may be absent":       {body: `{"id":"u1"}`, identity: "response.id", emails: "response.?mail"},
		"misspelled before an index": {body: `{"users":[]}`, identity: "response.usrs[0].id", fail: `no field "usrs"`},
		"misspelled after one":       {body: `{"users":[{"id":"u1"}]}`, identity: "response.users[0].uid", fail: `no field "uid"`},
		"may be absent":              {body: `{}`, identity: "response.?user.?id"},
		"an index may be absent":     {body: `{"users":[]}`, identity: "response.users[?0].?id"},
		"an unknown address as key":  {body: `{"bob@example.com":"u1"}`, identity: "response[email]"},
		"emails are null":            {body: `{"id":"u1","mail":null}`, identity: "response.id", emails: "response.mail"},
		"emails of another kind":     {body: `{"id":"u1","mail":{}}`, identity: "response.id", emails: "response.mail", fail: "emails: "},

		"field of a string":      {body: `{"user":"maintenance"}`, identity: "response.user.id", fail: "identity: "},
		"field of a list":        {body: `[]`, identity: "response.id", fail: "identity: "},
		"index of a string":      {body: `{"users":"none"}`, identity: "response.users[0]", fail: "identity: "},
		"no overload":            {body: `{"id":1}`, identity: "response.id.lowerAscii()", fail: "identity: "},
		"conversion":             {body: `{"id":"x"}`, identity: "string(int(response.id))", fail: "identity: "},
		"division by zero":       {body: `{"n":0}`, identity: "string(1 / response.n)", fail: "identity: "},
		"boolean":                {body: `{"id":true}`, identity: "response.id", fail: "gives a bool"},
		"object":                 {body: `{"id":{}}`, identity: "response.id", fail: "gives a map"},
		"computed double":        {body: `{"id":3}`, identity: "dyn(double(response.id))", fail: "gives a double"},
		"null in a list":         {body: `[{"id":null}]`, identity: "response.map(u, u.id)", fail: "empty value"},
		"row without the field":  {body: `[{"id":"u1"},{}]`, identity: "response.map(u, u.id)", fail: "no such key"},
		"filter without a field": {body: `[{"id":"u1"},{"id":"u2","mail":"ann@example.com"}]`, identity: "response.filter(u, u.mail == email)[0].id", fail: "no such key"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, err := open(t, answering(200, tc.body), func(c *httpjson.Config) { c.Identity, c.Emails = tc.identity, tc.emails })
			if err != nil {
				t.Fatal(err)
			}
			found, err := d.Find(t.Context(), "ann@example.com")
			if tc.fail != "" {
				if !errors.Is(err, directory.ErrAnswer) || !strings.Contains(err.Error(), tc.fail) {
					t.Fatalf("Find = %+v, %v, want ErrAnswer with %q", found, err, tc.fail)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, a := range found {
				got = append(got, a.Identity)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("ids (-want +got):\n%s", diff)
			}
		})
	}
}

func TestStatuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		status   int
		notFound []int
		want     error // nil = not found
	}{
		"listed 404":   {404, []int{410, 404}, nil},
		"listed 204":   {204, []int{204}, nil},
		"unlisted 404": {404, nil, directory.ErrRefused},
		"unlisted 204": {204, nil, directory.ErrUnavailable},
		"201":          {201, nil, directory.ErrUnavailable},
		"302":          {302, nil, directory.ErrRefused},
		"401":          {401, []int{404}, directory.ErrCredential},
		"500":          {500, []int{404}, directory.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, err := open(t, answering(tc.status, `{"id":"u1"}`), func(c *httpjson.Config) { c.NotFoundStatus = tc.notFound })
			if err != nil {
				t.Fatal(err)
			}
			found, err := d.Find(t.Context(), "ann@example.com")
			if !errors.Is(err, tc.want) || len(found) > 0 {
				t.Errorf("Find = %+v, %v, want %v", found, err, tc.want)
			}
			if tc.status == 404 && err != nil && !strings.Contains(err.Error(), "not_found_status") {
				t.Errorf("the error does not say how to make a 404 mean nobody: %v", err)
			}
		})
	}
}

// One person's odd answer says nothing about the others.
func TestOddAnswerFailsOnePerson(t *testing.T) {
	t.Parallel()
	d, err := open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := `{"id":"u1"}`
		if strings.HasPrefix(r.URL.Query().Get("email"), "odd") {
			body = `{"id":{"value":"u1"}}`
		}
		_, _ = io.WriteString(w, body)
	}), func(*httpjson.Config) {})
	if err != nil {
		t.Fatal(err)
	}
	answers, err := directory.Lookup(t.Context(), d, service, []string{"odd@example.com", "ann@example.com"})
	if err != nil {
		t.Fatal(err)
	}
	if answers[0].Status != identity.Failed || answers[0].Err == nil || answers[0].Err.Retryable || answers[1].Status != identity.Found {
		t.Errorf("Lookup = %+v, want a lasting failure and a hit", answers)
	}
}

// A key in the query is shown neither when the service repeats the request nor
// when it cannot be reached.
func TestKeyInURL(t *testing.T) {
	t.Parallel()
	repeats := func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, "cannot serve "+r.RequestURI)
	}
	hangsUp := func(w http.ResponseWriter, _ *http.Request) {
		if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
			_ = conn.Close()
		}
	}
	for name, h := range map[string]http.HandlerFunc{"repeats": repeats, "hangs up": hangsUp} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, err := open(t, h, func(c *httpjson.Config) { c.URL += "&key=hunter22" })
			if err != nil {
				t.Fatal(err)
			}
			if _, err := d.Find(t.Context(), "ann@example.com"); err == nil || strings.Contains(err.Error(), "hunter22") {
				t.Errorf("Find: %v, want an error without the key", err)
			}
		})
	}
}

func TestPrivateTargets(t *testing.T) {
	t.Parallel()
	visited := false
	d, err := open(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { visited = true }), func(c *httpjson.Config) { c.AllowPrivate = false })
	if err != nil {
		t.Fatal(err)
	}
	found, err := d.Find(t.Context(), "ann@example.com")
	if !errors.Is(err, directory.ErrRefused) || visited {
		t.Errorf("Find on a loopback address = %+v, %v (visited: %t), want it refused", found, err, visited)
	}
}

func TestOpenErrors(t *testing.T) {
	t.Parallel()
	good := httpjson.Config{URL: "https://api.example.com/u?email={email}", Identity: "response.id"}
	for name, tc := range map[string]struct {
		change func(*httpjson.Config)
		want   string
	}{
		"no URL":              {func(c *httpjson.Config) { c.URL = "" }, "url: "},
		"no placeholder":      {func(c *httpjson.Config) { c.URL = "https://api.example.com/u" }, "url: it lacks {email}"},
		"other placeholder":   {func(c *httpjson.Config) { c.URL = "https://api.example.com/{id}/{email}" }, "url: it holds braces"},
		"email in the host":   {func(c *httpjson.Config) { c.URL = "https://{email}/u" }, "url: {email} is in the host"},
		"email as user":       {func(c *httpjson.Config) { c.URL = "https://{email}@api.example.com/" }, "url: {email} is in the host"},
		"fragment":            {func(c *httpjson.Config) { c.URL = "https://api.example.com/#{email}" }, "url: it holds a fragment"},
		"password in the URL": {func(c *httpjson.Config) { c.URL = "https://me:hunter22@api.example.com/{email}" }, "url: the URL holds a user"},
		"plain http":          {func(c *httpjson.Config) { c.URL = "http://api.example.com/{email}" }, "url: http://api.example.com is not https"},
		"no scheme":           {func(c *httpjson.Config) { c.URL = "api.example.com/{email}" }, "url: it is not a URL"},
		"bad escape":          {func(c *httpjson.Config) { c.URL = "https://api.example.com/%zz/{email}" }, "url: it cannot be read"},
		"no identity":         {func(c *httpjson.Config) { c.Identity = " " }, "identity: the expression is empty"},
		"bad CEL":             {func(c *httpjson.Config) { c.Identity = "response.[" }, "identity: "},
		"unknown name":        {func(c *httpjson.Config) { c.Identity = "answer.id" }, "identity: "},
		"gives a boolean":     {func(c *httpjson.Config) { c.Identity = "response.id == 'a'" }, "identity: the expression gives bool"},
		"bad emails":          {func(c *httpjson.Config) { c.Emails = "{" }, "emails: "},
		"emails a map":        {func(c *httpjson.Config) { c.Emails = "{'a': 'b'}" }, "emails: the expression gives map"},
		"status 200":          {func(c *httpjson.Config) { c.NotFoundStatus = []int{200} }, "not_found_status: 200"},
		"status 401":          {func(c *httpjson.Config) { c.NotFoundStatus = []int{404, 401} }, "not_found_status: 401"},
		"status 500":          {func(c *httpjson.Config) { c.NotFoundStatus = []int{500} }, "not_found_status: 500"},
		"header name":         {func(c *httpjson.Config) { c.Headers = map[string]string{"X Key": "v"} }, "headers: "},
		"header value":        {func(c *httpjson.Config) { c.Headers = map[string]string{"X-Key": "hunter22\n"} }, "headers: the value of X-Key"},
		"header twice":        {func(c *httpjson.Config) { c.Headers = map[string]string{"x-key": "a", "X-Key": "b"} }, "headers: X-Key is given twice"},
		"host header":         {func(c *httpjson.Config) { c.Headers = map[string]string{"host": "a"} }, "headers: Host"},
		"timeout":             {func(c *httpjson.Config) { c.Timeout = -1 }, "timeout: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := httpjson.Open(good); err != nil {
				t.Fatalf("Open of a good configuration: %v", err)
			}
			cfg := good
			tc.change(&cfg)
			_, err := httpjson.Open(cfg)
			if err == nil || !strings.HasPrefix(err.Error(), tc.want) || strings.Contains(err.Error(), "hunter22") {
				t.Errorf("Open: %v, want an error that begins with %q and shows no password", err, tc.want)
			}
		})
	}
}

// FuzzFind proves that no answer finds an account without the address.
func FuzzFind(f *testing.F) {
	directorytest.Fuzz(f, subject("/users?email={email}", true, func(c *httpjson.Config) {
		c.Identity, c.Emails = "response.users[0].id", "response.users[0].emails"
	}))
}
