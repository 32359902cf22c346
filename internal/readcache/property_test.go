// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package readcache

import (
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/sym-identity/terraform-provider-sym/internal/client"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// Whatever a single caller does, a Reader gives what the API would.
func TestReaderIsLikeTheAPI(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var names []string
		for i := range rapid.IntRange(0, 60).Draw(t, "stored") {
			names = append(names, fmt.Sprintf("p%02d@acme.com", i))
		}
		f := newFakeAPI(names...)
		r := New(f)
		r.finds.expected = 1 // nobody else comes
		if rapid.Bool().Draw(t, "snapshot") {
			ask(&r.policy, people(enoughReads))
		}
		ctx := context.Background()
		name := rapid.Custom(func(t *rapid.T) string { return fmt.Sprintf("p%02d@acme.com", rapid.IntRange(0, 65).Draw(t, "n")) })
		value := rapid.Custom(func(t *rapid.T) string { return fmt.Sprintf("00u-%s", name.Draw(t, "of")) })
		service := rapid.SampledFrom([]identity.ServiceKey{okta, github})
		fail := func(t *rapid.T) {
			f.before, f.after = nil, nil
			broken := func(context.Context, string, int) error { return identity.UnknownUser("lost@acme.com") }
			switch rapid.SampledFrom([]string{"", "", "", "before", "after"}).Draw(t, "fail") {
			case "before":
				f.before = broken
			case "after":
				f.after = broken
			}
		}
		same := func(t *rapid.T, want, got any, wantErr, err error) {
			t.Helper()
			if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" || wantErr != nil || err != nil {
				t.Fatalf("%v, %v (-API +Reader):\n%s", wantErr, err, diff)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"find": func(t *rapid.T) {
				asked := keys(rapid.SliceOfN(name, 0, 6).Draw(t, "names")...)
				want, wantErr := f.FindUsers(ctx, identity.Distinct(asked))
				got, err := r.FindUsers(ctx, asked)
				same(t, want, got, wantErr, err)
			},
			"holders": func(t *rapid.T) {
				s, claims := service.Draw(t, "service"), identity.Distinct(rapid.SliceOfN(value, 0, 4).Draw(t, "claims"))
				want, wantErr := f.Holders(ctx, s, identity.Named(claims...))
				got, err := r.Holders(ctx, s, identity.Named(claims...))
				same(t, want, got, wantErr, err)
			},
			"all": func(t *rapid.T) {
				stop := rapid.IntRange(1, 200).Draw(t, "stop")
				take := func(all iter.Seq2[identity.User, error]) (out []identity.User) {
					for u, err := range all {
						if err != nil {
							t.Fatal(err)
						}
						if out = append(out, u); len(out) == stop {
							break
						}
					}
					return out
				}
				same(t, take(f.AllUsers(ctx)), take(r.AllUsers(ctx)), nil, nil)
			},
			"by id": func(t *rapid.T) {
				id := "id of " + name.Draw(t, "name")
				want, wantErr := f.UserByID(ctx, id)
				got, err := r.UserByID(ctx, id)
				same(t, want, got, wantErr, err)
			},
			"write": func(t *rapid.T) {
				fail(t)
				var writes []identity.Write
				for range rapid.IntRange(1, 3).Draw(t, "writes") {
					w := write(name.Draw(t, "name"), service.Draw(t, "service"), value.Draw(t, "value"))
					w.IfAbsent = rapid.Bool().Draw(t, "absent")
					writes = append(writes, w)
				}
				_, _ = r.Write(ctx, writes)
				f.before, f.after = nil, nil
			},
			"delete": func(t *rapid.T) {
				fail(t)
				n, s := name.Draw(t, "name"), service.Draw(t, "service")
				m, _ := f.users[identity.UserKey(n)].Mapping(s)
				_, _ = r.Delete(ctx, []identity.Delete{{User: identity.UserKey(n), Service: s, Matcher: m.Matcher}})
				f.before, f.after = nil, nil
			},
			"upsert": func(t *rapid.T) {
				fail(t)
				w := client.UserWrite{Name: name.Draw(t, "name")}
				if _, taken := f.users[identity.UserKey(w.Name)]; !taken && rapid.Bool().Draw(t, "rename") {
					w.ID = "id of " + name.Draw(t, "before")
				}
				_, _ = r.UpsertUser(ctx, w)
				f.before, f.after = nil, nil
			},
			"role": func(t *rapid.T) {
				fail(t)
				_, _ = r.SetRole(ctx, "id of "+name.Draw(t, "name"), rapid.SampledFrom([]identity.Role{identity.Admin, identity.Guest}).Draw(t, "role"))
				f.before, f.after = nil, nil
			},
			"remove": func(t *rapid.T) {
				fail(t)
				gone := name.Draw(t, "name")
				_, _ = r.DeleteUsers(ctx, []identity.User{{Key: identity.KeyOf(gone), Name: gone}})
				f.before, f.after = nil, nil
			},
		})
	})
}

// Hundreds of callers, writes that overlap and answers that come late: what a
// read shows is never older than a write that ended, or what another read
// showed, before it began.
func TestReadsShowEarlierWrites(t *testing.T) {
	t.Parallel()
	for seed := range uint64(30) {
		synctest.Test(t, func(t *testing.T) {
			names := people(8)
			f := newFakeAPI(names...)
			var mu sync.Mutex
			rng := rand.New(rand.NewPCG(seed, 1))
			pick := func(n int) int {
				mu.Lock()
				defer mu.Unlock()
				return rng.IntN(n)
			}
			late := func(ctx context.Context, call string, _ int) error {
				if pick(20) == 0 && call != "Lookup" {
					return identity.UnknownUser("lost@acme.com") // before or after it was done
				}
				return sleep(ctx, time.Duration(pick(20))*time.Millisecond)
			}
			f.before, f.after = late, late
			r := New(f)
			acked := map[string]int64{} // the newest revision anybody was told of, by user and service
			seen := func(where string, revision int64) {
				mu.Lock()
				defer mu.Unlock()
				acked[where] = max(acked[where], revision)
			}
			known := func(where string) int64 {
				mu.Lock()
				defer mu.Unlock()
				return acked[where]
			}
			services := []identity.ServiceKey{okta, github}
			each(make([]int, 600), 40, func(int) {
				time.Sleep(time.Duration(pick(10)) * time.Millisecond)
				name, service := names[pick(len(names))], services[pick(2)]
				where := service.String() + name
				atLeast := known(where)
				ctx := t.Context()
				if pick(10) == 0 {
					short, cancel := context.WithTimeout(ctx, time.Duration(pick(15))*time.Millisecond)
					defer cancel()
					ctx = short
				}
				switch pick(8) {
				case 0, 1, 2:
					users, err := r.Write(ctx, []identity.Write{write(name, service, fmt.Sprint(pick(1000)))})
					if err == nil {
						m, _ := users[0].Mapping(service)
						seen(where, m.Revision)
					}
				case 3:
					holders, err := r.Holders(ctx, service, identity.Named("00u-"+name))
					at := slices.IndexFunc(holders, func(h identity.Holder) bool { return string(h.User) == name })
					if err == nil && at >= 0 && holders[at].Mapping.Revision < atLeast {
						t.Errorf("seed %d: holder of revision %d, written was %d", seed, holders[at].Mapping.Revision, atLeast)
					}
				case 4:
					for u, err := range r.AllUsers(ctx) {
						if m, _ := u.Mapping(service); err == nil && u.Name == name && m.Revision < atLeast {
							t.Errorf("seed %d: revision %d of all, written was %d", seed, m.Revision, atLeast)
						}
					}
				default:
					users, err := r.FindUsers(ctx, keys(name))
					if err != nil {
						return
					}
					m, _ := users[0].Mapping(service)
					if m.Revision < atLeast {
						t.Errorf("seed %d: revision %d, written was %d", seed, m.Revision, atLeast)
					}
					seen(where, m.Revision)
				}
			})
			synctest.Wait()
			if r.finds.underway != 0 || len(r.finds.flights) != 0 || len(r.cache.writing) != 0 {
				t.Errorf("something is left behind: %d requests, %d questions, %d writes", r.finds.underway, len(r.finds.flights), len(r.cache.writing))
			}
		})
	}
}
