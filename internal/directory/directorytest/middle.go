// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package directorytest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/directory"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// inMiddle is somebody in the middle of the list of long, inList their number.
const (
	inMiddle = "p13@example.com"
	inList   = 24
)

// long returns a world of people in pages of two.
func (tr *trial) long(people int) World {
	w := World{PageSize: 2}
	for n := range people {
		w.People = append(w.People, Person{ID: tr.subject.id(n + 100), Emails: []string{fmt.Sprintf("p%d@example.com", n)}})
	}
	return w
}

// edited passes what the fake answers to edit, one answer at a time. edit returns
// true if it answered itself.
func edited(edit func(w http.ResponseWriter, answer *httptest.ResponseRecorder) bool) fault {
	var mu sync.Mutex
	return func(_ int, w http.ResponseWriter, r *http.Request, fake http.Handler) {
		mu.Lock()
		defer mu.Unlock()
		answer := httptest.NewRecorder()
		fake.ServeHTTP(answer, r)
		if !edit(w, answer) {
			sendRecorded(w, answer)
		}
	}
}

func sendRecorded(w http.ResponseWriter, answer *httptest.ResponseRecorder) {
	maps.Copy(w.Header(), answer.Header())
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes())
}

// troubled has trouble answer the first times requests for the page in the middle,
// all of them if times is negative.
func troubled(times int, trouble func(http.ResponseWriter)) fault {
	return edited(func(w http.ResponseWriter, answer *httptest.ResponseRecorder) bool {
		if times == 0 || !strings.Contains(answer.Body.String(), inMiddle) {
			return false
		}
		times--
		trouble(w)
		return true
	})
}

// replaced has another fake answer once the page in the middle was sent.
func replaced(by http.Handler) fault {
	sent := false
	before := edited(func(_ http.ResponseWriter, answer *httptest.ResponseRecorder) bool {
		sent = strings.Contains(answer.Body.String(), inMiddle)
		return false
	})
	var mu sync.Mutex
	return func(n int, w http.ResponseWriter, r *http.Request, fake http.Handler) {
		mu.Lock()
		defer mu.Unlock()
		if sent {
			by.ServeHTTP(w, r)
			return
		}
		before(n, w, r, fake)
	}
}

// count matches the number of rows of the long list in JSON.
var count = regexp.MustCompile(fmt.Sprintf(`(:\s*)%d\b`, inList))

// miscounted says that the long list has another number of rows.
func miscounted(rows int) fault {
	return edited(func(_ http.ResponseWriter, answer *httptest.ResponseRecorder) bool {
		for name, values := range answer.Header() {
			if values[0] == strconv.Itoa(inList) {
				answer.Header().Set(name, strconv.Itoa(rows))
			}
		}
		answer.Body = bytes.NewBuffer(count.ReplaceAll(answer.Body.Bytes(), fmt.Appendf(nil, "${1}%d", rows)))
		return false
	})
}

// walk walks the long list for the last people in it.
func (tr *trial) walk(f fault, last int) ([]identity.LookupResult, error) {
	tr.Helper()
	w := tr.long(inList)
	var emails []string
	for _, p := range w.People[inList-last:] {
		emails = append(emails, p.Emails[0])
	}
	return tr.lookup(tr.Context(), w, f, emails...)
}

// wantAll walks the long list and expects its last people to be found.
func (tr *trial) wantAll(f fault, last int) {
	tr.Helper()
	answers, err := tr.walk(f, last)
	if err != nil {
		tr.Errorf("Lookup: %v", err)
	}
	for _, a := range answers {
		if a.Status != identity.Found {
			tr.Errorf("Lookup: %+v, want found", a)
		}
	}
}

func testFailsInMiddle(tr *trial) {
	if tr.way.name != ByWalk {
		return // a lookup has one page
	}
	fails := func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadGateway) }
	tr.wantAll(troubled(1, fails), 1)
	if got, err := tr.walk(troubled(-1, fails), 1); !errors.Is(err, directory.ErrUnavailable) {
		tr.Errorf("Lookup = %+v, %v, want ErrUnavailable", got, err)
	}
}

func testLimitedInMiddle(tr *trial) {
	if tr.way.name != ByWalk {
		return
	}
	limit := func(wait time.Duration) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) { tr.subject.limit(w, wait) }
	}
	const wait = 7 * time.Second
	tr.wantAll(troubled(1, limit(wait)), 1)
	if slept := tr.clock.Slept(); slept < wait {
		tr.Errorf("the client waited %s, want at least the %s that the service asked for", slept, wait)
	}
	var limited *directory.RateLimitError
	if got, err := tr.walk(troubled(-1, limit(time.Hour)), 1); !errors.As(err, &limited) {
		tr.Errorf("Lookup = %+v, %v, want a *RateLimitError", got, err)
	}
}

// testShortPages has pages of one row follow pages of two. Where pages are
// numbered, others come again then, which must show.
func testShortPages(tr *trial) {
	if tr.way.name != ByWalk {
		return
	}
	w := tr.long(inList)
	w.PageSize = 1
	answers, err := tr.walk(replaced(tr.subject.Fake(w)), 1)
	if err == nil && answers[0].Status != identity.Found || err != nil && !errors.Is(err, directory.ErrUnavailable) {
		tr.Errorf("Lookup = %+v, %v, want found or ErrUnavailable", answers, err)
	}
}

// testMovingList has somebody leave in the middle of a walk, so that others move to
// pages that were read before.
func testMovingList(tr *trial) {
	if tr.way.name != ByWalk {
		return
	}
	w := tr.long(inList)
	w.People = w.People[1:]
	tr.wantAll(replaced(tr.subject.Fake(w)), inList-1)
}

func testOtherCount(tr *trial) {
	if tr.way.name != ByWalk {
		return
	}
	for _, rows := range []int{inList - 1, inList + 1} {
		if got, err := tr.walk(miscounted(rows), 1); !errors.Is(err, directory.ErrUnavailable) {
			tr.Errorf("Lookup in a list that counts %d rows and has %d = %+v, %v, want ErrUnavailable", rows, inList, got, err)
		}
	}
}

// secondHalf matches people of the second half of a list of 80.
var secondHalf = regexp.MustCompile(`\bp[4-7]\d@`)

// testPagesAtOnce holds the pages of the second half of a list until as many are
// asked for as may be at once.
func testPagesAtOnce(tr *trial) {
	if tr.way.name != ByWalk {
		return
	}
	const atOnce = 6
	ctx, cancel := context.WithTimeout(tr.Context(), 10*time.Second) // if fewer are asked for
	defer cancel()
	var mu sync.Mutex
	held, underWay, most, release := 0, 0, 0, make(chan struct{})
	w := tr.long(80)
	answers, err := tr.lookup(ctx, w, func(_ int, w http.ResponseWriter, r *http.Request, fake http.Handler) {
		answer := httptest.NewRecorder()
		fake.ServeHTTP(answer, r)
		late := secondHalf.MatchString(answer.Body.String())
		mu.Lock()
		underWay++
		most = max(most, underWay)
		if late {
			if held++; held == atOnce {
				close(release)
			}
		}
		mu.Unlock()
		if late {
			select {
			case <-release:
			case <-r.Context().Done():
			}
		}
		mu.Lock()
		underWay--
		mu.Unlock()
		sendRecorded(w, answer)
	}, w.People[79].Emails[0])
	if err != nil || answers[0].Status != identity.Found || most > atOnce {
		tr.Errorf("Lookup = %+v, %v with %d pages at once, want found and at most %d", answers, err, most, atOnce)
	}
}
