// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

//go:build !unix

package sqlstore

const (
	unprivileged = "unprivileged"
	limited      = "limited"
)

// runHampered has nothing to do: no test of this system asks for it.
func runHampered(string, string) int { return 1 }
