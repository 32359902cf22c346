// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package config

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

// newTransport returns a transport to api_url with the environment's proxy and
// the TLS settings. It reads the files that they name; a bad one is an error at
// its attribute.
func newTransport(s Settings) (http.RoundTripper, diag.Diagnostics) {
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
			diags.Append(badFile(path.Root("ca_cert_file"), "The CA file "+err.Error()))
		}
		tlsConfig.RootCAs = pool
	}
	if s.ClientCertFile != "" && s.ClientKeyFile != "" {
		cert, err := tls.LoadX509KeyPair(s.ClientCertFile, s.ClientKeyFile)
		if err != nil {
			diags.Append(badFile(path.Root("client_cert_file"), "The client certificate cannot be loaded with its key: "+err.Error()))
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

// readCAs returns the system's certificates with those of a PEM file added.
func readCAs(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil { // not every system has one
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New("holds no certificate in PEM form")
	}
	return pool, nil
}

// checkFiles reports named files that are not there, so that a wrong path is
// found before the first request.
func checkFiles(s Settings) diag.Diagnostics {
	var diags diag.Diagnostics
	if s.EmbeddedConfig != "" {
		diags.Append(checkFile(path.Root("embedded").AtName("config"), s.EmbeddedConfig)...)
	}
	if s.Token.Kind == tokenFile {
		diags.Append(checkFile(path.Root("token_file"), s.Token.Value)...)
	}
	return diags
}

func checkFile(at path.Path, file string) diag.Diagnostics {
	info, err := os.Stat(file)
	switch {
	case err != nil:
		return diag.Diagnostics{badFile(at, "the file cannot be read: "+err.Error())}
	case info.IsDir():
		return diag.Diagnostics{badFile(at, file+" is a folder, not a file")}
	}
	return nil
}

func badFile(at path.Path, problem string) diag.Diagnostic {
	return diag.NewAttributeErrorDiagnostic(at, "Unusable File", at.String()+": "+problem+
		". Relative paths start at the working directory; for a file of the module write \"${path.module}/FILE\".")
}
