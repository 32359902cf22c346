// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package rules

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// compileIdentities normalises the keys of identities and checks its values,
// in the order of the keys so that the errors are the same each time.
func (c *compiler) compileIdentities(service identity.ServiceKey) map[identity.UserKey]string {
	compiled := make(map[identity.UserKey]string, len(c.written.Identities))
	spelled := make(map[identity.UserKey]string, len(c.written.Identities))
	for _, key := range slices.Sorted(maps.Keys(c.written.Identities)) {
		user, err := identity.ParseUser(key)
		if err != nil {
			c.reportKey("identities", key, faultOf(err))
			continue
		}
		if other, taken := spelled[user]; taken {
			c.reportKey("identities", key, faultf("Remove one of them.", "%s and %s are the same user", quote(other), quote(key)))
			continue
		}
		value := c.written.Identities[key]
		if f := checkIdentity(service, value); f != nil {
			c.reportKey("identities", key, f)
		}
		spelled[user] = key
		compiled[user] = value
	}
	return compiled
}

// checkIdentity checks an identity for a service whose external id may be
// unknown; then what depends on it waits until the rule runs.
func checkIdentity(service identity.ServiceKey, value string) *fault {
	if service.ExternalID == anyExternalID && service.Type == "aws_iam" {
		// The account that an ARN itself names is as good as any here.
		if fields := strings.SplitN(value, ":", 6); len(fields) == 6 {
			service.ExternalID = fields[4]
		}
	}
	if err := identity.ValidateIdentity(service, value); err != nil {
		return faultOf(err)
	}
	return nil
}

// parseEmail is the normalised e-mail that a lookup_email rule gives.
func parseEmail(text string) (string, *fault) {
	key, err := identity.ParseUser(text)
	switch {
	case err != nil:
		return "", faultOf(err)
	case !key.IsEmail():
		return "", faultf("An e-mail looks like name@example.com.", "%s is not an e-mail", quote(text))
	}
	return key.Email(), nil
}

func tooLong(text string) *fault {
	return faultf(fmt.Sprintf("It may have %d.", MaxTextBytes), "it is %d bytes long", len(text))
}

// quote shows a value that may be long or hold anything.
func quote(s string) string { return strconv.Quote(clip(s)) }

func clip(s string) string {
	const keep = 80
	if len(s) <= keep {
		return s
	}
	return strings.ToValidUTF8(s[:keep], "") + "…"
}
