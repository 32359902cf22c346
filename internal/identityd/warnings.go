// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package identityd

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/config"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
	"github.com/sym-identity/terraform-provider-sym/internal/store/sqlstore"
)

// expiresSoon is how long before its end a certificate is worth a warning.
const expiresSoon = 30 * 24 * time.Hour

// LogWarnings logs what Warnings returns.
func LogWarnings(ctx context.Context, c *config.Config, log *slog.Logger) {
	for _, warning := range Warnings(ctx, c) {
		log.WarnContext(ctx, "the setup has a weakness", "weakness", warning)
	}
}

// Warnings returns what works but is not safe, in sentences without secrets. What
// cannot be looked at is left out: opening it says why.
func Warnings(ctx context.Context, c *config.Config) []string {
	warnings := fileWarnings(c)
	if c.TLS != nil {
		if expires, err := CheckTLS(*c.TLS); err == nil && time.Until(expires) < expiresSoon {
			warnings = append(warnings, fmt.Sprintf("the certificate in %s ends in %d days, on %s. Renew it: a server takes up the new files by itself.",
				c.TLS.CertFile, int(time.Until(expires)/(24*time.Hour)), expires.UTC().Format(time.DateOnly)))
		}
	}
	risks, err := sqlstore.Warnings(ctx, c.Store.URL, StoreOptions(c))
	for _, text := range risks {
		warnings = append(warnings, "the store: "+text)
	}
	if err != nil {
		return warnings // a store that does not answer is not waited for again
	}
	if removed := storedWithoutBlock(ctx, c); len(removed) > 0 {
		warnings = append(warnings, fmt.Sprintf("the store has services that a configuration file registered and %s does not have: %s. "+
			"They stay registered with their mappings, and nobody is looked up there. Put their service blocks back, "+
			"declare them as sym_service, or delete them with POST services/delete.", c.Path, strings.Join(removed, ", ")))
	}
	return warnings
}

// storedWithoutBlock returns the services that a configuration file wrote last and
// c does not name, of a store that is there and up to date.
func storedWithoutBlock(ctx context.Context, c *config.Config) (removed []string) {
	st, err := OpenExisting(ctx, c)
	if st == nil || err != nil {
		return nil
	}
	defer st.Close()
	services, _ := st.Services(ctx, store.ServiceFilter{})
	for _, s := range services {
		if s.UpdatedBy == fromFile && !c.Names(s.Key) {
			removed = append(removed, s.Key.String())
		}
	}
	return removed
}

// fileWarnings looks at the modes of the configuration, the files that it names
// and the store. The configuration itself holds no secrets, so others may read it.
func fileWarnings(c *config.Config) (warnings []string) {
	if runtime.GOOS == "windows" {
		return nil // modes mean nothing there
	}
	files := append([]config.File{{Path: c.Path}}, c.Files...)
	if c.Store.File != "" {
		target := c.Store.File
		if path, err := filepath.EvalSymlinks(target); err == nil {
			target = path // SQLite keeps its other files beside it
		}
		for _, suffix := range []string{"", "-wal", "-shm"} {
			files = append(files, config.File{Path: target + suffix, Secret: true})
		}
	}
	for _, f := range files {
		info, err := os.Stat(f.Path)
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		const readable, writable fs.FileMode = 0o044, 0o022
		switch mode := info.Mode().Perm(); {
		case mode&writable != 0:
			warnings = append(warnings, fmt.Sprintf("others than its owner can change the file %s (mode %04o). Run: chmod go-rwx %[1]s", f.Path, mode))
		case f.Secret && mode&readable != 0:
			warnings = append(warnings, fmt.Sprintf("others than its owner can read the file %s (mode %04o). Run: chmod go-rwx %[1]s", f.Path, mode))
		}
	}
	return warnings
}
