// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/sym-identity/terraform-provider-sym/internal/redact"
)

// Store says where the store is.
type Store struct {
	URL  string // as sqlstore.Open takes it
	File string // of SQLite; "" for other stores
	At   hcl.Range
}

// Name returns the URL without a password.
func (s Store) Name() string { return redact.WithoutPassword(s.URL) }

const storeRemedy = `Write "sqlite:PATH", with a path relative to this file, as in "sqlite:identities.db", or env("NAME") with a postgres:// URL in it.`

func (d *decoder) store(args arguments) Store {
	t := args.url("store")
	if t.value == "" {
		return Store{} // said already
	}
	scheme, path, _ := strings.Cut(t.value, ":")
	if triple := "///"; strings.HasPrefix(path, triple) {
		path = path[len(triple)-1:]
	}
	switch {
	case scheme == "postgres", scheme == "postgresql":
		return Store{URL: t.value, At: t.at}
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
		return Store{URL: "sqlite:" + path, File: path, At: t.at}
	}
	return Store{}
}

// relative resolves a path of the file: relative ones start where the file is.
func (d *decoder) relative(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(d.dir, path)
}
