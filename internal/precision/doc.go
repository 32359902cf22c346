// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Package precision holds tests only: they resolve the people of a generated
// company, by this project's rules and by simpler ones, and count who gets
// whose account.
package precision
