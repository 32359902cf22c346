// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package slack_test

import (
	"fmt"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"
	sdk "github.com/slack-go/slack"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/directorytest"
)

// The SDK of others reads the same people from the fake as this connector, so
// the fake is not only its own idea of Slack.
func TestSDKReadsTheSame(t *testing.T) {
	t.Parallel()
	var w directorytest.World
	for n := range 5 {
		w.People = append(w.People, directorytest.Person{ID: fmt.Sprintf("U%d", n), Emails: []string{fmt.Sprintf("p%d@example.com", n)}, Inactive: n == 3})
	}
	w.PageSize = 2
	server := httptest.NewServer(fake{world: w})
	t.Cleanup(server.Close)
	client := sdk.New(directorytest.Secret, sdk.OptionAPIURL(server.URL+"/api/"))
	d, err := slackOpen(server.URL)
	if err != nil {
		t.Fatal(err)
	}

	users, err := client.GetUsersContext(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var theirs, ours []string
	for _, u := range users {
		theirs = append(theirs, fmt.Sprint(u.ID, " ", u.Profile.Email, " ", u.Deleted))
	}
	accounts, err := directory.All(d.(directory.Lister).Pages(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range accounts {
		ours = append(ours, fmt.Sprint(a.Identity, " ", a.Emails()[0], " ", a.State == directory.StateInactive))
	}
	if diff := cmp.Diff(theirs, ours); diff != "" || len(ours) != 5 {
		t.Errorf("lists (-SDK +ours):\n%s", diff)
	}

	u, err := client.GetUserByEmailContext(t.Context(), "p1@example.com")
	if err != nil {
		t.Fatal(err)
	}
	if found, err := d.Find(t.Context(), "p1@example.com"); err != nil || len(found) != 1 || found[0].Identity != u.ID {
		t.Errorf("Find = %+v, %v; the SDK found %s", found, err, u.ID)
	}
	if _, err := client.GetUserByEmailContext(t.Context(), "nobody@example.com"); err == nil || err.Error() != "users_not_found" {
		t.Errorf("the SDK read the miss as %v", err)
	}
}
