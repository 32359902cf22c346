// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package pagerduty_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	sdk "github.com/PagerDuty/go-pagerduty"
	"github.com/google/go-cmp/cmp"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/directorytest"
)

// PagerDuty's own SDK reads the same people from the fake as this connector.
func TestSDKReadsTheSame(t *testing.T) {
	t.Parallel()
	var w directorytest.World
	for n := range 30 { // more than a page without a limit
		w.People = append(w.People, directorytest.Person{ID: fmt.Sprintf("P%d", n), Emails: []string{fmt.Sprintf("p%d@example.com", n)}})
	}
	server := httptest.NewServer(fake{world: w})
	t.Cleanup(server.Close)
	client := sdk.NewClient(directorytest.Secret, sdk.WithAPIEndpoint(server.URL))
	client.HTTPClient = http.DefaultClient
	var theirs, ours []string
	for offset, more := uint(0), true; more; offset += 25 {
		page, err := client.ListUsersWithContext(t.Context(), sdk.ListUsersOptions{Limit: 25, Offset: offset})
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range page.Users {
			theirs = append(theirs, u.ID+" "+u.Email)
		}
		more = page.More
	}
	accounts, err := directory.All(open(t, fake{world: w}, nil).(directory.Lister).Pages(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range accounts {
		ours = append(ours, a.Identity+" "+a.Emails()[0])
	}
	if diff := cmp.Diff(theirs, ours); diff != "" || len(ours) != 30 {
		t.Errorf("lists (-SDK +ours):\n%s", diff)
	}
}
