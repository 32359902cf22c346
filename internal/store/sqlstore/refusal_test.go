// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package sqlstore

import (
	"testing"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
	"github.com/sym-identity/terraform-provider-sym/internal/store/pgtest"
)

// A refusal is an answer: it must fit the same order of events as the answers to
// writes. One write has read that nobody holds an account, and has not stored it
// yet. Meanwhile another stores the account for bob, and a third is refused
// because bob holds it. The first cannot be stored any more: it would have to
// come before the second, and the third would have found it.
func TestRefusalsFitTheOrderOfWrites(t *testing.T) {
	t.Parallel()
	s := openURL(t, pgtest.URL(t), Options{})
	// With many people between the two, so that the server does not take reading
	// about one for reading about the other.
	ann, bob := person(100_000), person(200_000)
	newcomer := func(user identity.UserKey) {
		if _, err := s.UpsertUsers(t.Context(), actor, []store.UserWrite{{Key: user}}); err != nil {
			t.Fatal(err)
		}
	}
	newcomer(ann)
	fill(t, s, 1000)
	newcomer(bob)
	if _, err := s.db.ExecContext(t.Context(), "ANALYZE"); err != nil {
		t.Fatal(err)
	}
	write := func(request string, user identity.UserKey, conditions identity.Conditions) (store.Actor, []store.UserWrite) {
		return store.Actor{Name: "ci", RequestID: request}, []store.UserWrite{{Key: user, Mappings: []store.MappingWrite{{
			Service: okta, Matcher: identity.Matcher{"user_id": "00u1"}, Source: identity.Manual, Conditions: conditions}}}}
	}
	loaded, resume, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		a, w := write("first", ann, identity.Conditions{IfUnclaimed: true})
		p, attempt := newWritePlan(a, w, s.now()), 0
		done <- s.write(t.Context(), func(tx *tx) error {
			if err := p.load(t.Context(), tx); err != nil {
				return err
			}
			if attempt++; attempt == 1 {
				close(loaded)
				<-resume
			}
			if failures := p.applyAll(); len(failures) > 0 {
				return failures[0].Err
			}
			return p.save(t.Context(), tx)
		})
	}()
	<-loaded
	upsert := func(request string, user identity.UserKey, conditions identity.Conditions) error {
		a, w := write(request, user, conditions)
		_, err := s.UpsertUsers(t.Context(), a, w)
		return err
	}
	if err := upsert("second", bob, identity.Conditions{}); err != nil {
		t.Error(err)
	}
	if err := upsert("third", ann, identity.Conditions{IfUnclaimed: true}); identity.CodeOf(err) != identity.CodeIdentityClaimed {
		t.Errorf("the third: got %v, want that bob holds it", err)
	}
	close(resume)
	if err := <-done; identity.CodeOf(err) != identity.CodeIdentityClaimed {
		t.Errorf("the first: got %v, want that bob holds it", err)
	}
}
