// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package precision

import (
	"strings"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
)

// rule is how another tool picks an account by address, as its documentation or
// its source describes it. None of them looks at states.
type rule struct {
	name string
	// prepare returns a function that names the account of a person, "" for none.
	prepare func(accounts []directory.Account) func(person) string
}

func others() []rule {
	return []rule{
		{"the first hit of a search", firstHit},
		{"equal local part", equalLocalPart},
		{"the last one with the address wins", lastWins},
		{"equal address, with case", caseSensitive},
		{"any shared address", sharedAddress},
	}
}

// index returns a rule that keeps one account for each key.
func index(accounts []directory.Account, last bool, keys func(directory.Account) []string, key func(person) string) func(person) string {
	at := map[string]string{}
	for _, a := range accounts {
		for _, k := range keys(a) {
			if _, taken := at[k]; k != "" && (last || !taken) {
				at[k] = a.Identity
			}
		}
	}
	return func(p person) string { return at[key(p)] }
}

func email(p person) string { return p.email }

// firstHit takes the first row of a search that finds parts of addresses and
// ignores case as Unicode folds it.
func firstHit(accounts []directory.Account) func(person) string {
	return index(accounts, false, func(a directory.Account) []string {
		var parts []string
		for _, address := range a.Emails() {
			address = fold(address)
			for i := range address { // people are asked for by whole domains
				parts = append(parts, address[i:])
				if address[i] == '@' {
					break
				}
			}
		}
		return parts
	}, email)
}

// fold lower-cases as Unicode does: the Kelvin sign becomes a k.
func fold(s string) string { return strings.ToLower(s) }

// equalLocalPart compares what stands before the @, and the sign-in name.
func equalLocalPart(accounts []directory.Account) func(person) string {
	return index(accounts, false, func(a directory.Account) []string {
		keys := []string{local(a.SignIn)}
		for _, address := range a.Addresses {
			if address.Kind == directory.Primary {
				keys = append(keys, local(address.Email))
			}
		}
		return keys
	}, func(p person) string { return p.local })
}

func local(address string) string {
	name, _, _ := strings.Cut(fold(address), "@")
	return name
}

// lastWins fills a map from addresses to accounts in the order of the list.
func lastWins(accounts []directory.Account) func(person) string {
	return index(accounts, true, func(a directory.Account) []string { return []string{fold(a.Emails()[0])} }, email)
}

// caseSensitive takes the first account whose own address is equal byte by byte.
func caseSensitive(accounts []directory.Account) func(person) string {
	return index(accounts, false, func(a directory.Account) []string { return []string{a.Emails()[0]} }, email)
}

// sharedAddress merges a person with the first account that has any address in
// common.
func sharedAddress(accounts []directory.Account) func(person) string {
	return index(accounts, false, func(a directory.Account) []string {
		var keys []string
		for _, address := range a.Emails() {
			keys = append(keys, fold(address))
		}
		return keys
	}, email)
}
