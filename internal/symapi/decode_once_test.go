// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package symapi_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

// However a reply is read, one user whose time is written in another form
// changes nothing but how long it takes.
func TestRepliesReadTheSameWithOddTimes(t *testing.T) {
	t.Parallel()
	user := func(at string) string { return `{"id":"u1","type":"normal","created_at":` + at + `,"identities":[]}` }
	plain, odd := user(`"2024-02-03T04:05:06Z"`), user(`"2024-02-03 04:05:06"`)
	readUsers := func(body string) symapi.UserList {
		var list symapi.UserList
		if err := symapi.ParseReply(200, []byte(body), "users", &list); err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		return list
	}
	want := readUsers(`{"users":[` + plain + `,` + plain + `],"next_cursor":"c"}`)
	if len(want.Users) != 2 || want.Users[1].CreatedAt.IsZero() || want.NextCursor != "c" {
		t.Fatalf("read %+v", want)
	}
	for _, body := range []string{
		`{"users":[` + plain + `,` + odd + `],"next_cursor":"c"}`,
		`{"next_cursor":"c","users":[` + plain + `,` + plain + `]}`,
		` { "users" : [` + plain + `,` + plain + `], "next_cursor":"c", "error":false}`,
	} {
		if diff := cmp.Diff(want, readUsers(body)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", body, diff)
		}
	}

	readBulk := func(body string) []symapi.BulkResult {
		results, err := symapi.ParseBulk(200, []byte(body), 2)
		if err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		return results
	}
	results := `[{"index":1,"record":` + plain + `},{"index":0,"deleted":true}]`
	bulk := readBulk(`{"status":"success","errors":[],"results":` + results + `}`)
	if bulk[1].Record == nil || bulk[1].Record.CreatedAt.IsZero() || bulk[0].Deleted == nil || bulk[0].Record != nil {
		t.Fatalf("read %+v", bulk)
	}
	for _, body := range []string{
		`{"status":"success","errors":[],"results":[{"index":1,"record":` + odd + `},{"index":0,"deleted":true}]}`,
		`{"results":` + results + `,"status":"success"}`,
	} {
		if diff := cmp.Diff(bulk, readBulk(body)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", body, diff)
		}
	}
	if got := readBulk(`{"status":"success","results":["another server's own"]}`); got[0].Record != nil || got[1].Record != nil {
		t.Errorf("read %+v", got)
	}
}
