// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

//go:build !linux

package proctest

import "os/exec"

func endWithTest(*exec.Cmd) {}
