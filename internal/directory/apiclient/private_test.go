// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package apiclient

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
)

func TestPublic(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]bool{
		"8.8.8.8": true, "93.184.216.34": true, "2606:4700::1111": true, "172.32.0.1": true, "100.128.0.1": true, "64:ff9b::808:808": true,

		"127.0.0.1": false, "127.9.9.9": false, "10.1.2.3": false, "172.16.0.1": false, "192.168.1.1": false, "169.254.169.254": false,
		"100.64.0.1": false, "100.127.255.255": false, "0.0.0.0": false, "0.1.2.3": false, "224.0.0.1": false, "239.1.1.1": false,
		"255.255.255.255": false, "240.0.0.1": false, "198.18.0.1": false, "192.0.0.1": false,
		"::1": false, "::": false, "fe80::1": false, "fe80::1%eth0": false, "fc00::1": false, "fd12::1": false, "ff02::1": false, "fec0::1": false,
		"::ffff:127.0.0.1": false, "::ffff:10.0.0.1": false, "::ffff:8.8.8.8": true, "::7f00:1": false,
		"64:ff9b::7f00:1": false, "64:ff9b::a00:1": false, "2002:7f00:1::": false, "2002:808:808::": true, "64:ff9b:1::1": false,
	} {
		if got := public(netip.MustParseAddr(address)); got != want {
			t.Errorf("public(%s) = %t, want %t", address, got, want)
		}
		err := controlPublic("tcp", netip.AddrPortFrom(netip.MustParseAddr(address), 443).String(), nil)
		if errors.Is(err, errNotPublic) == want {
			t.Errorf("controlPublic(%s): %v", address, err)
		}
	}
	if err := controlPublic("tcp", "example.com:443", nil); !errors.Is(err, errNotPublic) {
		t.Errorf("controlPublic of a name: %v, want it refused", err)
	}
}

// FuzzRedact: whatever a service says around it, no form of a secret stays.
func FuzzRedact(f *testing.F) {
	f.Add("key/with+odd=chars", "it said ", " at noon")
	f.Add("aaaa", "aaa", "aaaa")
	f.Add("[secret]", "", "x")
	f.Add("user:hunter22", "", "")
	f.Fuzz(func(t *testing.T, secret, before, after string) {
		if len(secret) < shortestSecret || strings.ContainsAny(secret, "[]") {
			return // cannot be told from the blot itself
		}
		r := newRedactor([]string{secret})
		for _, form := range []string{secret, url.QueryEscape(secret), base64.StdEncoding.EncodeToString([]byte(secret))} {
			if got := r.text(before + form + after); strings.Contains(got, secret) && !strings.Contains(before+"[secret]"+after, secret) {
				t.Errorf("%q still holds %q", got, secret)
			}
		}
	})
}

// What cannot be seen is left out of errors, so that it must not keep the parts
// of a secret apart until then.
func TestClipBlotsOutBrokenSecrets(t *testing.T) {
	t.Parallel()
	const secret = `tok/123 "456"`
	r := newRedactor([]string{secret})
	quoted, err := json.Marshal(secret)
	if err != nil {
		t.Fatal(err)
	}
	for _, form := range []string{secret, string(quoted), url.QueryEscape(secret), base64.StdEncoding.EncodeToString([]byte(secret))} {
		for _, unseen := range []string{"\xaa", "\x00", "\u200b", "\ufffd"} {
			text := "it said " + form[:4] + unseen + form[4:]
			if got := r.clip(text, 1000); !strings.Contains(got, "[secret]") {
				t.Errorf("%q became %q", text, got)
			}
		}
	}
}

func TestHeaderSecrets(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ value, text string }{
		"bearer":    {"Bearer tok-123456", "bad token tok-123456!"},
		"own":       {"SSWS tok-123456", "SSWS tok-123456"},
		"parameter": {`Token token="tok-123456"`, "token tok-123456"},
		"bare":      {"tok-123456", `{"key":"tok-123456"}`},
		"basic":     {"Basic " + base64.StdEncoding.EncodeToString([]byte("me:tok-123456")), "password tok-123456"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := newRedactor(HeaderSecrets(http.Header{"Authorization": {tc.value}})).text(tc.text)
			if strings.Contains(got, "123456") {
				t.Errorf("%q still shows the secret", got)
			}
		})
	}
}
