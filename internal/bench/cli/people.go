// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
)

// person is one of those that the benchmarks map.
type person struct{ email, account string }

func people(n int) []person {
	all := make([]person, n)
	for i := range all {
		all[i] = person{fmt.Sprintf("person.%06d@acme.com", i), fmt.Sprintf("00u%06d", i)}
	}
	return all
}

// peopleLocal is the local that maps e-mails to accounts, in the form that costs
// Terraform least: a list or map in HCL or JSON is an object to Terraform at
// first, and turning one of 10,000 elements into a map takes seconds, which
// would hide what the provider costs. It is a local because an expression in
// for_each is evaluated for each instance.
const peopleLocal = "locals {\n  people = zipmap(split(\",\", file(\"emails.txt\")), split(\",\", file(\"accounts.txt\")))\n}\n"

// writePeople writes the files of peopleLocal.
func (w *workspace) writePeople(people []person) error {
	var emails, accounts []string
	for _, p := range people {
		emails, accounts = append(emails, p.email), append(accounts, p.account)
	}
	return errors.Join(
		w.write("emails.txt", strings.Join(emails, ",")),
		w.write("accounts.txt", strings.Join(accounts, ",")))
}

// asCSV is people as a file directory reads them.
func asCSV(people []person) string {
	var text strings.Builder
	text.WriteString("email,id\n")
	for _, p := range people {
		fmt.Fprintf(&text, "%s,%s\n", p.email, p.account)
	}
	return text.String()
}

// asUsers are people as the store keeps them; mapped says who has an account
// of the service.
func asUsers(people []person, service identity.ServiceKey, mapped func(i int) bool) []store.UserWrite {
	users := make([]store.UserWrite, len(people))
	for i, p := range people {
		users[i] = store.UserWrite{Key: identity.UserKey(p.email), Name: p.email}
		if mapped(i) {
			users[i].Mappings = []store.MappingWrite{{Service: service, Matcher: identity.NewMatcher(service.Type, p.account), Source: identity.Manual}}
		}
	}
	return users
}

// fromFloor is the head of a configuration that uses the bare provider.
const fromFloor = "terraform {\n  required_providers {\n    floor = {\n      source = \"sym-identity/floor\"\n    }\n  }\n}\n"

// count is a number as rows write it.
func count(n int) string { return number(float64(n), "") }
