// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package awsiam_test

import (
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/apiclient"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/awsclient"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/awsiam"
	"github.com/sym-identity/terraform-provider-sym/internal/directory/directorytest"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

var service = identity.ServiceKey{Type: "aws_iam", ExternalID: "123456789012"}

// fake is an account. The name of a user is the first address, and each
// address is a tag.
type fake struct{ world directorytest.World }

func (f fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer := func(action, result string) {
		w.Header().Set("Content-Type", "text/xml")
		_, _ = fmt.Fprintf(w, "<%sResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><%sResult>%s</%sResult></%sResponse>", action, action, result, action, action)
	}
	fail := func(status int, code string) {
		w.Header().Set("Content-Type", "text/xml")
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, "<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>refused</Message></Error><RequestId>1</RequestId></ErrorResponse>", code)
	}
	if !strings.Contains(r.Header.Get("Authorization"), "Credential=AKIDEXAMPLE/") {
		fail(http.StatusForbidden, "InvalidClientTokenId")
		return
	}
	switch action := r.FormValue("Action"); action {
	case "GetCallerIdentity":
		answer(action, "<Account>123456789012</Account><Arn>arn:aws:iam::123456789012:user/sym</Arn><UserId>AIDA1</UserId>")
	case "GetUser":
		for _, p := range f.world.People {
			if strings.EqualFold(p.Emails[0], r.FormValue("UserName")) {
				answer(action, "<User><Path>/</Path><UserName>"+escape(p.Emails[0])+"</UserName><UserId>AIDA2</UserId><Arn>"+p.ID+"</Arn><CreateDate>2026-01-02T03:04:05Z</CreateDate></User>")
				return
			}
		}
		fail(http.StatusNotFound, "NoSuchEntity")
	case "GetAccountAuthorizationDetails":
		if r.FormValue("Filter.member.1") != "User" {
			fail(http.StatusBadRequest, "ValidationError")
			return
		}
		start, _ := strconv.Atoi(r.FormValue("Marker"))
		size, _ := strconv.Atoi(r.FormValue("MaxItems"))
		page, next, more := f.world.Slice(f.world.People, start, size)
		users := ""
		for _, p := range page {
			tags := ""
			for _, address := range p.Emails {
				tags += "<member><Key>email</Key><Value>" + escape(address) + "</Value></member>"
			}
			users += "<member><UserName>somebody</UserName><Arn>" + p.ID + "</Arn><Tags><member><Key>team</Key><Value>x</Value></member>" + tags + "</Tags></member>"
		}
		result := "<UserDetailList>" + users + "</UserDetailList><IsTruncated>" + strconv.FormatBool(more) + "</IsTruncated>"
		if more {
			result += "<Marker>" + strconv.Itoa(next) + "</Marker>"
		}
		answer(action, result)
	default:
		fail(http.StatusBadRequest, "InvalidAction")
	}
}

func escape(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s))
	return b.String()
}

func config(base string) awsiam.Config {
	return awsiam.Config{Account: service.ExternalID, Settings: awsclient.Settings{ClientID: "AKIDEXAMPLE", ClientSecret: directorytest.Secret,
		Settings: apiclient.Settings{BaseURL: base, AllowHTTP: true, Clock: directorytest.NewClock()}}}
}

func subject(strategy string) directorytest.Subject {
	return directorytest.Subject{
		Kind:       "aws_iam",
		AllPrimary: true,
		Service:    service,
		ID:         func(n int) string { return "arn:aws:iam::123456789012:user/u" + strconv.Itoa(n) },
		Fake:       func(w directorytest.World) http.Handler { return fake{w} },
		Open: func(_ testing.TB, env directorytest.Env) (directory.Directory, error) {
			cfg := config(env.BaseURL)
			cfg.Clock, cfg.Strategy = env.Clock, strategy
			return awsiam.Open(cfg)
		},
	}
}

func TestConformanceByTag(t *testing.T) {
	t.Parallel()
	directorytest.Run(t, subject(awsiam.ByTag))
}

func TestConformanceByName(t *testing.T) {
	t.Parallel()
	s := subject(awsiam.ByName)
	s.Variant = "the name of a user is the e-mail"
	s.Lacks = directorytest.Lacking("a name is one user's",
		directorytest.Alias, directorytest.Duplicate, directorytest.DuplicateOnTwoPages, directorytest.RepeatedPage)
	s.Lacks[directorytest.OddAddress] = "most of the addresses are no names of IAM users"
	directorytest.Run(t, s)
}

func find(t *testing.T, h http.Handler, change func(*awsiam.Config), email string) (identity.LookupResult, error) {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	cfg := config(server.URL)
	if change != nil {
		change(&cfg)
	}
	d, err := awsiam.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	answers, err := directory.Lookup(t.Context(), d, service, []string{email})
	if err != nil {
		return identity.LookupResult{}, err
	}
	return answers[0], d.Check(t.Context())
}

func TestStrategies(t *testing.T) {
	t.Parallel()
	const arn = "arn:aws:iam::123456789012:user/ann"
	w := directorytest.World{People: []directorytest.Person{{ID: arn, Emails: []string{"ann"}}, {ID: arn + "2", Emails: []string{"a+b@example.com"}}}}
	for name, tc := range map[string]struct {
		strategy, email string
		want            identity.LookupStatus
	}{
		"local part":     {awsiam.ByLocalPart, "ann@example.com", identity.Found},
		"name":           {awsiam.ByName, "A+b@example.com", identity.Found},
		"no such name":   {awsiam.ByName, "ann@example.com", identity.NotFound},
		"no legal name":  {awsiam.ByName, "o'hara@example.com", identity.NotFound},
		"name too long":  {awsiam.ByName, strings.Repeat("a", 60) + "@example.com", identity.NotFound},
		"tag is no mail": {awsiam.ByTag, "ann@example.com", identity.NotFound},
	} {
		got, err := find(t, fake{w}, func(c *awsiam.Config) { c.Strategy = tc.strategy }, tc.email)
		if err != nil || got.Status != tc.want {
			t.Errorf("%s: %+v, %v, want %s", name, got, err, tc.want)
		}
	}
}

func TestCheckOfTheAccount(t *testing.T) {
	t.Parallel()
	if _, err := find(t, fake{}, func(c *awsiam.Config) { c.Account = "999999999999" }, "ann@example.com"); !errors.Is(err, directory.ErrForeign) {
		t.Errorf("Check: %v, want ErrForeign", err)
	}
}

func TestOpenErrors(t *testing.T) {
	t.Parallel()
	for want, cfg := range map[string]awsiam.Config{
		"strategy: ": {Strategy: "email"},
		"tag: ":      {Tag: "mail"},
	} {
		if _, err := awsiam.Open(cfg); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", cfg, err, want)
		}
	}
}

// FuzzFind proves that no answer finds an account without the address.
func FuzzFind(f *testing.F) {
	directorytest.Fuzz(f, subject(awsiam.ByTag))
}

// FuzzFindByName: the user that IAM gives must have the name asked for.
func FuzzFindByName(f *testing.F) { directorytest.Fuzz(f, subject(awsiam.ByName)) }
