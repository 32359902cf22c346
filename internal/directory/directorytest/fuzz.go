// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package directorytest

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// Fuzz feeds a connector arbitrary answers. The fake answers the first requests,
// as many as the input says, and the input is every answer after them. Nothing
// may panic or hang, and an account that is found must have the address in the
// answer. The seeds are the answers of the fake.
func Fuzz(f *testing.F, s Subject) {
	f.Helper()
	for _, body := range s.recorded(f) {
		f.Add(body, uint8(0))
		f.Add(body, uint8(1))
		f.Add(body[:len(body)/2], uint8(0))
	}
	for _, body := range []string{``, `null`, `[]`, `{}`, `[null]`, `{"users":[null]}`, `[{"id":{}}]`, `{"data":null}`} {
		f.Add([]byte(body), uint8(0))
	}
	input := &inputService{}
	server := httptest.NewServer(input)
	server.Config.SetKeepAlivesEnabled(false) // each input opens a client of its own, whose connection would stay
	f.Cleanup(server.Close)
	ways := s.ways(f)
	strangers := World{People: []Person{{ID: s.id(1), Emails: []string{"somebody@example.org"}}}}
	f.Fuzz(func(t *testing.T, body []byte, after uint8) {
		// Two runs of a fuzz worker never overlap, so that one server is enough.
		for _, way := range ways {
			input.set(s.Fake(strangers), body, int(after%4))
			d, err := s.Open(t, Env{BaseURL: server.URL, Secret: Secret, Clock: NewClock()})
			if err != nil {
				t.Fatal(err)
			}
			answers, err := directory.Lookup(t.Context(), way.narrow(d), s.Service, []string{ann})
			if err != nil {
				if strings.Contains(err.Error(), "failed in the program itself") {
					t.Errorf("%s: the connector panicked: %v", way.name, err)
				}
				if whole(err.Error()) || leaks(err.Error()) && !leaks(visible(body)) {
					t.Errorf("%s: the error shows the secret: %v", way.name, err)
				}
				continue
			}
			switch answers[0].Status {
			case identity.Found, identity.Inactive, identity.Ambiguous:
				if !names(body, ann) {
					t.Errorf("%s: %q answers for %s with %+v", way.name, body, ann, answers[0])
				}
			}
		}
	})
}

// visible returns a body without the characters that errors leave out. A piece
// of the secret may come together there without a leak.
func visible(body []byte) string {
	return strings.Map(func(c rune) rune {
		if c == unicode.ReplacementChar || !unicode.IsPrint(c) {
			return -1
		}
		return c
	}, string(body))
}

// inputService answers as the fake, then with the input.
type inputService struct {
	mu    sync.Mutex
	fake  http.Handler
	body  []byte
	after int
	n     int
}

func (i *inputService) set(fake http.Handler, body []byte, after int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.fake, i.body, i.after, i.n = fake, body, after, 0
}

func (i *inputService) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	fake, body, mine := i.fake, i.body, i.n >= i.after
	token := strings.Contains(r.URL.Path, "token") || strings.Contains(r.URL.Path, ":authenticate")
	if !token {
		i.n++
	}
	i.mu.Unlock()
	if token || !mine {
		fake.ServeHTTP(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body)
}

// recorded returns the bodies of the fake about people.
func (s Subject) recorded(tb testing.TB) [][]byte {
	tb.Helper()
	w := World{People: []Person{{ID: s.id(1), Emails: []string{ann}}, {ID: s.id(2), Emails: []string{"bob@example.com"}, Inactive: true}}, PageSize: 1}
	var mu sync.Mutex
	var bodies [][]byte
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		answer := httptest.NewRecorder()
		s.Fake(w).ServeHTTP(answer, r)
		mu.Lock()
		if !slices.ContainsFunc(bodies, func(b []byte) bool { return bytes.Equal(b, answer.Body.Bytes()) }) {
			bodies = append(bodies, answer.Body.Bytes())
		}
		mu.Unlock()
		for name, values := range answer.Header() {
			out.Header()[name] = values
		}
		out.WriteHeader(answer.Code)
		_, _ = out.Write(answer.Body.Bytes())
	}))
	defer server.Close()
	for _, way := range s.ways(tb) {
		d, err := s.Open(tb, Env{BaseURL: server.URL, Secret: Secret, Clock: NewClock()})
		if err != nil {
			tb.Fatal(err)
		}
		if _, err := directory.Lookup(tb.Context(), way.narrow(d), s.Service, []string{ann}); err != nil {
			tb.Fatalf("the fake has no answer to begin with: %v", err)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	return bodies
}

// names reports whether a string of a body, JSON or XML, is the address.
func names(body []byte, email string) bool {
	is := func(text string) bool {
		if before, after, found := strings.Cut(text, ":"); found && strings.EqualFold(before, "smtp") {
			text = after
		}
		got, err := identity.Normalize(text)
		return err == nil && got == email
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	for {
		token, err := dec.Token()
		if err != nil {
			break
		}
		if text, ok := token.(string); ok && is(text) {
			return true
		}
	}
	markup := xml.NewDecoder(bytes.NewReader(body))
	text := ""
	for {
		token, err := markup.Token()
		if err != nil {
			return false
		}
		switch token := token.(type) {
		case xml.CharData:
			text += string(token)
		case xml.Comment, xml.ProcInst: // these end no text
		default:
			if is(text) {
				return true
			}
			text = ""
		}
	}
}
