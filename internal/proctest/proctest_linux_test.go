// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package proctest

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
)

const childVariable = "SYM_TEST_PROCTEST_CHILD"

// TestEndWithTest kills a process that has started another, which holds the
// pipe that this test reads: it ends when both are gone.
func TestEndWithTest(t *testing.T) {
	t.Parallel()
	if os.Getenv(childVariable) != "" {
		sleep := exec.Command("sleep", "3600")
		sleep.Stdout = os.Stdout
		EndWithTest(sleep)
		fmt.Println(sleep.Start())
		_ = sleep.Wait()
		return
	}
	child := exec.Command(os.Args[0], "-test.run", "^TestEndWithTest$")
	child.Env = append(os.Environ(), childVariable+"=1")
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	started := make([]byte, len("<nil>\n"))
	if _, err := io.ReadFull(out, started); err != nil || string(started) != "<nil>\n" {
		t.Errorf("it printed %q, %v", started, err)
	}
	if err := child.Process.Kill(); err != nil {
		t.Error(err)
	}
	if rest, err := io.ReadAll(out); err != nil {
		t.Errorf("it printed %q, %v", rest, err)
	}
	_ = child.Wait() // it was killed
}
