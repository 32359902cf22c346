// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package directory

import (
	"context"
	"fmt"
	"iter"
)

// Paged makes the Pages of a service that gives a cursor with every page. The
// cursor of the first page is ""; the list ends with the page whose next
// cursor is "". A page or cursor that comes again is an error that matches
// ErrUnavailable.
func Paged(ctx context.Context, page func(ctx context.Context, cursor string) (accounts []Account, next string, err error)) iter.Seq2[[]Account, error] {
	return func(yield func([]Account, error) bool) {
		var guard PageGuard
		cursors := map[string]bool{}
		for cursor := ""; ; {
			accounts, next, err := page(ctx, cursor)
			if err == nil {
				err = guard.Check(accounts)
			}
			if err == nil && cursors[next] {
				err = fmt.Errorf("%w in full: its list repeats a cursor", ErrUnavailable)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(accounts, nil) || next == "" {
				return
			}
			cursors[next] = true
			cursor = next
		}
	}
}

// All reads pages to their end.
func All(pages iter.Seq2[[]Account, error]) ([]Account, error) {
	var all []Account
	for page, err := range pages {
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
	}
	return all, nil
}
