// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

//go:build unix

package linearizability

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

// recorder keeps what clients sent and what they were answered.
type recorder struct {
	begin    time.Time
	replicas []*replica
	http     *http.Client
	ids      [people]string // of users; the same in every service
	pace     time.Duration  // between two requests of a client
	late     sync.WaitGroup
	done     atomic.Int64

	mu      sync.Mutex
	history []porcupine.Operation
	seen    map[[2]int]seen // by service and person: what a reply showed last
}

func newRecorder(replicas []*replica) *recorder {
	// Without keep-alive: the transport repeats a request that meets a dead
	// connection.
	return &recorder{begin: time.Now(), replicas: replicas, seen: map[[2]int]seen{},
		http: &http.Client{Timeout: 3 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}}
}

func email(person int) string { return fmt.Sprintf("p%d@acme.com", person) }

// user returns a request that creates a person. Repeated, it changes nothing.
func user(person int) string {
	return fmt.Sprintf(`{"users":[{"identities":[{"service_type":"sym","external_id":"cloud","matcher":{"email":%q}}]}]}`, email(person))
}

// setUp registers the services and creates the people.
func (r *recorder) setUp(t *testing.T, services int) {
	t.Helper()
	for s := range services {
		body := fmt.Sprintf(`{"service_type":"custom","external_id":"s%d"}`, s)
		r.untilDone(t, http.MethodPost, "/services", body)
	}
	for p := range people {
		text := r.untilDone(t, http.MethodPatch, "/users", user(p))
		var reply symapi.BulkReply
		if json.Unmarshal(text, &reply) != nil || len(reply.Results) != 1 {
			t.Fatalf("creating a user: %s", text)
		}
		r.ids[p] = reply.Results[0].UserID
	}
}

// untilDone sends a request until it succeeds: a busy machine may not answer in time.
func (r *recorder) untilDone(t *testing.T, method, path, body string) []byte {
	t.Helper()
	for deadline := time.Now().Add(patience); ; {
		status, text, err := r.call(t.Context(), 0, method, path, "", body)
		if err == nil && status == http.StatusOK {
			return text
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s %s: %d %s %v", method, body, status, text, err)
		}
	}
}

func (r *recorder) call(ctx context.Context, replica int, method, path, requestID, body string) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, r.replicas[replica].address()+symapi.BasePath+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	if requestID != "" {
		req.Header.Set(symapi.RequestIDHeader, requestID)
	}
	resp, err := r.http.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, bytes.TrimSpace(text), err
}

// deliver sends in once and records it. heard says whether the client hears the
// reply. It reports whether the client knows what became of the request.
func (r *recorder) deliver(ctx context.Context, client, replica int, in input, heard bool) (known bool, err error) {
	method, path, body := r.encode(in)
	begin := time.Since(r.begin)
	status, text, err := r.call(ctx, replica, method, path, fmt.Sprintf("%d-%d", in.service, in.request), body)
	end := time.Since(r.begin)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return false, nil // it was not sent
	}
	out := output{}
	if err == nil && heard {
		if out, err = r.decode(in, status, text); err != nil {
			return false, err
		}
	}
	if out.outcome == unknown {
		if in.kind == read {
			return false, nil
		}
		end = math.MaxInt64
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.history = append(r.history, porcupine.Operation{ClientId: client, Input: in, Output: out, Call: int64(begin), Return: int64(end)})
	switch {
	case in.kind == read:
		for p, s := range out.all {
			r.seen[[2]int{in.service, p}] = s
		}
	case out.outcome == conflict, out.outcome == done && in.kind == write:
		r.seen[[2]int{in.service, in.person}] = out.stored
	}
	r.done.Add(1)
	return out.outcome != unknown, nil
}

func (r *recorder) encode(in input) (method, path, body string) {
	service := fmt.Sprintf(`"service_type":"custom","external_id":"s%d"`, in.service)
	conditions := ""
	if in.ifRevision != 0 {
		conditions += fmt.Sprintf(`,"if_revision":%d`, in.ifRevision)
	}
	switch in.kind {
	case read:
		emails := make([]string, people)
		for p := range emails {
			emails[p] = strconv.Quote(email(p))
		}
		return http.MethodPost, "/users/search", `{"emails":[` + strings.Join(emails, ",") + `]}`
	case remove:
		return http.MethodPost, "/users/identities/delete", fmt.Sprintf(`{"identities":[{"user_id":%q,%s,"matcher":{"user_id":"a%d"}%s}]}`,
			r.ids[in.person], service, in.value, conditions)
	default:
		for name, set := range map[string]bool{"if_absent": in.ifAbsent, "if_unclaimed": in.ifUnclaimed} {
			if set {
				conditions += fmt.Sprintf(`,%q:true`, name)
			}
		}
		if in.assert {
			conditions += `,"source":"manual"`
		}
		return http.MethodPatch, "/users", fmt.Sprintf(`{"users":[{"identities":[{"service_type":"sym","external_id":"cloud","matcher":{"email":%q}},
			{%s,"matcher":{"user_id":"a%d"}%s}]}]}`, email(in.person), service, in.value, conditions)
	}
}

// decode reads a reply. One that the API must not give is an error.
func (r *recorder) decode(in input, status int, text []byte) (output, error) {
	refuse := fmt.Errorf("%s: %d %s", in, status, text)
	if status >= http.StatusInternalServerError || status == http.StatusTooManyRequests {
		return output{}, nil
	}
	if in.kind == read {
		var list symapi.UserList
		if status != http.StatusOK || json.Unmarshal(text, &list) != nil || len(list.Users) != people {
			return output{}, refuse
		}
		out := output{outcome: done}
		for _, u := range list.Users {
			for p := range people {
				if r.ids[p] == u.ID {
					out.all[p] = shown(in.service, u.Identities)
				}
			}
		}
		return out, nil
	}
	var reply symapi.BulkReply
	if json.Unmarshal(text, &reply) != nil || len(reply.Results) != 1 {
		return output{}, refuse
	}
	result := reply.Results[0]
	switch {
	case status == http.StatusOK && in.kind == remove && result.Deleted != nil:
		return output{outcome: done, deleted: *result.Deleted}, nil
	case status == http.StatusOK && in.kind == write && result.Record != nil:
		return output{outcome: done, stored: shown(in.service, result.Record.Identities)}, nil
	case status == http.StatusConflict && result.Code == "Identity:CONFLICT":
		out := output{outcome: conflict}
		if result.Stored != nil {
			out.stored = shown(in.service, []symapi.Identity{*result.Stored})
		}
		return out, nil
	case status == http.StatusConflict && result.Code == "Identity:CLAIMED":
		for p := range people {
			if email(p) == result.Holder {
				return output{outcome: claimed, holder: p}, nil
			}
		}
	}
	return output{}, refuse
}

// shown returns what a list of identities says of a service.
func shown(service int, identities []symapi.Identity) seen {
	for _, i := range identities {
		if i.Service.Slug == "custom" && i.Service.ExternalID == fmt.Sprintf("s%d", service) {
			n, _ := strconv.Atoi(strings.TrimPrefix(i.Matcher["user_id"], "a"))
			return seen{n, i.Revision}
		}
	}
	return seen{}
}

// request returns a random request about a service.
func (r *recorder) request(dice *rand.Rand, service, number int) input {
	in := input{service: service, request: number, person: dice.IntN(people), value: 1 + dice.IntN(people)}
	r.mu.Lock()
	last := r.seen[[2]int{service, in.person}]
	r.mu.Unlock()
	switch dice.IntN(10) {
	case 0, 1:
		in.kind = read
	case 2:
		in.ifAbsent = true
	case 3:
		in.ifAbsent, in.ifUnclaimed, in.assert = true, true, true
	case 4:
		in.ifRevision, in.assert = last.revision, true
	case 5:
		in.ifRevision, in.ifUnclaimed = last.revision, dice.IntN(2) == 0
	case 6:
		in.assert = dice.IntN(2) == 0
	case 7:
		in.ifUnclaimed = true
	default:
		in.kind, in.value = remove, max(1, last.value)
		if dice.IntN(2) == 0 {
			in.ifRevision = last.revision
		}
	}
	return in
}

// client sends requests about one service, and repeats each until it hears a
// reply or has had enough.
func (r *recorder) client(ctx context.Context, dice *rand.Rand, client, service, first, count int) error {
	for n := range count {
		time.Sleep(r.pace)
		in := r.request(dice, service, first+n)
		for range 3 {
			replica, fate := dice.IntN(len(r.replicas)), dice.IntN(20)
			if fate == 0 { // the network delivers it once more, later
				wait := time.Duration(dice.IntN(300)) * time.Millisecond
				r.late.Go(func() {
					time.Sleep(wait)
					_, _ = r.deliver(context.WithoutCancel(ctx), 100+client, replica, in, false)
				})
			}
			try, cancel := context.WithTimeout(ctx, 3*time.Second)
			if fate == 1 { // the client gives up
				cancel()
				try, cancel = context.WithTimeout(ctx, time.Duration(1+dice.IntN(20))*time.Millisecond)
			}
			known, err := r.deliver(try, client, replica, in, fate != 2)
			cancel()
			if err != nil {
				return err
			}
			if known {
				break
			}
			// Each request of unknown outcome doubles what the checker looks
			// through, so that none is sent while no write is acknowledged.
			if err := r.untilAnswered(ctx, client, service); err != nil {
				return err
			}
		}
	}
	return nil
}

// untilAnswered reads, and sends a write that changes nothing, through one replica
// and the other, until one answers both.
func (r *recorder) untilAnswered(ctx context.Context, client, service int) error {
	for n := 0; ; n++ {
		replica := n % len(r.replicas)
		known, err := r.deliver(ctx, client, replica, input{service: service, kind: read}, true)
		if err != nil {
			return err
		}
		if known {
			status, _, err := r.call(ctx, replica, http.MethodPatch, "/users", "", user(0))
			if err == nil && status == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}
