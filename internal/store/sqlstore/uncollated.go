// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package sqlstore

import (
	"io"
	"io/fs"
	"strings"
)

// uncollated are migrations without the collations of their columns.
type uncollated struct{ fs.FS }

// Open implements fs.FS.
func (u uncollated) Open(name string) (fs.File, error) {
	f, err := u.FS.Open(name)
	if err != nil || !strings.HasSuffix(name, ".sql") {
		return f, err
	}
	text, err := io.ReadAll(f)
	if err != nil {
		return nil, err
	}
	return rewritten{f, strings.NewReader(strings.ReplaceAll(string(text), ` COLLATE "C"`, ""))}, nil
}

// rewritten is a file with another content.
type rewritten struct {
	fs.File
	content io.Reader
}

// Read implements fs.File.
func (r rewritten) Read(p []byte) (int, error) { return r.content.Read(p) }
