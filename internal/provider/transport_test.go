// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"
)

// TestTransport_TLS: a private CA is accepted when named, and a client
// certificate is shown.
func TestTransport_TLS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	certFile, keyFile, clientCert := clientCertificate(t, dir)
	clients := x509.NewCertPool()
	clients.AddCert(clientCert)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"org":"acme","role":"admin","name":"ci","services":[{"id":"1","slug":"okta","external_id":"acme.okta.com","label":""}]}`))
	}))
	srv.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients}
	srv.Config.ErrorLog = nil
	srv.StartTLS()
	t.Cleanup(srv.Close)
	caFile := filepath.Join(dir, "ca.pem")
	writeFile(t, caFile, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})))

	tests := map[string]struct {
		settings map[string]any
		want     []string
	}{
		"everything named": {settings: map[string]any{"ca_cert_file": caFile, "client_cert_file": certFile, "client_key_file": keyFile}},
		"insecure":         {settings: map[string]any{"insecure": true, "client_cert_file": certFile, "client_key_file": keyFile}},
		"unknown CA":       {settings: map[string]any{"client_cert_file": certFile, "client_key_file": keyFile}, want: []string{"certificate signed by unknown authority … ca_cert_file"}},
		"no certificate":   {settings: map[string]any{"ca_cert_file": caFile}, want: []string{"Unable to Connect … certificate required"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := map[string]any{"api_url": srv.URL + "/api/v1", "token": testToken, "max_retries": 0}
			for k, v := range tt.settings {
				config[k] = v
			}
			p := newProtocolServer(t, nil, nil)
			for _, d := range p.configure(config) {
				if config["insecure"] == nil {
					t.Errorf("configuring: %s", describeDiagnostic(d))
				}
			}
			_, diags := p.read("sym_service", oktaServiceState())
			wantDiagnostics(t, diags, tt.want...)
		})
	}
}

func clientCertificate(t *testing.T, dir string) (certFile, keyFile string, cert *x509.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyRaw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	if cert, err = x509.ParseCertificate(raw); err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(dir, "client.pem"), filepath.Join(dir, "client.key")
	writeFile(t, certFile, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw})))
	writeFile(t, keyFile, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyRaw})))
	return certFile, keyFile, cert
}
