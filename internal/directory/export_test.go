// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package directory

// PreferWalk exports preferWalk to tests.
var PreferWalk = preferWalk
