// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package embedded

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// storeSetting is where the store is.
type storeSetting struct {
	url  string // as sqlstore.Open takes it
	path string // of the SQLite file; "" for other stores
	at   hcl.Range
}

// name is the store as it may be shown: without a password.
func (s storeSetting) name() string { return withoutPassword(s.url) }

const storeRemedy = `Write "sqlite:PATH", with a path relative to this file, as in "sqlite:identities.db", or env("NAME") with a postgres:// URL in it.`

func (d *decoder) store(args arguments) storeSetting {
	t := args.url("store")
	if t.value == "" {
		return storeSetting{} // said already
	}
	scheme, path, _ := strings.Cut(t.value, ":")
	if triple := "///"; strings.HasPrefix(path, triple) {
		path = path[len(triple)-1:]
	}
	switch {
	case scheme == "postgres", scheme == "postgresql":
		return storeSetting{url: t.value, at: t.at}
	case scheme != "sqlite":
		d.problem(t.at, fmt.Sprintf("store: %s is not a store", t.quoted()), storeRemedy)
	case strings.TrimSpace(path) == "", strings.ContainsFunc(path, isControl):
		d.problem(t.at, "store names no SQLite file", storeRemedy)
	case strings.HasPrefix(path, "//"):
		d.problem(t.at, "store has a host where the path of a SQLite file belongs", storeRemedy)
	case strings.HasPrefix(path, ":memory:"), strings.HasPrefix(path, "file:"):
		d.problem(t.at, "store must be a SQLite file of its own", storeRemedy)
	default:
		path = d.relative(path)
		return storeSetting{url: "sqlite:" + path, path: path, at: t.at}
	}
	return storeSetting{}
}

// relative resolves a path of the file: relative ones start where the file is.
func (d *decoder) relative(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(d.dir, path)
}

// checkFolder reports whether a file could be created: its folder is there.
func checkFolder(path string) error {
	info, err := os.Stat(filepath.Dir(path))
	switch {
	case err != nil:
		return fmt.Errorf("the folder of the store: %w", err)
	case !info.IsDir():
		return fmt.Errorf("%s is not a folder", filepath.Dir(path))
	}
	return nil
}
