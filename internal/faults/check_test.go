// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package faults

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sym-identity/terraform-provider-sym/internal/client"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

// check asserts what must hold once no request is under way.
func check(ctx context.Context, t *testing.T, d *daemon, teams []*team, exact bool) {
	t.Helper()
	want, acked, asked := map[place]string{}, map[place][]string{}, map[place][]string{}
	for _, team := range teams {
		maps.Copy(want, team.want)
		maps.Copy(acked, team.acked)
		maps.Copy(asked, team.asked)
		steps, err := team.plan(ctx)
		if err != nil {
			t.Errorf("the final plan of %s: %v", team.name, err)
		}
		for _, s := range steps {
			if !s.empty {
				t.Errorf("the final plan of %s is not empty: %s %s", team.name, s.resource.kind, s.resource.text("id"))
			}
		}
	}
	checkStore(ctx, t, d, want, asked, acked, exact)
}

// checkStore compares the store and its history with the declared and the
// acknowledged mappings.
func checkStore(ctx context.Context, t *testing.T, d *daemon, want map[place]string, asked, acked map[place][]string, exact bool) {
	t.Helper()
	api, err := client.New(client.Config{BaseURL: d.address() + symapi.BasePath, Token: client.StaticToken(token)})
	if err != nil {
		t.Fatal(err)
	}
	got := map[place]string{}
	revisions := map[place]int64{}
	for user, err := range api.AllUsers(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range user.Mappings {
			if m.Service == identity.SymCloud() {
				continue
			}
			id, _ := m.Matcher.Identity(m.Service.Type)
			at := place{string(user.Key), m.Service.String()}
			if _, twice := got[at]; twice {
				t.Errorf("%v is stored twice", at)
			}
			got[at], revisions[at] = id, m.Revision
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the store is not what is declared (-declared +stored):\n%s", diff)
	}
	told := history(ctx, t, d)
	for at := range told {
		if asked[at] == nil {
			t.Errorf("%v was changed and never declared", at)
		}
	}
	for at := range asked {
		changes := told[at]
		checkHistory(t, at, changes, asked[at], acked[at], exact)
		if len(changes) == 0 {
			continue // said so
		}
		if last := changes[len(changes)-1]; last.After != nil && last.After.Revision != revisions[at] {
			t.Errorf("%v: the last change in the history is not the one that is stored", at)
		}
	}
}

// checkHistory asserts that the history holds each declared change once, and
// every acknowledged one. After a failed apply (not exact) some changes were
// stored without an acknowledgement; the next apply asserts them again, which
// adds an entry.
func checkHistory(t *testing.T, at place, changes []symapi.Change, asked, acked []string, exact bool) {
	t.Helper()
	var values []string
	requests := map[string]bool{}
	for i, c := range changes {
		value := ""
		if c.After != nil {
			value, _ = identity.Matcher(c.After.Matcher).Identity(at.serviceType())
		}
		if requests[c.RequestID] {
			t.Errorf("%v: request %s changed it twice", at, c.RequestID)
		}
		requests[c.RequestID] = true
		switch {
		case i > 0 && !cmp.Equal(changes[i-1].After, c.Before), i == 0 && c.Before != nil:
			t.Errorf("%v: change %d does not begin with what the one before left", at, i)
		case len(values) > 0 && values[len(values)-1] == value:
			if exact {
				t.Errorf("%v: %q twice in a row in the history", at, value)
			}
			continue
		}
		values = append(values, value)
	}
	if !slices.Equal(asked, values) {
		t.Errorf("%v: declared was %q, the history tells %q", at, asked, values)
	}
	missing := slices.DeleteFunc(slices.Clone(acked), func(v string) bool { return slices.Contains(values, v) })
	if len(missing) > 0 || exact && !slices.Equal(acked, values) {
		t.Errorf("%v: acknowledged was %q, the history tells %q", at, acked, values)
	}
}

func (p place) serviceType() string {
	key, _ := identity.ParseServiceKey(p.service)
	return key.Type
}

// history returns every change of every mapping, oldest first.
func history(ctx context.Context, t *testing.T, d *daemon) map[place][]symapi.Change {
	t.Helper()
	out := map[place][]symapi.Change{}
	for query := (url.Values{"limit": {"1000"}}); ; {
		page := historyPage(ctx, t, d, query)
		for _, c := range page.Changes {
			at := place{c.User, c.Service.Slug + ":" + c.Service.ExternalID}
			out[at] = append(out[at], c)
		}
		if page.NextCursor == "" {
			break
		}
		query.Set("cursor", page.NextCursor)
	}
	for _, changes := range out {
		slices.Reverse(changes)
	}
	return out
}

func historyPage(ctx context.Context, t *testing.T, d *daemon, query url.Values) (page symapi.HistoryReply) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.address()+symapi.BasePath+"/identities/history?"+query.Encode(), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&page); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("the history answered %s: %v", resp.Status, err)
	}
	return page
}
