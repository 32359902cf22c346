// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package server_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/server"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

func listed(t *testing.T, a answer) symapi.UserList {
	t.Helper()
	var list symapi.UserList
	if err := json.Unmarshal([]byte(a.raw), &list); err != nil || a.status != http.StatusOK || a.header.Get("Content-Type") != "application/json" {
		t.Fatalf("status %d, %v, %v: %.200s", a.status, a.header, err, a.raw)
	}
	return list
}

// A list that is longer than a page is what its pages are.
func TestLongList(t *testing.T) {
	t.Parallel()
	h := start(t).register(okta)
	var writes []store.UserWrite
	for i := range symapi.MaxPage + 1 {
		email := fmt.Sprintf("person%04d@example.com", i)
		writes = append(writes, store.UserWrite{Key: identity.UserKey(email), Name: email,
			Mappings: []store.MappingWrite{{Service: okta, Matcher: identity.Matcher{"user_id": fmt.Sprintf("<%d>", i)}}}})
	}
	writes = append(writes, store.UserWrite{Key: "deployer", Name: "deployer", Type: identity.Bot})
	if _, err := h.store.UpsertUsers(t.Context(), store.Actor{Name: "test"}, writes); err != nil {
		t.Fatal(err)
	}
	for _, query := range []string{"", "type=normal&", "type=bot&"} {
		first := listed(t, h.api(guest, http.MethodGet, "/users?"+query+"limit=2500", nil))
		want := first.Users
		if first.NextCursor != "" {
			want = append(want, listed(t, h.api(guest, http.MethodGet, "/users?"+query+"limit=2500&cursor="+first.NextCursor, nil)).Users...)
		}
		got := listed(t, h.api(guest, http.MethodGet, "/users?"+query, nil))
		if diff := cmp.Diff(symapi.UserList{Users: want}, got); diff != "" {
			t.Errorf("%q (-pages +all):\n%.500s", query, diff)
		}
	}
}

// longList is a store with more users than a page holds.
func longList(st store.Store, pages iter.Seq2[[]identity.User, error]) store.Store {
	return fakeStore{Store: st, pages: pages, users: func() ([]identity.User, string, error) { return nil, "more", nil }}
}

// A list that cannot be read to its end never looks like one that was.
func TestLongListBreaksOff(t *testing.T) {
	t.Parallel()
	someone := identity.User{ID: "1", Key: "alice@example.com", Name: "alice@example.com", Type: identity.Normal, Role: identity.Member}
	failed := &identity.Error{Code: identity.CodeUnavailable, Message: "the store could not answer", Retryable: true, Cause: errors.New("cable cut")}
	for name, users := range map[string]int{"at once": 0, "before anything is sent": 1, "in the middle": 10_000, "in the middle, by a panic": 10_000} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := start(t, func(c *server.Config) {
				c.Store = longList(c.Store, func(yield func([]identity.User, error) bool) {
					switch more := yield(slices.Repeat([]identity.User{someone}, users), nil); {
					case !more:
					case strings.Contains(name, "panic"):
						panic("cable cut")
					default:
						yield(nil, failed)
					}
				})
			})
			if users < 10_000 {
				if a := h.api(guest, http.MethodGet, "/users", nil); a.status != http.StatusServiceUnavailable || a.body["is_retryable"] != true {
					t.Errorf("status %d: %s", a.status, a.raw)
				}
				return
			}
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.url+symapi.BasePath+"/users", nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header = authorized()
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if text, err := io.ReadAll(resp.Body); !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("got %d bytes, %v", len(text), err)
			}
			eventually(t, func() bool {
				logs := h.logs.String()
				return strings.Contains(logs, "cable cut") && strings.Contains(logs, requestID) && strings.Contains(logs, `"route":"GET /api/v1/users"`)
			})
		})
	}
}

func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Minute); time.Now().Before(deadline); {
		if ok() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("it never happened")
}

// Long lists wait for each other, and other requests for none of them.
func TestLongListsAtOnce(t *testing.T) {
	t.Parallel()
	var now atomic.Int32
	release := make(chan struct{})
	h := start(t, func(c *server.Config) {
		c.Store = longList(c.Store, func(yield func([]identity.User, error) bool) {
			now.Add(1)
			<-release
			now.Add(-1)
			yield(nil, nil)
		})
	})
	var lists sync.WaitGroup
	for range 5 {
		lists.Go(func() {
			if got := listed(t, h.api(guest, http.MethodGet, "/users", nil)); len(got.Users) != 0 {
				t.Errorf("got %+v", got)
			}
		})
	}
	eventually(t, func() bool { return now.Load() == 2 })
	for range 10 {
		if a := h.api(guest, http.MethodGet, "/users?limit=1", nil); a.status != http.StatusOK {
			t.Errorf("status %d: %s", a.status, a.raw)
		}
	}
	if n := now.Load(); n != 2 {
		t.Errorf("%d lists are read at the same time", n)
	}
	close(release)
	lists.Wait()
}
