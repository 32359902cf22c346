// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package bench

import (
	"crypto/sha256"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

var hostile = flag.Int("hostile", 300, "connections of guests, or of a greedy administrator, in BenchmarkHostile; with fewer, the time of a write is no failure")

const (
	mostMemory = 256.0 // MB of sym-identityd at its peak
	mostWait   = 1000  // ms of 99 of 100 writes of an administrator
)

// BenchmarkHostile measures the writes of an administrator while guests, or
// another administrator, do their worst, and the peak memory of the server.
func BenchmarkHostile(b *testing.B) {
	for name, worst := range map[string][]func(a *attacker){
		"slow-uploads": {(*attacker).uploadSlowly},
		"unread-lists": {(*attacker).readNothing},
		"searches":     {(*attacker).searchMuch},
		"many":         {(*attacker).askMuch, (*attacker).guess},
		"all":          {(*attacker).uploadSlowly, (*attacker).readNothing, (*attacker).searchMuch, (*attacker).askMuch, (*attacker).guess},
		"greedy-admin": {(*attacker).writeMuch},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				measureHostile(b, worst)
			}
		})
	}
}

// BenchmarkSearches measures the peak memory of 24 searches of 8.5 MiB at the
// same time by an administrator.
func BenchmarkSearches(b *testing.B) {
	for b.Loop() {
		s := startServer(b, plainService)
		var group sync.WaitGroup
		for range 24 {
			group.Go(func() {
				_, _ = s.call(http.MethodPost, "users/search", bigSearches()[2]) // refused: too many names, or nobody's turn
			})
		}
		group.Wait()
		s.reportMemory()
	}
}

// bigSearches are made once: the attackers must not use up the processor.
var bigSearches = sync.OnceValue(func() []string {
	return []string{bigSearch(2_500_000), bigSearch(4_000_000), bigSearch(8_500_000)}
})

// bigSearch returns the body of a search with a length.
func bigSearch(length int) string {
	return `{"emails":["` + strings.Repeat(strings.Repeat("x", 1000)+`@acme.com","`, length/1012) + `a@acme.com"]}`
}

func (s *server) reportMemory() {
	peak := memory(s.process, "VmHWM")
	s.b.ReportMetric(peak, "peak-MB")
	if peak > mostMemory {
		s.b.Errorf("the server held %.0f MB, want at most %.0f", peak, mostMemory)
	}
}

func measureHostile(b *testing.B, worst []func(a *attacker)) {
	var blocks strings.Builder
	blocks.WriteString(plainService)
	for n := range 3 {
		fmt.Fprintf(&blocks, "token \"guest-%d\" {\n  sha256 = \"%x\"\n  role   = \"guest\"\n}\n", n, sha256.Sum256([]byte(guestToken(n))))
	}
	fmt.Fprintf(&blocks, "token \"greedy\" {\n  sha256 = \"%x\"\n  role   = \"admin\"\n}\n", sha256.Sum256([]byte(greedyToken)))
	s := startServer(b, blocks.String())
	s.store(makePeople(20_000), func(int) bool { return true })
	quit := make(chan struct{})
	var group sync.WaitGroup
	for n := range *hostile {
		a := &attacker{server: s, n: n, quit: quit}
		group.Go(func() {
			for !a.ended() {
				worst[n%len(worst)](a)
			}
		})
	}
	time.Sleep(time.Second) // until all have begun
	waits, failed := s.writeOften(*loadTime)
	close(quit)
	group.Wait()
	client.CloseIdleConnections()
	slices.Sort(waits)
	p99 := waits[len(waits)*99/100]
	b.ReportMetric(float64(p99.Milliseconds()), "p99-ms")
	b.ReportMetric(float64(waits[len(waits)-1].Milliseconds()), "max-ms")
	b.ReportMetric(float64(len(waits)), "writes")
	if failed > 0 {
		b.Errorf("%d of %d writes failed", failed, len(waits))
	}
	if p99 > mostWait*time.Millisecond && *hostile >= 300 {
		b.Errorf("99 of 100 writes took up to %s, want at most %d ms", p99, mostWait)
	}
	s.reportMemory()
}

// writeOften writes as an administrator, ten times a second however long each
// takes, and returns how long they took.
func (s *server) writeOften(during time.Duration) (waits []time.Duration, failed int) {
	var mu sync.Mutex
	var group sync.WaitGroup
	end := time.After(during)
	for n, tick := 0, time.Tick(100*time.Millisecond); ; n++ {
		select {
		case <-end:
			group.Wait()
			return waits, failed
		case <-tick:
		}
		group.Go(func() {
			began := time.Now()
			_, err := s.call(http.MethodPatch, "users", `{"users":[`+userJSON(person{fmt.Sprintf("new.%d@acme.com", n), fmt.Sprintf("new%d", n)}, true)+`]}`)
			mu.Lock()
			defer mu.Unlock()
			waits = append(waits, time.Since(began))
			if err != nil {
				failed++
				s.b.Log(err)
			}
		})
	}
}

const greedyToken = "sym_greedy-administrator-0123456789012345678901"

func guestToken(n int) string {
	return fmt.Sprintf("sym_guest-%d-01234567890123456789012345678901234", n)
}

// attacker is one connection at a time of somebody who means harm.
type attacker struct {
	*server
	n    int
	quit chan struct{}
}

func (a *attacker) ended() bool { return a.wait(0) }

// wait reports whether the attack ended meanwhile.
func (a *attacker) wait(d time.Duration) bool {
	select {
	case <-a.quit:
		return true
	case <-time.After(d):
		return false
	}
}

// dial sends the head of a request on a connection of its own, which ends with
// the attack. It returns nil where that fails.
func (a *attacker) dial(method, path, token string, length int) net.Conn {
	target, err := url.Parse(a.url)
	if err != nil {
		a.b.Error(err)
		return nil
	}
	conn, err := net.Dial("tcp", target.Host)
	if err != nil {
		return nil
	}
	go func() {
		<-a.quit
		_ = conn.Close()
	}()
	_, err = fmt.Fprintf(conn, "%s /api/v1/%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", method, path, token, length)
	if err != nil {
		return nil
	}
	return conn
}

func (a *attacker) guest() string { return guestToken(a.n % 3) }

func (a *attacker) uploadSlowly() {
	conn := a.dial(http.MethodPost, "users/search", a.guest(), 4<<20)
	if conn == nil {
		return
	}
	defer conn.Close()
	for !a.wait(100 * time.Millisecond) {
		if _, err := io.WriteString(conn, "["); err != nil {
			return
		}
	}
}

func (a *attacker) readNothing() {
	conn := a.dial(http.MethodGet, "users", a.guest(), 0)
	if conn == nil {
		return
	}
	defer conn.Close()
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetReadBuffer(4 << 10)
	}
	a.wait(5 * time.Second)
}

func (a *attacker) searchMuch() {
	a.send(http.MethodPost, "users/search", a.guest(), bigSearches()[a.n%3])
}

func (a *attacker) askMuch() { a.send(http.MethodGet, "users?limit=2500", a.guest(), "") }

func (a *attacker) guess() { a.send(http.MethodGet, "auth/login", fmt.Sprint("guess-", a.n), "") }

func (a *attacker) writeMuch() {
	var users []string
	for n := range 1000 {
		users = append(users, userJSON(person{fmt.Sprintf("person.%06d@acme.com", a.n*50+n), fmt.Sprintf("%d-%d", time.Now().UnixNano(), n)}, true))
	}
	a.send(http.MethodPatch, "users", greedyToken, `{"users":[`+strings.Join(users, ",")+`]}`)
}

// send sends a request and reads what comes back.
func (a *attacker) send(method, path, token, body string) {
	conn := a.dial(method, path, token, len(body))
	if conn == nil {
		return
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, body); err == nil {
		_, _ = io.Copy(io.Discard, conn)
	}
}
