// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package rules_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/rules"
)

func TestExpressions(t *testing.T) {
	t.Parallel()
	jane := rules.Subject{Key: "jane.doe@acme.com", Type: identity.Normal, Role: identity.Admin, FirstName: "Jane", LastName: "Doe",
		Identities: map[string]string{"okta:acme.okta.com": "00u1", "github:acme": "jdoe"}}
	bare := rules.Subject{Key: "joe@example.com"}
	bot := rules.Subject{Key: "Deploy-Bot", Type: identity.Bot}
	tests := []struct {
		expression string
		user       rules.Subject
		want       string // "" is a miss
	}{
		{`[user.email, user.local, user.domain, user.type, user.role, user.first_name, user.last_name].join("|")`, jane,
			"jane.doe@acme.com|jane.doe|acme.com|normal|admin|Jane|Doe"},
		{`[user.email, user.local, user.domain, user.username, user.role, user.first_name, user.last_name].join("|") + user.type`, bot, "|||Deploy-Bot|||bot"},
		{`user.username + "-" + user.type`, bot, "Deploy-Bot-bot"},
		{`[user.username, user.type, user.role, user.first_name, user.last_name].join("|") + string(size(user.identities))`, bare, "|normal|||0"},
		{`user.local + ":" + [service.type, service.external_id, service.key].join("|")`, bare, "joe:pagerduty|acme|pagerduty:acme"},
		{`user.identities["okta:acme.okta.com"]`, jane, "00u1"},
		{`"github:acme" in user.identities ? user.identities["github:acme"] : ""`, jane, "jdoe"},
		{`"github:acme" in user.identities ? user.identities["github:acme"] : ""`, bare, ""},
		{`user.identities[?"github:acme"]`, jane, "jdoe"},
		{`user.identities[?"github:acme"]`, bare, ""},
		{`user.identities[?"github:acme"].orValue(user.local)`, bare, "joe"},
		{`user.identities[?"github:acme"].optMap(id, id + "-pd")`, jane, "jdoe-pd"},
		{`user.role == "admin" ? optional.of(user.local) : optional.none()`, jane, "jane.doe"},
		{`user.role == "admin" ? optional.of(user.local) : optional.none()`, bare, ""},
		{`user.role == "admin" ? optional.none() : optional.none()`, bare, ""},
		{`user.email.endsWith("@acme.com") ? user.first_name.lowerAscii().charAt(0) + user.last_name.lowerAscii() : ""`, jane, "jdoe"},
		{`user.email.matches("^j.*@acme[.]com$") ? user.local.replace(".", "_") : ""`, jane, "jane_doe"},
		{`dyn(user.local)`, jane, "jane.doe"},
		{`optional.ofNonZeroValue(user.last_name)`, bare, ""},
		{`has(user.last_name) ? user.local : "absent"`, bare, "joe"},
		{`user.?last_name.orValue("absent") + user.local`, bare, "joe"},
		{`[user].map(u, u.local)[0]`, jane, "jane.doe"},
		{`user == user ? user.local : ""`, jane, "jane.doe"},
		{`user.identities.filter(k, k.startsWith("github:")).map(k, user.identities[k]).join("")`, jane, "jdoe"},
	}
	pagerduty := identity.ServiceKey{Type: "pagerduty", ExternalID: "acme"}
	for _, test := range tests {
		t.Run(string(test.user.Key)+" "+test.expression, func(t *testing.T) {
			t.Parallel()
			set := compile(t, rules.Rule{Name: "cel", ServiceType: "pagerduty", Expression: &test.expression})
			got, err := set.Evaluate(test.user, pagerduty)
			if err != nil || got.Identity != test.want {
				t.Errorf("got %+v, %v, want %q", got, err, test.want)
			}
		})
	}
}

func TestExpressionOnlyForThoseWhoMatch(t *testing.T) {
	t.Parallel()
	set := compile(t, rules.Rule{Name: "cel", ServiceType: "okta", Match: new(`.*@acme\.com`), Expression: new(`user.identities["github:acme"]`)})
	for _, user := range []string{"joe@example.com", "deploy-bot"} {
		if got, err := set.Evaluate(subject(t, user), okta); err != nil || got.Identity != "" {
			t.Errorf("%s: got %+v, %v", user, got, err)
		}
	}
}

// TestExpressionCost runs expressions that would take very long or very much
// memory if nothing bounded them.
func TestExpressionCost(t *testing.T) {
	t.Parallel()
	list := "[" + strings.Repeat("1,", 300) + "1]"
	tests := map[string]string{
		"nested loops":    list + ".map(a, " + list + ".map(b, " + list + ".filter(c, a + b + c > 0))).size() > 0 ? user.local : ''",
		"growing strings": "user.local" + strings.Repeat(`.replace("", "0123456789")`, 60),
		"squared strings": `[user.local].map(a, a.replace("", a)).map(a, a.replace("", a)).map(a, a.replace("", a)).map(a, a.replace("", a)).map(a, a.replace("", a)).map(a, a.replace("", a)).map(a, a.replace("", a))[0]`,
	}
	for name, expression := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			set := compile(t, rules.Rule{Name: "costly", ServiceType: "okta", Expression: &expression})
			start := time.Now()
			_, err := set.Evaluate(subject(t, "jane.doe@acme.com"), okta)
			var e *rules.EvalError
			if !errors.As(err, &e) || !strings.Contains(e.Message, "costs too much") {
				t.Errorf("got %v", err)
			}
			if took := time.Since(start); took > time.Minute {
				t.Errorf("took %s", took)
			}
		})
	}
}
