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

// fake is an account. The name of a user is the first address, and each address
// is a tag, whose key is in any case. Users never get another id, so ids may give
// a user another one than that made of the name.
type fake struct {
	world  directorytest.World
	ids    map[string]string // by ARN
	broken bool              // the list goes on, and does not say where
}

func (f fake) userID(arn string) string {
	if id := f.ids[arn]; id != "" {
		return id
	}
	return "AIDA" + strings.ToUpper(arn[strings.LastIndexByte(arn, '/')+1:])
}

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
	if strings.Contains(r.Header.Get("Accept"), "json") { // as the real ones answer then
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"%[1]sResponse":{"%[1]sResult":{}}}`, r.FormValue("Action"))
		return
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
				answer(action, "<User><Path>/</Path><UserName>"+escape(p.Emails[0])+"</UserName><UserId>"+f.userID(p.ID)+"</UserId><Arn>"+p.ID+"</Arn><CreateDate>2026-01-02T03:04:05Z</CreateDate></User>")
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
			for i, address := range p.Emails {
				key := []string{"email", "Email", "EMAIL"}[(len(p.ID)+i)%3]
				tags += "<member><Key>" + key + "</Key><Value>" + escape(address) + "</Value></member>"
			}
			users += "<member><UserName>" + p.ID[strings.LastIndexByte(p.ID, '/')+1:] + "</UserName><UserId>" + f.userID(p.ID) + "</UserId><Arn>" + p.ID + "</Arn><Tags><member><Key>team</Key><Value>x</Value></member>" + tags + "</Tags></member>"
		}
		result := "<UserDetailList>" + users + "</UserDetailList><IsTruncated>" + strconv.FormatBool(more || f.broken) + "</IsTruncated>"
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
		Fake:       func(w directorytest.World) http.Handler { return fake{world: w} },
		Open: func(_ testing.TB, env directorytest.Env) (directory.Directory, error) {
			cfg := config(env.BaseURL)
			cfg.Clock, cfg.CAFile, cfg.Strategy = env.Clock, env.CAFile, strategy
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

func TestTraps(t *testing.T) {
	t.Parallel()
	const (
		ann     = "ann.lee@example.com"
		old     = "arn:aws:iam::123456789012:user/ann"
		renamed = "arn:aws:iam::123456789012:user/ann.lee"
		byName  = "arn:aws:iam::123456789012:user/" + ann
	)
	named := func(_ testing.TB, env directorytest.Env) (directory.Directory, error) {
		cfg := config(env.BaseURL)
		cfg.Clock, cfg.CAFile = env.Clock, env.CAFile
		return awsiam.Open(cfg)
	}
	local := func(_ testing.TB, env directorytest.Env) (directory.Directory, error) {
		cfg := config(env.BaseURL)
		cfg.Clock, cfg.CAFile, cfg.Strategy, cfg.Domains = env.Clock, env.CAFile, awsiam.ByLocalPart, []string{"example.com"}
		return awsiam.Open(cfg)
	}
	users := func(ids map[string]string, people ...directorytest.Person) fake {
		return fake{world: directorytest.World{People: people}, ids: ids}
	}
	person := func(arn, email string) directorytest.Person {
		return directorytest.Person{ID: arn, Emails: []string{email}}
	}
	first, second := map[string]string{old: "AIDA1", renamed: "AIDA1", byName: "AIDA1"}, map[string]string{old: "AIDA2", byName: "AIDA2", renamed: "AIDA1"}
	asks := func(asks ...directorytest.Ask) []directorytest.Ask { return asks }
	neverInactive := directorytest.Cannot("IAM users cannot be disabled")
	directorytest.Traps(t, subject(awsiam.ByTag), map[directorytest.Trap]directorytest.Cell{
		directorytest.Rename: directorytest.Scenes(directorytest.Scene{
			Fake: users(first, person(renamed, ann)),
			Asks: asks(directorytest.Stored(old, "AIDA1", identity.AccountRenamed), directorytest.Email(ann, identity.Found, renamed)),
		}),
		directorytest.RenameReuse: directorytest.Scenes(
			directorytest.Scene{
				Fake: users(second, person(renamed, "ann.martin@example.com"), person(old, ann)),
				Asks: asks(directorytest.Stored(old, "AIDA1", identity.AccountReused), directorytest.Email(ann, identity.Found, old)),
			},
			directorytest.Scene{
				Fake: users(second, person(byName, ann)), Open: named,
				Asks: asks(directorytest.Stored(byName, "AIDA1", identity.AccountReused), directorytest.Email(ann, identity.Found, byName)),
			},
		),
		directorytest.RecycledAddress: directorytest.Scenes(directorytest.Scene{
			Fake: users(second, person(old, ann)),
			Asks: asks(directorytest.Stored(old, "AIDA1", identity.AccountReused), directorytest.Email(ann, identity.Found, old)),
		}),
		directorytest.Unverified: directorytest.Cannot("administrators name and tag IAM users; nobody confirms an address"),
		directorytest.Pending:    directorytest.Cannot("administrators create IAM users"),
		directorytest.ForeignDomain: directorytest.Scenes(
			directorytest.Scene{Fake: users(nil, person(old, "ann.lee@example.org")), Asks: asks(directorytest.Email(ann, identity.NotFound))},
			directorytest.Scene{
				Fake: users(nil, person(old, "ann")), Open: local,
				Asks: asks(directorytest.Email("ann@example.org", identity.NotFound), directorytest.Email("ann@example.com", identity.Found, old)),
			},
		),
		directorytest.Guest:         directorytest.Cannot("IAM has no guests"),
		directorytest.InactiveTwin:  neverInactive,
		directorytest.InactiveOwner: neverInactive,
		directorytest.ShortList: directorytest.Scenes(directorytest.Scene{
			Fake: fake{world: directorytest.World{People: []directorytest.Person{person(old, ann)}}, broken: true},
			Asks: asks(directorytest.Email("bob@example.com", identity.Failed), directorytest.Email(ann, identity.Failed)),
		}),
	})
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
		"another domain": {awsiam.ByLocalPart, "ann@other.example", identity.NotFound},
		"name":           {awsiam.ByName, "A+b@example.com", identity.Found},
		"no such name":   {awsiam.ByName, "ann@example.com", identity.NotFound},
		"no legal name":  {awsiam.ByName, "o'hara@example.com", identity.NotFound},
		"name too long":  {awsiam.ByName, strings.Repeat("a", 60) + "@example.com", identity.NotFound},
		"tag is no mail": {awsiam.ByTag, "ann@example.com", identity.NotFound},
	} {
		got, err := find(t, fake{world: w}, func(c *awsiam.Config) { c.Strategy, c.Domains = tc.strategy, []string{"example.com"} }, tc.email)
		if err != nil || got.Status != tc.want {
			t.Errorf("%s: %+v, %v, want %s", name, got, err, tc.want)
		}
	}
}

// TestCheckAsks proves that a check makes a call of a lookup with each strategy.
func TestCheckAsks(t *testing.T) {
	t.Parallel()
	denied := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("Action") == "GetCallerIdentity" {
			fake{}.ServeHTTP(w, r)
			return
		}
		w.WriteHeader(http.StatusForbidden)
		_, _ = fmt.Fprint(w, "<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>")
	})
	server := httptest.NewServer(denied)
	t.Cleanup(server.Close)
	for _, strategy := range []string{awsiam.ByName, awsiam.ByLocalPart, awsiam.ByTag} {
		cfg := config(server.URL)
		cfg.Strategy, cfg.Domains = strategy, []string{"example.com"}
		d, err := awsiam.Open(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Check(t.Context()); !errors.Is(err, directory.ErrPermission) {
			t.Errorf("%s: Check: %v, want ErrPermission", strategy, err)
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
		"domains: ":  {Strategy: awsiam.ByLocalPart},
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
