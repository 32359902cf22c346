// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package directorytest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// Slice returns a page of people from start, of at most size and of at most
// PageSize, the start of the next page, and whether there is one.
func (w World) Slice(people []Person, start, size int) (page []Person, next int, more bool) {
	if w.PageSize > 0 {
		size = min(size, w.PageSize)
	}
	next = start + size
	if w.Repeats {
		return people[:min(size, len(people))], next, true
	}
	start = min(max(start, 0), len(people))
	end := min(start+size, len(people))
	return people[start:end], end, end < len(people)
}

// Holders returns the people who have an address. It compares without the case
// of Unicode, as many services do: the Kelvin sign finds a k.
func (w World) Holders(email string) []Person {
	var found []Person
	for _, p := range w.People {
		if slices.ContainsFunc(p.Emails, func(a string) bool { return strings.EqualFold(a, email) }) {
			found = append(found, p)
		}
	}
	return found
}

// Containing returns the people with an address that contains text, as a
// substring search finds them.
func (w World) Containing(text string) []Person {
	var found []Person
	for _, p := range w.People {
		if slices.ContainsFunc(p.Emails, func(a string) bool { return strings.Contains(identity.FoldASCII(a), identity.FoldASCII(text)) }) {
			found = append(found, p)
		}
	}
	return found
}

// SendJSON answers a request of a fake.
func SendJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// Origin returns the scheme and host that a request of a fake was sent to.
func Origin(r *http.Request) string {
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}
