// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package httpjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
)

// FuzzReply: any JSON either is an answer or fails as ErrAnswer; an id is
// never empty, and a JSON number that is one is its own literal.
func FuzzReply(f *testing.F) {
	r, err := compileReply("response.users[0].id", "response.users[0].emails")
	if err != nil {
		f.Fatal(err)
	}
	bare, err := compileReply("response", "")
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{`{"users":[{"id":"u1","emails":["ann@example.com"]}]}`, `{"users":[]}`, `{"users":null}`, `[]`, `null`, `10000000`,
		`1e7`, `-0`, `123456789012345678901234567890`, `"u"`, `["a",1,"a"]`, `{"users":[{"id":1.0,"emails":"ann@example.com"}]}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		dec := json.NewDecoder(bytes.NewReader(data))
		dec.UseNumber()
		var body any
		if dec.Decode(&body) != nil {
			return
		}
		for _, reply := range []*reply{r, bare} {
			found, err := reply.accounts(t.Context(), "ann@example.com", body)
			if err != nil && (!errors.Is(err, directory.ErrAnswer) || len(found) > 0) {
				t.Errorf("%s: %+v, %v", data, found, err)
			}
			for _, a := range found {
				if a.Identity == "" {
					t.Errorf("%s gave an account without an id", data)
				}
			}
			if n, ok := body.(json.Number); ok && reply == bare && (len(found) != 1 || found[0].Identity != n.String()) {
				t.Errorf("%s gave %+v", data, found)
			}
		}
	})
}

// FuzzTarget: an address stays one value of the query and one segment of the
// path, and never changes the host.
func FuzzTarget(f *testing.F) {
	for _, seed := range []string{"ann@example.com", "a+b&c=d@example.com", "a/../b@example.com", "a%2f?#@example.com", "@evil.example/"} {
		f.Add(seed)
	}
	to, err := parseTarget("https://api.example.com/v1/{email}/x?q=1&email={email}")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, email string) {
		if strings.ToValidUTF8(email, "") != email {
			return
		}
		u, err := url.Parse(to.url(email))
		if err != nil {
			t.Fatalf("url(%q): %v", email, err)
		}
		if u.Host != "api.example.com" || u.Query().Get("email") != email || u.Path != "/v1/"+email+"/x" || strings.Count(u.EscapedPath(), "/") != 3 {
			t.Errorf("url(%q) = %s", email, u)
		}
	})
}
