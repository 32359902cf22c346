// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package identity

// Write asks for one mapping to be stored.
type Write struct {
	UserID  string  // known id of the user; "" where only the name is known
	User    UserKey // who it is for; an unknown person is created, an unknown bot is an error
	Name    string  // the user's own spelling of the name; "" = as User
	Service ServiceKey
	Matcher Matcher
	Source  Source // "" = Manual
	Rule    string
	Conditions
}

// Delete asks for one mapping to be removed if it still is what Matcher says.
type Delete struct {
	UserID     string
	User       UserKey
	Service    ServiceKey
	Matcher    Matcher
	IfRevision int64 // 0 asks nothing
}
