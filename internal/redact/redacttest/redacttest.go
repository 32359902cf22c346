// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// Package redacttest holds what tests need that look for secrets in texts.
package redacttest

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"strconv"
	"strings"
)

// Encodings returns the ways in which a service may repeat a secret that it was
// sent, by name.
func Encodings(secret string) map[string]string {
	inJSON, _ := json.Marshal(secret)
	raw := []byte(secret)
	var every, entities, units strings.Builder
	for _, c := range raw {
		fmt.Fprintf(&every, "%%%02x", c)
	}
	for _, c := range secret {
		fmt.Fprintf(&entities, "&#%d;", c)
		fmt.Fprintf(&units, `\u%04X`, c)
	}
	all := map[string]string{
		"raw": secret, "quoted": fmt.Sprintf("%q", secret), "JSON": string(inJSON), "JSON with \\/": strings.ReplaceAll(string(inJSON), "/", `\/`),
		"query": url.QueryEscape(secret), "path": url.PathEscape(secret), "lower-case escapes": strings.ToLower(url.QueryEscape("/")) + url.PathEscape(secret),
		"every byte escaped": every.String(), "entities": entities.String(), "code units": units.String(), "HTML": html.EscapeString(secret),
		"hex": hex.EncodeToString(raw), "upper-case hex": strings.ToUpper(hex.EncodeToString(raw)),
		"escaped twice": url.QueryEscape(url.QueryEscape(secret)), "JSON in a URL": url.QueryEscape(string(inJSON)), "JSON in JSON": strconv.Quote(string(inJSON)),
		"base64 in a URL": url.QueryEscape(base64.StdEncoding.EncodeToString(raw)),
	}
	for offset := range 3 {
		text := []byte("me:"[:offset] + secret)
		all[fmt.Sprintf("base64 at %d", offset)] = base64.StdEncoding.EncodeToString(text)
		all[fmt.Sprintf("URL base64 at %d", offset)] = base64.RawURLEncoding.EncodeToString(text)
	}
	return all
}

// Told returns the encodings of a secret that a text holds, and the halves of it.
func Told(text, secret string) []string {
	var told []string
	for name, encoded := range Encodings(secret) {
		if strings.Contains(text, encoded) {
			told = append(told, name)
		}
	}
	half := len(secret) / 2
	if strings.Contains(text, secret[:half]) || strings.Contains(text, secret[half:]) {
		told = append(told, "half")
	}
	return told
}
