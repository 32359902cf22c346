// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package sqlstore

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
)

// checkRecord refuses what no store can have exported. Values are not held
// against the rules of their services: those may have been other ones when the
// value was stored, and a move must not lose it.
func checkRecord(r store.Record, services map[string]string) error {
	set := 0
	for _, there := range []bool{r.Service != nil, r.User != nil, r.Change != nil} {
		if there {
			set++
		}
	}
	switch {
	case set != 1:
		return badRecord("a record is not exactly one of service, user and change")
	case r.Service != nil:
		return checkServiceRecord(r.Service, services)
	case r.User != nil:
		return checkUserRecord(r.User, services)
	}
	return checkChangeRecord(r.Change)
}

func badRecord(format string, args ...any) error {
	return identity.Invalid(identity.CodeInvalid, fmt.Sprintf(format, args...), "It is not what an export writes. Nothing was imported.")
}

func checkServiceRecord(r *store.ServiceRecord, services map[string]string) error {
	if _, err := cutKey(r.Key); err != nil || !validID(r.ID) {
		return badRecord("a service has the key %q and the id %q", brief(r.Key), brief(r.ID))
	}
	if _, twice := services[r.Key]; twice {
		return badRecord("the service %s stands twice", brief(r.Key))
	}
	return checkTexts("the service "+brief(r.Key), r.Key, r.Label, r.UpdatedBy, r.RequestID)
}

func checkUserRecord(r *store.UserRecord, services map[string]string) error {
	key, err := identity.ParseUser(r.Name)
	if err != nil || key != r.Key || !validID(r.ID) {
		return badRecord("a user has the key %q, the name %q and the id %q", brief(string(r.Key)), brief(r.Name), brief(r.ID))
	}
	if r.Type != r.Key.Type() || !r.Role.Valid() {
		return badRecord("the user %s has the type %q and the role %q", r.Key, brief(string(r.Type)), brief(string(r.Role)))
	}
	if err := checkTexts("the user "+string(r.Key), r.FirstName, r.LastName, r.UpdatedBy, r.RequestID); err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, m := range r.Mappings {
		what := fmt.Sprintf("the mapping of %s in %s", r.Key, brief(m.Service))
		_, registered := services[m.Service]
		switch {
		case !registered:
			return badRecord("%s comes without its service", what)
		case seen[m.Service]:
			return badRecord("%s stands twice", what)
		case !validID(m.ID) || len(m.Matcher) == 0 || !m.Source.Valid() || m.Revision < 1:
			return badRecord("%s has the id %q, the source %q, the revision %d and %d keys", what, brief(m.ID), brief(string(m.Source)), m.Revision, len(m.Matcher))
		}
		seen[m.Service] = true
		if err := checkTexts(what, m.Rule, m.UpdatedBy, m.RequestID); err != nil {
			return err
		}
		if err := checkMaps(what, m.Matcher, m.Profile); err != nil {
			return err
		}
	}
	return nil
}

func checkChangeRecord(r *store.ChangeRecord) error {
	what := fmt.Sprintf("the change %d", r.ID)
	if _, err := cutKey(r.Service); err != nil || r.ID < 1 || !validID(r.UserID) || !validKey(r.User) {
		return badRecord("%s has the user %q, the user's id %q and the service %q", what, brief(string(r.User)), brief(r.UserID), brief(r.Service))
	}
	if err := checkTexts(what, r.Service, r.By, r.RequestID); err != nil {
		return err
	}
	for _, v := range []*store.ValueRecord{r.Before, r.After} {
		if v == nil {
			continue
		}
		if err := checkTexts(what, string(v.Source), v.Rule, v.UpdatedBy); err != nil {
			return err
		}
		if err := checkMaps(what, v.Matcher, v.Profile); err != nil {
			return err
		}
	}
	return nil
}

func checkTexts(what string, texts ...string) error {
	for _, s := range texts {
		switch {
		case len(s) > maxRecordText:
			return badRecord("%s holds a text of %d bytes", what, len(s))
		case !utf8.ValidString(s), strings.ContainsRune(s, 0):
			return badRecord("%s holds a text that is not valid UTF-8, or has a NUL byte", what)
		}
	}
	return nil
}

// maxRecordText is the longest text that is stored: a service key, which is a
// type, a colon and an external id.
const maxRecordText = 64 + 1 + identity.MaxExternalIDBytes

func checkMaps(what string, maps ...map[string]string) error {
	for _, m := range maps {
		for k, v := range m {
			if err := checkTexts(what, k, v); err != nil {
				return err
			}
		}
	}
	return nil
}
