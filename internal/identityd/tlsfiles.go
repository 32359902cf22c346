// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package identityd

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/config"
)

// lookEvery bounds how often handshakes look whether files have changed.
const lookEvery = time.Second

// tlsFiles serves the certificate that its files hold now: they are read
// again, at a handshake, once they have changed. What cannot be used leaves
// the last good ones in place.
type tlsFiles struct {
	setting config.TLS
	log     *slog.Logger
	now     func() time.Time

	mu     sync.Mutex
	looked time.Time
	stamps [3]stamp
	good   *loadedTLS
}

// stamp tells whether a file has changed.
type stamp struct {
	modified time.Time
	size     int64
}

// loadedTLS is what the files held.
type loadedTLS struct {
	config  *tls.Config
	roots   *x509.CertPool // of clients; nil = not asked for
	expires time.Time
}

// openTLS reads the files. It fails where they cannot be used.
func openTLS(setting config.TLS, log *slog.Logger, now func() time.Time) (*tlsFiles, error) {
	f := &tlsFiles{setting: setting, log: log, now: now, looked: now()}
	f.stamps = f.stat()
	good, err := f.load()
	if err != nil {
		return nil, err
	}
	f.good = good
	return f, nil
}

func (f *tlsFiles) stat() (stamps [3]stamp) {
	for i, path := range []string{f.setting.CertFile, f.setting.KeyFile, f.setting.ClientCAFile} {
		if path == "" {
			continue
		}
		if info, err := os.Stat(path); err == nil {
			stamps[i] = stamp{info.ModTime(), info.Size()}
		}
	}
	return stamps
}

func (f *tlsFiles) load() (*loadedTLS, error) {
	pair, err := tls.LoadX509KeyPair(f.setting.CertFile, f.setting.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("the certificate and its key: %w", err)
	}
	loaded := &loadedTLS{expires: pair.Leaf.NotAfter}
	if now := f.now(); now.After(pair.Leaf.NotAfter) {
		return nil, fmt.Errorf("the certificate in %s expired at %s", f.setting.CertFile, pair.Leaf.NotAfter.UTC().Format(time.RFC3339))
	}
	loaded.config = &tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, NextProtos: []string{"h2", "http/1.1"},
	}
	if f.setting.ClientCAFile == "" {
		return loaded, nil
	}
	pem, err := os.ReadFile(f.setting.ClientCAFile)
	if err != nil {
		return nil, fmt.Errorf("the clients' authorities: %w", err)
	}
	loaded.roots = x509.NewCertPool()
	if !loaded.roots.AppendCertsFromPEM(pem) {
		return nil, errors.New("the clients' authorities: client_ca_file holds no certificate")
	}
	loaded.config.ClientCAs = loaded.roots
	loaded.config.ClientAuth = tls.VerifyClientCertIfGiven
	if f.setting.RequireClientCert {
		loaded.config.ClientAuth = tls.RequireAndVerifyClientCert
	}
	// A session must not outlive the authority that let its client in.
	loaded.config.SessionTicketsDisabled = true
	return loaded, nil
}

// current is what the files hold, or held when they could last be used.
func (f *tlsFiles) current() *loadedTLS {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	if age := now.Sub(f.looked); age >= 0 && age < lookEvery {
		return f.good
	}
	f.looked = now
	stamps := f.stat()
	if stamps == f.stamps {
		return f.good
	}
	f.stamps = stamps // a bad pair is told once, and read again when it changes
	good, err := f.load()
	if err != nil {
		f.log.Warn("the TLS files have changed and cannot be used; the ones before stay in use", "error", err)
		return f.good
	}
	f.log.Info("the TLS files have changed and are in use", "expires", good.expires.UTC())
	f.good = good
	return f.good
}

// CheckTLS reads the files of a tls block and returns when the certificate
// expires. It fails if they cannot be used.
func CheckTLS(setting config.TLS) (expires time.Time, err error) {
	files, err := openTLS(setting, slog.New(slog.DiscardHandler), time.Now)
	if err != nil {
		return time.Time{}, err
	}
	return files.good.expires, nil
}
