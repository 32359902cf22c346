// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

//go:build unix

// Package failover holds tests only: what two replicas of the identity API
// acknowledge, while the leader of their PostgreSQL cluster is lost.
package failover

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/server"
	"github.com/sym-identity/terraform-provider-sym/internal/store"
	"github.com/sym-identity/terraform-provider-sym/internal/store/pgtest"
	"github.com/sym-identity/terraform-provider-sym/internal/store/sqlstore"
)

var (
	runs = flag.Int("runs", 3, "how many failovers")
	seed = flag.Uint64("seed", 1, "what clients draw from")
)

var okta = identity.ServiceKey{Type: "okta", ExternalID: "acme.okta.com"}

// TestFailovers loses the leader again and again: killed, standing still, cut
// off. After each time every acknowledged write is stored, and was written once.
func TestFailovers(t *testing.T) {
	t.Parallel()
	cluster := pgtest.StartPatroni(t)
	stores, urls := make([]*sqlstore.Store, 2), make([]string, 2)
	for i := range stores {
		stores[i], urls[i] = startReplica(t, cluster.URL())
	}
	if _, err := stores[0].CreateService(t.Context(), store.Actor{Name: "ci"}, okta, "Okta"); err != nil {
		t.Fatal(err)
	}
	faults := []struct {
		name string
		lose func(int)
	}{{"killed", cluster.Kill}, {"stopped", cluster.Stop}, {"cut off", cluster.CutOff}}
	clients := make([]*client, 4)
	for i := range clients {
		clients[i] = &client{name: fmt.Sprintf("c%d", i), urls: urls, dice: rand.New(rand.NewPCG(*seed, uint64(i))), stored: map[string]string{}}
	}
	acknowledged, unknown := 0, 0
	for run := range *runs {
		fault := faults[run%len(faults)]
		// Any moment will do.
		took := loseLeader(t, cluster, clients, 7+rand.New(rand.NewPCG(*seed, uint64(run)+1000)).Int64N(100), fault.lose)
		acknowledged, unknown = 0, 0
		times := recorded(t, stores[run%2])
		for _, c := range clients {
			c.verify(t, stores[run%2], times)
			acknowledged += len(c.acknowledged)
			unknown += c.unknown
		}
		t.Logf("run %d, seed %d: the leader was %s, all well after %s; so far %d acknowledged, %d unknown", run+1, *seed, fault.name, took.Round(time.Millisecond), acknowledged, unknown)
		if t.Failed() {
			return
		}
	}
	if acknowledged < 20 || unknown == 0 {
		t.Errorf("%d acknowledged, %d unknown: the clients did too little", acknowledged, unknown)
	}
}

// loseLeader loses the leader while clients write, after as many acknowledged
// writes, and returns how long it took until all was well.
func loseLeader(t *testing.T, cluster *pgtest.Patroni, clients []*client, after int64, lose func(leader int)) time.Duration {
	t.Helper()
	leader := cluster.WaitForLeader(t)
	ctx, stop := context.WithCancel(t.Context())
	var acknowledged atomic.Int64
	var work sync.WaitGroup
	for _, c := range clients {
		work.Go(func() { c.work(ctx, t, &acknowledged) })
	}
	for acknowledged.Load() < after && !t.Failed() {
		time.Sleep(time.Millisecond)
	}
	start := time.Now()
	lose(leader)
	cluster.WaitForAnother(t, leader)
	cluster.Restore(t, leader)
	cluster.WaitForLeader(t)
	took := time.Since(start)
	stop()
	work.Wait()
	return took
}

// startReplica serves a store that a URL names until the test ends.
func startReplica(t *testing.T, storeURL string) (*sqlstore.Store, string) {
	t.Helper()
	s, err := sqlstore.Open(t.Context(), storeURL, sqlstore.Options{StatementTimeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() }) // its server may be lost
	h, err := server.New(server.Config{Org: "acme", Store: s, Authenticate: func(*http.Request) (identity.Principal, error) {
		return identity.Principal{Name: "ci", Org: "acme", Role: identity.Admin}, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	replica := httptest.NewServer(h)
	t.Cleanup(replica.Close)
	return s, replica.URL
}

// client writes mappings of people of its own. Where it does not know the
// outcome, it sends the same again until it does.
type client struct {
	name string
	urls []string
	dice *rand.Rand

	next         int
	stored       map[string]string // e-mail → identity; "" if it was deleted
	acknowledged []string          // identities
	unknown      int
}

// work writes until ctx ends, and finishes what it has begun.
func (c *client) work(ctx context.Context, t *testing.T, acknowledged *atomic.Int64) {
	for ctx.Err() == nil && !t.Failed() {
		email := fmt.Sprintf("%s.%d@acme.example", c.name, c.dice.IntN(c.next/4+1))
		if was := c.stored[email]; was != "" && c.dice.IntN(4) == 0 {
			c.remove(t, email, was)
			continue
		}
		c.next++
		value := fmt.Sprintf("00u%sx%d", c.name, c.next)
		for again := range 2 { // what is acknowledged once is again
			if again == 0 || c.dice.IntN(2) == 0 {
				c.untilKnown(t, "PATCH", "users", fmt.Sprintf(`{"users":[{"identities":[
					{"service_type":"sym","external_id":"cloud","matcher":{"email":%q}},
					{"service_type":"okta","external_id":"acme.okta.com","matcher":{"user_id":%q}}]}]}`, email, value))
			}
		}
		c.stored[email] = value
		c.acknowledged = append(c.acknowledged, value)
		acknowledged.Add(1)
	}
}

func (c *client) remove(t *testing.T, email, value string) {
	var found struct {
		Users []struct {
			ID string `json:"id"`
		} `json:"users"`
	}
	reply := c.untilKnown(t, "GET", "users?email="+url.QueryEscape(email), "")
	if err := json.Unmarshal(reply, &found); err != nil || len(found.Users) != 1 {
		t.Errorf("%s has a mapping and is not found: %s", email, reply)
		return
	}
	c.untilKnown(t, "POST", "users/identities/delete", fmt.Sprintf(
		`{"identities":[{"user_id":%q,"service_type":"okta","external_id":"acme.okta.com","matcher":{"user_id":%q}}]}`, found.Users[0].ID, value))
	c.stored[email] = ""
}

// untilKnown sends a request until it succeeds, to any replica. Sometimes it does
// not wait for the reply.
func (c *client) untilKnown(t *testing.T, method, path, body string) []byte {
	for deadline := time.Now().Add(3 * time.Minute); time.Now().Before(deadline); {
		patience := 8 * time.Second
		if c.dice.IntN(5) == 0 {
			patience = time.Duration(1+c.dice.IntN(30)) * time.Millisecond
		}
		status, reply, err := c.send(t, patience, method, path, body)
		switch {
		case err == nil && status == http.StatusOK:
			return reply
		case err == nil && status < 500:
			t.Errorf("%s %s: %d %s", method, path, status, reply)
			return reply
		}
		c.unknown++
	}
	t.Errorf("%s %s: no answer in three minutes", method, path)
	return nil
}

func (c *client) send(t *testing.T, patience time.Duration, method, path, body string) (status int, reply []byte, err error) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, c.urls[c.dice.IntN(len(c.urls))]+"/api/v1/"+path, bytes.NewBufferString(body))
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Authorization", "Bearer t")
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	var b bytes.Buffer
	_, err = b.ReadFrom(response.Body)
	return response.StatusCode, b.Bytes(), err
}

// recorded returns how often the history says that an identity was stored.
func recorded(t *testing.T, s *sqlstore.Store) map[string]int {
	t.Helper()
	changes, _, err := s.History(t.Context(), store.HistoryFilter{Service: okta})
	if err != nil {
		t.Error(err)
	}
	times := map[string]int{}
	for _, change := range changes {
		if change.After != nil {
			times[change.After.Matcher["user_id"]]++
		}
	}
	return times
}

// verify compares what the client knows with the store and its history.
func (c *client) verify(t *testing.T, s *sqlstore.Store, times map[string]int) {
	t.Helper()
	var keys []identity.UserKey
	for email := range c.stored {
		keys = append(keys, identity.UserKey(email))
	}
	users, err := s.FindUsers(t.Context(), keys)
	if err != nil || len(users) != len(keys) {
		t.Errorf("%s: got %d of %d people, %v", c.name, len(users), len(keys), err)
	}
	for _, u := range users {
		got := ""
		for _, m := range u.Mappings {
			got = m.Matcher["user_id"]
		}
		if want := c.stored[string(u.Key)]; got != want {
			t.Errorf("%s has %q, acknowledged was %q", u.Key, got, want)
		}
	}
	for _, value := range c.acknowledged {
		if times[value] != 1 {
			t.Errorf("%s was acknowledged and is in the history %d times", value, times[value])
		}
	}
}
