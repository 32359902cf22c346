// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Package proctest keeps processes of tests from outliving them, and finds ports
// for them.
package proctest

import "os/exec"

// EndWithTest has the kernel kill a process, which has not started yet, when
// the test binary is gone. A test that is interrupted, or runs out of time, runs
// no Cleanup. It does nothing outside Linux.
func EndWithTest(cmd *exec.Cmd) { endWithTest(cmd) }
