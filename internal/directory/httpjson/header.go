// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package httpjson

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/sym-identity/terraform-provider-sym/internal/redact"
)

// parseHeaders returns the headers and what of them may not be shown:
// everything but the values of headers that never hold a credential.
func parseHeaders(settings map[string]string) (http.Header, []string, error) {
	header, secret := http.Header{}, http.Header{}
	for name, value := range settings {
		key := http.CanonicalHeaderKey(name)
		switch {
		case name == "" || strings.ContainsFunc(name, func(c rune) bool { return !tokenRune(c) }):
			return nil, nil, fmt.Errorf("%q is not a header name", name)
		case strings.ContainsFunc(value, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }):
			return nil, nil, fmt.Errorf("the value of %s holds a line break or another control character", name)
		case header.Values(key) != nil:
			return nil, nil, fmt.Errorf("%s is given twice; header names have no case", key)
		case key == "Host" || key == "Content-Length" || key == "Transfer-Encoding" || key == "Connection":
			return nil, nil, fmt.Errorf("%s is not for the configuration to set", key)
		}
		header.Set(key, value)
		switch key {
		case "Accept", "Accept-Language", "Content-Type", "User-Agent":
		default:
			secret.Set(key, value)
		}
	}
	return header, redact.HeaderSecrets(secret), nil
}

// tokenRune reports whether RFC 9110 allows c in a header's name.
func tokenRune(c rune) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.ContainsRune("!#$%&'*+-.^_`|~", c)
}
