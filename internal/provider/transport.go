// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
)

// newTransport is how requests reach api_url: through the environment's proxy,
// with the TLS settings. Files are read here; what is wrong with one is an
// error at its attribute.
func newTransport(s settings) (http.RoundTripper, diag.Diagnostics) {
	var diags diag.Diagnostics
	tlsConfig := &tls.Config{MinVersion: tls.VersionTLS12}
	if s.Insecure {
		tlsConfig.InsecureSkipVerify = true
		diags.AddAttributeWarning(path.Root("insecure"), "Certificates Are Not Checked",
			"insecure = true accepts any certificate, so whoever is between this machine and the API can read the token and change answers. "+
				"Name the private CA in ca_cert_file instead.")
	}
	if s.CACertFile != "" {
		pool, err := readCAs(s.CACertFile)
		if err != nil {
			addBadFile(&diags, path.Root("ca_cert_file"), err)
		}
		tlsConfig.RootCAs = pool
	}
	if s.ClientCertFile != "" && s.ClientKeyFile != "" {
		cert, err := tls.LoadX509KeyPair(s.ClientCertFile, s.ClientKeyFile)
		if err != nil {
			addBadFile(&diags, path.Root("client_cert_file"), fmt.Errorf("the client certificate cannot be loaded with its key: %w", err))
		}
		tlsConfig.Certificates = []tls.Certificate{cert}
	}
	own := &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true}
	if shared, ok := http.DefaultTransport.(*http.Transport); ok {
		own = shared.Clone()
	}
	own.TLSClientConfig = tlsConfig
	own.MaxIdleConnsPerHost = s.MaxConcurrency
	return own, diags
}

// readCAs is the system's pool with the certificates of a PEM file added.
func readCAs(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("the CA file cannot be read: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil { // not every system has one
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New("the CA file holds no certificate in PEM form")
	}
	return pool, nil
}

// checkFiles reports files that are named but not there, so that a wrong path
// is found before the first request.
func checkFiles(s settings) diag.Diagnostics {
	var diags diag.Diagnostics
	if s.EmbeddedConfig != "" {
		checkFile(&diags, path.Root("embedded").AtName("config"), s.EmbeddedConfig)
	}
	if s.Token.Kind == tokenFile {
		checkFile(&diags, path.Root("token_file"), s.Token.Value)
	}
	return diags
}

func checkFile(diags *diag.Diagnostics, at path.Path, file string) {
	info, err := os.Stat(file)
	switch {
	case err != nil:
		addBadFile(diags, at, fmt.Errorf("the file cannot be read: %w", err))
	case info.IsDir():
		addBadFile(diags, at, fmt.Errorf("%s is a folder, not a file", file))
	}
}

func addBadFile(diags *diag.Diagnostics, at path.Path, err error) {
	diags.AddAttributeError(at, "Unusable File", sentence(err.Error())+
		" Relative paths start at the working directory of the run; path.module makes them start at the module.")
}
