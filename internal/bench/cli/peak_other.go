// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

//go:build !unix

package main

import "os"

// peak is not known on this system.
func peak(*os.ProcessState) int64 { return 0 }
