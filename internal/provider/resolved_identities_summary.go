// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/resolve"
)

// bulkSummary is what the answers of a bulk pass come to.
type bulkSummary struct {
	config     *bulkConfig
	answers    []resolve.Resolution // service by service, each in the order of config.users
	failed     []resolve.Resolution
	unmapped   []resolve.Resolution
	stale      []staleMapping
	retired    []resolve.Resolution // mappings, stored or declared, whose account is inactive or gone
	collisions []collision
	mapped     int
	bySource   map[resolve.Origin]int
}

// staleMapping is a stored value that rules or the service contradict.
type staleMapping struct {
	answer  resolve.Resolution
	current string // what they give now; "" = none
	reason  string
}

// reasonChanged is the reason of a stale value for which there is another one;
// the other reasons are the states of its account and those of unmapped users.
const reasonChanged = "changed"

// collision is an account that several users have or claim.
type collision struct {
	service identity.ServiceKey
	account string
	users   []identity.UserKey // sorted
}

// accountText is an identity as maps of strings hold it: the value of the
// service type's own key, which also is what tells accounts apart, else the
// whole matcher.
func accountText(matcher identity.Matcher, serviceType string) string {
	if id, ok := matcher[identity.MatcherKey(serviceType)]; ok {
		return id
	}
	return matcher.String()
}

func summarize(config *bulkConfig, answers []resolve.Resolution) *bulkSummary {
	s := &bulkSummary{config: config, answers: answers, bySource: map[resolve.Origin]int{}}
	for i := range config.services {
		of := answers[i*len(config.users) : (i+1)*len(config.users)]
		for _, a := range of {
			switch {
			case a.Err != nil:
				s.failed = append(s.failed, a)
				continue
			case a.Mapped():
				s.mapped++
				s.bySource[a.Source]++
			default:
				s.unmapped = append(s.unmapped, a)
			}
			s.noteStale(a)
		}
		s.collisions = append(s.collisions, collisionsAmong(of)...)
	}
	return s
}

func (s *bulkSummary) noteStale(a resolve.Resolution) {
	if a.Retired() {
		s.retired = append(s.retired, a)
	}
	switch {
	case a.Stale && a.Fresh != nil:
		s.stale = append(s.stale, staleMapping{a, accountText(a.Fresh, a.Service.Type), reasonChanged})
	case a.Stale && a.Retired():
		s.stale = append(s.stale, staleMapping{a, "", string(a.Account)})
	case a.Stale:
		s.stale = append(s.stale, staleMapping{a, "", string(a.FreshReason)})
	}
}

// collisionsAmong finds the accounts that several users of one service have or
// claim, sorted by account.
func collisionsAmong(answers []resolve.Resolution) []collision {
	type first struct {
		user    identity.UserKey
		account identity.Matcher
	}
	holders := make(map[string]first, len(answers))
	found := map[string]map[identity.UserKey]bool{} // claim → users; nearly always empty
	note := func(user identity.UserKey, account identity.Matcher, service identity.ServiceKey) {
		claim := account.AccountKey(service.Type)
		holder, taken := holders[claim]
		if !taken {
			holders[claim] = first{user, account}
			return
		}
		if found[claim] == nil {
			found[claim] = map[identity.UserKey]bool{holder.user: true}
		}
		found[claim][user] = true
	}
	for _, a := range answers {
		if a.Mapped() {
			note(a.User, a.Matcher, a.Service)
		}
	}
	// After those who have accounts, so that an account is spelled as it is
	// stored and not as it was found.
	for _, a := range answers {
		if a.Reason == resolve.Claimed {
			note(a.Holder, a.Candidates[0], a.Service)
			note(a.User, a.Candidates[0], a.Service)
		}
	}
	list := make([]collision, 0, len(found))
	for _, claim := range slices.Sorted(maps.Keys(found)) {
		service := answers[0].Service
		list = append(list, collision{service, accountText(holders[claim].account, service.Type), slices.Sorted(maps.Keys(found[claim]))})
	}
	return list
}

// pasteBlocks are the sym_identity blocks that map unmapped users, sorted by
// service and user, each under a name of its own.
func pasteBlocks(unmapped []resolve.Resolution) string {
	sorted := slices.Clone(unmapped)
	slices.SortFunc(sorted, func(a, b resolve.Resolution) int {
		return cmp.Or(strings.Compare(a.Service.Type, b.Service.Type), strings.Compare(a.Service.ExternalID, b.Service.ExternalID),
			strings.Compare(string(a.User), string(b.User)))
	})
	uses := map[string]int{} // of each name
	var b strings.Builder
	for _, a := range sorted {
		if a.Service.Managed() {
			continue
		}
		// Two people may have one local part, and one person is in two
		// services of a type.
		first := blockLabel(a.User, a.Service)
		name := first
		for uses[name] > 0 {
			uses[first]++
			name = fmt.Sprintf("%s_%d", first, uses[first])
		}
		uses[name]++
		_, body, _ := strings.Cut(identityBlock(a.User, a.Service, nil), "\n")
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "resource \"sym_identity\" %q {\n%s\n", name, body)
	}
	return b.String()
}
