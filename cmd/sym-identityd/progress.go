// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"cmp"
	"context"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
)

// progress shows on a terminal how far work is: what is done, at which rate, and
// how long the rest takes. Nothing of it stays after Finish, and nothing is shown
// where stderr is no terminal. total is 0 if it is not known. Without a unit it
// shows how long the work has taken.
func (p *program) progress(what, unit string, total int64) *progressbar.ProgressBar {
	options := []progressbar.Option{
		progressbar.OptionSetWriter(p.stderr), progressbar.OptionSetVisibility(p.onTerminal()), progressbar.OptionSetDescription(what),
		progressbar.OptionThrottle(100 * time.Millisecond), progressbar.OptionSetRenderBlankState(true), progressbar.OptionClearOnFinish(),
	}
	switch unit {
	case "":
	case "bytes":
		options = append(options, progressbar.OptionShowBytes(true), progressbar.OptionShowCount())
	default:
		options = append(options, progressbar.OptionShowIts(), progressbar.OptionSetItsString(unit), progressbar.OptionShowCount())
	}
	return progressbar.NewOptions64(cmp.Or(total, -1), options...)
}

func (p *program) onTerminal() bool {
	f, ok := p.stderr.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// showLists returns a context in which bar shows how far the list of a directory
// is read.
func showLists(ctx context.Context, bar *progressbar.ProgressBar) context.Context {
	return directory.WithProgress(ctx, func(read, total int) {
		if total > 0 && bar.GetMax() != total {
			bar.ChangeMax(total)
		}
		_ = bar.Add(read) // fails only to draw
	})
}
