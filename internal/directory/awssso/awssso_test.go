// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package awssso_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/apiclient"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/awsclient"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/awssso"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/directorytest"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

const instance = "arn:aws:sso:::instance/ssoins-1234567890abcdef"

var service = identity.ServiceKey{Type: "aws_sso", ExternalID: instance}

// fake is an Identity Center. It compares with case, as the real one.
type fake struct {
	world  directorytest.World
	broken bool              // the store's key is gone
	names  map[string]string // user names by id, in place of n-ID
	plain  bool              // no e-mail is marked as primary
}

func (f fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	fail := func(kind string, more map[string]any) {
		body := map[string]any{"__type": kind, "Message": "refused"}
		for k, v := range more {
			body[k] = v
		}
		directorytest.SendJSON(w, http.StatusBadRequest, body)
	}
	if !strings.Contains(r.Header.Get("Authorization"), "Credential=AKIDEXAMPLE/") {
		fail("UnrecognizedClientException", nil)
		return
	}
	var in struct {
		IdentityStoreID string `json:"IdentityStoreId"`
		UserID          string `json:"UserId"`
		NextToken       string
		MaxResults      int
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		fail("SerializationException", nil)
		return
	}
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	if operation == "ListInstances" {
		directorytest.SendJSON(w, http.StatusOK, map[string]any{"Instances": []any{map[string]any{"InstanceArn": instance, "IdentityStoreId": "d-1234567890"}}})
		return
	}
	if in.IdentityStoreID != "d-1234567890" || f.broken {
		fail("ResourceNotFoundException", map[string]any{"ResourceType": "IDENTITY_STORE", "Reason": "KMS_KEY_NOT_FOUND"})
		return
	}
	switch operation {
	case "ListUsers":
		start, _ := strconv.Atoi(in.NextToken)
		page, next, more := f.world.Slice(f.world.People, start, in.MaxResults)
		users := []any{}
		for _, p := range page {
			users = append(users, f.user(p))
		}
		answer := map[string]any{"Users": users}
		if more {
			answer["NextToken"] = strconv.Itoa(next)
		}
		directorytest.SendJSON(w, http.StatusOK, answer)
	case "DescribeUser":
		if strings.Contains(in.UserID, "@") { // as AWS checks the form of an id
			fail("ValidationException", nil)
			return
		}
		for _, p := range f.world.People {
			if p.ID == in.UserID {
				directorytest.SendJSON(w, http.StatusOK, f.user(p))
				return
			}
		}
		fail("ResourceNotFoundException", map[string]any{"ResourceType": "USER"})
	default:
		fail("UnknownOperationException", nil)
	}
}

func (f fake) user(p directorytest.Person) map[string]any {
	var emails []any
	for i, address := range p.Emails {
		emails = append(emails, map[string]any{"Value": address, "Primary": i == 0 && !f.plain, "Type": "work"})
	}
	status := "ENABLED"
	if p.Inactive {
		status = "DISABLED"
	}
	return map[string]any{"IdentityStoreId": "d-1234567890", "UserId": p.ID, "UserName": cmp.Or(f.names[p.ID], "n-"+p.ID), "DisplayName": "Some Body", "Emails": emails, "UserStatus": status}
}

func config(base string) awssso.Config {
	return awssso.Config{Instance: instance, Settings: awsclient.Settings{Region: "eu-central-1", ClientID: "AKIDEXAMPLE", ClientSecret: directorytest.Secret,
		Settings: apiclient.Settings{BaseURL: base, AllowHTTP: true, Clock: directorytest.NewClock()}}}
}

func subject() directorytest.Subject {
	return directorytest.Subject{
		Kind:    "aws_sso",
		Service: service,
		Fake:    func(w directorytest.World) http.Handler { return fake{world: w} },
		Open: func(_ testing.TB, env directorytest.Env) (directory.Directory, error) {
			cfg := config(env.BaseURL)
			cfg.Clock, cfg.CAFile = env.Clock, env.CAFile
			return awssso.Open(cfg)
		},
		// AWS throttles with status 400.
		Limit: func(w http.ResponseWriter, wait time.Duration) {
			directorytest.SendJSON(w, http.StatusBadRequest, map[string]any{"__type": "ThrottlingException", "Message": "Rate exceeded",
				"RetryAfterSeconds": int(wait / time.Second)})
		},
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	directorytest.Run(t, subject())
}

func TestTraps(t *testing.T) {
	t.Parallel()
	const ann = "ann.lee@example.com"
	scene := func(people []directorytest.Person, names map[string]string, asks ...directorytest.Ask) directorytest.Scene {
		return directorytest.Scene{Fake: fake{world: directorytest.World{People: people}, names: names}, Asks: asks}
	}
	leaver := directorytest.Person{ID: "906-old", Emails: []string{"left@example.com"}, Inactive: true}
	twins := []directorytest.Person{{ID: "906-1", Emails: []string{ann}}, {ID: "906-2", Emails: []string{"other@example.com"}}}
	directorytest.Traps(t, subject(), map[directorytest.Trap]directorytest.Cell{
		directorytest.Unverified: directorytest.Cannot("users come from an administrator or from the identity source; Identity Center does not show whether an address is confirmed"),
		directorytest.Pending:    directorytest.Cannot("nobody registers by themselves"),
		directorytest.Guest:      directorytest.Cannot("Identity Center has no guests"),
		// The name of one user, with capitals, is the e-mail of another.
		directorytest.InactiveTwin: directorytest.Scenes(
			scene([]directorytest.Person{leaver, {ID: "906-new", Emails: []string{ann}}}, map[string]string{"906-old": "Ann.Lee@Example.com"}, directorytest.Email(ann, identity.Inactive, "906-old")),
		),
		directorytest.TwoMatches: directorytest.Scenes(
			scene([]directorytest.Person{twins[0], {ID: "906-3", Emails: []string{ann}}}, nil, directorytest.Email(ann, identity.Ambiguous, "906-1", "906-3")),
			scene(twins, map[string]string{"906-2": ann}, directorytest.Email(ann, identity.Found, "906-2")),
		),
		directorytest.ShortList: directorytest.Cannot("Identity Center does not count its users, and every page but the last one names the next"),
	})
}

func open(t *testing.T, h http.Handler, change func(*awssso.Config)) directory.Directory {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	cfg := config(server.URL)
	if change != nil {
		change(&cfg)
	}
	d, err := awssso.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// A store without its key reports what a missing user does; it is not absence.
func TestBrokenStore(t *testing.T) {
	t.Parallel()
	d := open(t, fake{broken: true}, nil)
	if got, err := directory.Lookup(t.Context(), d, service, []string{"ann@example.com"}); err == nil {
		t.Errorf("Lookup = %+v, want an error", got)
	}
	if got, err := d.(directory.IDFinder).FindID(t.Context(), "906-1"); err == nil {
		t.Errorf("FindID = %+v, want an error", got)
	}
}

// Other JSON with a good status, as a proxy sends, makes nobody absent.
// An id of another form is no user's, alone and among others.
func TestIllegalID(t *testing.T) {
	t.Parallel()
	d := open(t, fake{world: directorytest.World{People: []directorytest.Person{{ID: "906-1", Emails: []string{"ann@example.com"}}}}}, nil)
	for _, n := range []int{2, 60} {
		queries := []identity.AccountQuery{{Identity: "ann@example.com"}}
		for len(queries) < n {
			queries = append(queries, identity.AccountQuery{Identity: fmt.Sprintf("906-%d", len(queries))})
		}
		states, err := directory.Status(t.Context(), d, service, queries, "")
		if err != nil || states[0].Status != identity.AccountAbsent || states[1].Status != identity.AccountActive {
			t.Errorf("%d ids: %+v, %v", n, states, err)
		}
	}
}

func TestOtherJSON(t *testing.T) {
	t.Parallel()
	d := open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".ListInstances") {
			fake{}.ServeHTTP(w, r)
			return
		}
		directorytest.SendJSON(w, http.StatusOK, map[string]any{"message": "Sign in, please"})
	}), nil)
	if got, err := directory.Lookup(t.Context(), d, service, []string{"ann@example.com"}); !errors.Is(err, directory.ErrUnavailable) {
		t.Errorf("Lookup = %+v, %v, want ErrUnavailable", got, err)
	}
	if got, err := d.(directory.IDFinder).FindID(t.Context(), "906-1"); !errors.Is(err, directory.ErrUnavailable) {
		t.Errorf("FindID = %+v, %v, want ErrUnavailable", got, err)
	}
}

// Users that were made with the API have an e-mail that is not marked as primary.
func TestUnmarkedEmail(t *testing.T) {
	t.Parallel()
	w := directorytest.World{People: []directorytest.Person{{ID: "906-1", Emails: []string{"ann@example.com"}}}}
	answers, err := directory.Lookup(t.Context(), open(t, fake{world: w, plain: true}, nil), service, []string{"ann@example.com"})
	if err != nil || answers[0].Status != identity.Found {
		t.Errorf("Lookup = %+v, %v, want found", answers, err)
	}
}

// TestInactive proves that a disabled user is inactive.
func TestInactive(t *testing.T) {
	t.Parallel()
	w := directorytest.World{People: []directorytest.Person{{ID: "906-1", Emails: []string{"ann@example.com"}, Inactive: true}}}
	answers, err := directory.Lookup(t.Context(), open(t, fake{world: w}, nil), service, []string{"ann@example.com"})
	if err != nil || answers[0].Status != identity.Inactive {
		t.Errorf("Lookup = %+v, %v", answers, err)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(*awssso.Config)
		want   error
	}{
		"another instance": {func(c *awssso.Config) { c.Instance += "0" }, directory.ErrForeign},
		"another key":      {func(c *awssso.Config) { c.ClientID = "AKIDOTHER" }, directory.ErrCredential},
	} {
		if err := open(t, fake{}, tc.change).Check(t.Context()); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
	}
}

// FuzzFind proves that no answer finds an account without the address.
func FuzzFind(f *testing.F) {
	directorytest.Fuzz(f, subject())
}
