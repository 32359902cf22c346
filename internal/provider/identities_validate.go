// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// ValidateConfig checks all that can be checked without the API: every row,
// and the rows against each other.
func (r *identitiesResource) ValidateConfig(_ context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	config := readIdentitiesObject(req.Config.Raw)
	service, known := serviceKey(config.serviceType, config.externalID, &resp.Diagnostics)
	if known {
		if err := service.CheckDeclarable(); err != nil {
			addInvalid(&resp.Diagnostics, path.Root("service_type"), "Managed Service", err)
			return
		}
	}
	var checked *identity.ServiceKey
	if known {
		checked = &service
	}
	addInvalidRows(&resp.Diagnostics, len(config.elements), checkRows(config.elements, checked, config.allowShared == off))
}

// rowProblem is what is wrong with one entry.
type rowProblem struct {
	spelled string
	problem string // one line
}

// checkRows finds all that is wrong with entries in themselves, ordered by key.
// Values are not checked while the service is unknown (nil), nor those that
// are unknown. unshared says that no account may stand there twice.
func checkRows(elements map[string]tftypes.Value, service *identity.ServiceKey, unshared bool) []rowProblem {
	var problems []rowProblem
	add := func(spelled, format string, args ...any) {
		problems = append(problems, rowProblem{spelled, fmt.Sprintf(format, args...)})
	}
	users := make(map[identity.UserKey]string, len(elements))
	accounts := make(map[string]string, len(elements))
	for _, spelled := range slices.Sorted(maps.Keys(elements)) {
		user, err := identity.ParseUser(spelled)
		if err != nil {
			add(spelled, "%s", problemText(err))
			continue
		}
		if other, twice := users[user]; twice {
			add(spelled, "the same user as %q: both are %s", other, user)
			continue
		}
		users[user] = spelled
		v := elements[spelled]
		switch {
		case v.IsNull():
			add(spelled, "the identity is null; leave the entry out where nobody is mapped")
			continue
		case !v.IsKnown() || service == nil:
			continue
		}
		value := textOf(v)
		if err := identity.ValidateIdentity(*service, value); err != nil {
			add(spelled, "%s", problemText(err))
			continue
		}
		if !unshared {
			continue
		}
		account := identity.FoldIdentity(service.Type, value)
		if other, twice := accounts[account]; twice {
			add(spelled, "the same account as %q: %s; if both really use it, set allow_shared = true", other, value)
			continue
		}
		accounts[account] = spelled
	}
	return problems
}

// problemText is an error of the domain in one line.
func problemText(err error) string {
	var e *identity.Error
	if !errors.As(err, &e) {
		return err.Error()
	}
	text := e.Message
	if e.Hint != "" {
		text = strings.TrimSuffix(text, ".") + ". " + e.Hint
	}
	return text
}

// addInvalidRows reports all rows that are wrong, as one error. A single one
// is reported at its own place in the map.
func addInvalidRows(diags *diag.Diagnostics, of int, problems []rowProblem) {
	const summary = "Invalid Identity Mappings"
	switch len(problems) {
	case 0:
	case 1:
		diags.AddAttributeError(path.Root("identities").AtMapKey(problems[0].spelled), summary,
			fmt.Sprintf("identities[%q]: %s", problems[0].spelled, sentence(problems[0].problem)))
	default:
		lines := make([]string, len(problems))
		for i, p := range problems {
			lines[i] = fmt.Sprintf("identities[%q]: %s", p.spelled, sentence(p.problem))
		}
		diags.AddAttributeError(path.Root("identities"), summary,
			fmt.Sprintf("%d of %s are wrong:\n\n%s", len(problems), countOf(of, "entry", "entries"), listing(lines)))
	}
}

// maxListedRows bounds how many rows a diagnostic lists: who reads more than that
// looks for the cause elsewhere.
const maxListedRows = 100

// listing is an indented list, which Terraform does not wrap, of bounded
// length.
func listing(lines []string) string {
	more := ""
	if len(lines) > maxListedRows {
		more = fmt.Sprintf("\n  and %d more", len(lines)-maxListedRows)
		lines = lines[:maxListedRows]
	}
	return wholeListing(lines) + more
}

// wholeListing is listing without bounds.
func wholeListing(lines []string) string { return "  " + strings.Join(lines, "\n  ") }

func countOf(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
