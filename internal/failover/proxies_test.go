// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

//go:build unix

package failover

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/sym-identity/terraform-provider-sym/internal/store"
	"github.com/sym-identity/terraform-provider-sym/internal/store/pgtest"
)

// TestBehindProxies reaches the cluster through HAProxy, which follows the
// primary, and through a pooler in front of it. The leader hands over in order,
// and then is killed: every acknowledged write is stored, once.
func TestBehindProxies(t *testing.T) {
	t.Parallel()
	cluster := pgtest.StartPatroni(t)
	proxied := pgtest.PooledURL(t, cluster.URL(), cluster.StartHAProxy(t))
	direct, url := startReplica(t, proxied)
	_, pooled := startReplica(t, pgtest.StartPgBouncer(t, proxied, "transaction"))
	if _, err := direct.CreateService(t.Context(), store.Actor{Name: "ci"}, okta, "Okta"); err != nil {
		t.Fatal(err)
	}
	clients := make([]*client, 4)
	for i := range clients {
		clients[i] = &client{name: fmt.Sprintf("p%d", i), urls: []string{url, pooled}, dice: rand.New(rand.NewPCG(*seed, uint64(100+i))), stored: map[string]string{}}
	}
	for name, lose := range map[string]func(int){
		"switched over": func(leader int) { cluster.Switchover(t, leader) },
		"killed":        cluster.Kill,
	} {
		loseLeader(t, cluster, clients, 20, lose)
		acknowledged := 0
		for _, c := range clients {
			c.verify(t, direct, recorded(t, direct))
			acknowledged += len(c.acknowledged)
		}
		if t.Logf("the leader was %s; so far %d acknowledged", name, acknowledged); acknowledged < 20 {
			t.Error("the clients did too little")
		}
		if t.Failed() {
			return
		}
	}
}
