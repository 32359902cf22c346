// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package tailscale_test

import (
	"fmt"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"
	sdk "tailscale.com/client/tailscale/v2"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/directorytest"
)

// Tailscale's own SDK reads the same people from the fake as this connector.
func TestSDKReadsTheSame(t *testing.T) {
	t.Parallel()
	f := fake{world: directorytest.World{People: []directorytest.Person{
		{ID: "1", Emails: []string{"ann@example.com"}}, {ID: "2", Emails: []string{"bob@example.com"}, Inactive: true}}}}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	base, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	client := &sdk.Client{BaseURL: base, APIKey: directorytest.Secret, Tailnet: service.ExternalID}
	users, err := client.Users().List(t.Context(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	var theirs, ours []string
	for _, u := range users {
		theirs = append(theirs, fmt.Sprint(u.LoginName, " ", u.Status == sdk.UserStatusSuspended))
	}
	accounts, err := directory.All(open(t, f, nil).(directory.Lister).Pages(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range accounts {
		ours = append(ours, fmt.Sprint(a.Identity, " ", a.State == directory.StateInactive))
	}
	if diff := cmp.Diff(theirs, ours); diff != "" || len(ours) != 2 {
		t.Errorf("lists (-SDK +ours):\n%s", diff)
	}
}
