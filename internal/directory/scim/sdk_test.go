// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package scim_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	sdk "github.com/google/go-github/v92/github"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/apiclient"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/directorytest"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/scim"
)

// GitHub's organizations speak SCIM, and go-github reads it: the same people
// from the fake as this connector.
func TestSDKReadsTheSame(t *testing.T) {
	t.Parallel()
	var w directorytest.World
	for n := range 7 {
		w.People = append(w.People, directorytest.Person{ID: fmt.Sprintf("guid-%d", n), Emails: []string{fmt.Sprintf("p%d@example.com", n)}, Inactive: n == 3})
	}
	f := fake{world: w}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.URL.Path = strings.Replace(r.URL.Path, "/organizations/acme", "", 1)
		f.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	base := server.URL + "/"
	client, err := sdk.NewClient(sdk.WithAuthToken(directorytest.Secret), sdk.WithURLs(&base, &base))
	if err != nil {
		t.Fatal(err)
	}
	d, err := scim.Open(scim.Config{Settings: apiclient.Settings{BaseURL: server.URL + "/scim/v2/organizations/acme", AllowHTTP: true, Clock: directorytest.NewClock()}, Token: directorytest.Secret})
	if err != nil {
		t.Fatal(err)
	}

	var theirs, ours []string
	first, size := 1, 3
	for start := 1; ; {
		list, _, err := client.SCIM.ListSCIMProvisionedIdentities(t.Context(), "acme", &sdk.ListSCIMProvisionedIdentitiesOptions{StartIndex: &start, Count: &size})
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range list.Resources {
			theirs = append(theirs, fmt.Sprint(u.GetID(), " ", u.Emails[0].Value, " ", u.GetActive()))
		}
		if start += len(list.Resources); start > list.GetTotalResults() {
			break
		}
	}
	accounts, err := directory.All(d.(directory.Lister).Pages(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range accounts {
		ours = append(ours, fmt.Sprint(a.Identity, " ", a.Emails()[0], " ", a.State == directory.StateActive))
	}
	if diff := cmp.Diff(theirs, ours); diff != "" || len(ours) != 7 {
		t.Errorf("users (-SDK +ours):\n%s", diff)
	}

	filter := `userName eq "p1@example.com"`
	list, _, err := client.SCIM.ListSCIMProvisionedIdentities(t.Context(), "acme", &sdk.ListSCIMProvisionedIdentitiesOptions{StartIndex: &first, Count: &size, Filter: &filter})
	if err != nil || len(list.Resources) != 1 {
		t.Fatalf("the SDK's filter gave %+v, %v", list, err)
	}
	if found, err := d.Find(t.Context(), "p1@example.com"); err != nil || len(found) == 0 || found[0].Identity != list.Resources[0].GetID() {
		t.Errorf("Find = %+v, %v; the SDK found %s", found, err, list.Resources[0].GetID())
	}
}
