// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package directory

import (
	"context"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// Explanation is an answer of Lookup and what it was decided from.
type Explanation struct {
	identity.LookupResult
	// Shown are the accounts with the address that the service showed, those
	// that cannot be an answer included. None if nobody was asked.
	Shown []identity.Account
	// Listed is the number of accounts in the list that answered; 0 = the
	// service was asked for the address.
	Listed int
}

// Explain answers as Lookup does and shows what each answer was decided from.
func Explain(ctx context.Context, d Directory, service identity.ServiceKey, emails []string) ([]Explanation, error) {
	var asked *lookup
	answers, err := lookUpAll(ctx, d, service, emails, func(l *lookup, ctx context.Context, want []string) error {
		asked, l.shown = l, map[string]evidenceRows{}
		return l.run(ctx, want)
	})
	if err != nil {
		return nil, err
	}
	out := make([]Explanation, len(answers))
	for i, a := range answers {
		out[i].LookupResult = a
		key, err := emailKey(a.Email)
		if err != nil {
			continue
		}
		seen := asked.shown[key]
		out[i].Listed = seen.listed
		for _, rows := range groupRows(seen.rows, asked.cache.foldID) {
			out[i].Shown = append(out[i].Shown, describeAccount(service, merge(rows, asked.cache.foldID)))
		}
	}
	return out, nil
}
