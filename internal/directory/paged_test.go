// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package directory_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
)

func TestPaged(t *testing.T) {
	t.Parallel()
	failed := errors.New("failed")
	for name, tc := range map[string]struct {
		next func(n int) (string, error)
		want error
		all  int
	}{
		"to the end":      {func(n int) (string, error) { return []string{"a", "b", ""}[n], nil }, nil, 3},
		"one page":        {func(int) (string, error) { return "", nil }, nil, 1},
		"cursor repeated": {func(int) (string, error) { return "a", nil }, directory.ErrUnavailable, 0},
		"fails later":     {func(n int) (string, error) { return "a", []error{nil, failed}[n] }, failed, 0},
	} {
		n := 0
		got, err := directory.All(directory.Paged(t.Context(), func(_ context.Context, _ string) ([]directory.Account, string, error) {
			next, err := tc.next(n)
			n++
			return []directory.Account{{ID: strconv.Itoa(n)}}, next, err
		}))
		if !errors.Is(err, tc.want) || len(got) != tc.all {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestBelongs(t *testing.T) {
	t.Parallel()
	if err := errors.Join(directory.Belongs("workspace", "T1", ""), directory.Belongs("workspace", "acme", "Acme")); err != nil {
		t.Error(err)
	}
	if err := directory.Belongs("workspace", "T1", "T2"); !errors.Is(err, directory.ErrForeign) || !strings.Contains(err.Error(), `"T1"`) {
		t.Errorf("Belongs: %v", err)
	}
	if err := directory.NeedsGrant(directory.ErrPermission, "a scope"); !errors.Is(err, directory.ErrPermission) || !strings.Contains(err.Error(), "a scope") {
		t.Errorf("NeedsGrant: %v", err)
	}
}
