// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package faults

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// proxy forwards requests from the provider to sym-identityd, with faults.
type proxy struct {
	dice   dice
	mix    mix
	most   int // faults in a row for one request
	daemon *daemon
	http   *httptest.Server
	direct *http.Client
	calm   atomic.Bool // no faults any more

	mu       sync.Mutex
	seen     map[string]int // deliveries by request
	arrivals int
	kills    map[int]fault // by arrival
	happened tally
	waiting  []chan struct{} // requests that are held back

	pending sync.WaitGroup // late deliveries, and the daemon's returns
}

// newProxy starts a proxy that kills the daemon at some of the first arrivals.
func newProxy(t *testing.T, seed int64, d *daemon, m mix, most, kills, among int) *proxy {
	t.Helper()
	p := &proxy{dice: dice(seed), mix: m, most: most, daemon: d, seen: map[string]int{}, kills: map[int]fault{}, happened: tally{},
		// Without keep-alive: the transport repeats a request that meets a
		// dead connection.
		direct: &http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true}}}
	r := p.dice.about("kills")
	for range kills {
		p.kills[2+r.IntN(among)] = []fault{crash, crashMid, crashLate}[r.IntN(3)]
	}
	p.http = httptest.NewServer(http.HandlerFunc(p.serve))
	t.Cleanup(func() {
		p.calm.Store(true)
		p.release()
		p.http.Close()
		p.pending.Wait() // last: a request on its way may have killed the daemon
	})
	return p
}

// apiURL returns the URL that the provider uses.
func (p *proxy) apiURL() string { return p.http.URL + "/api/v1" }

// settle ends the faults and waits until no request is under way.
func (p *proxy) settle() {
	p.calm.Store(true)
	p.release()
	p.pending.Wait()
}

func (p *proxy) tally() tally {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.happened)
}

// delivery holds one request under way.
type delivery struct {
	method, uri string
	header      http.Header
	body        []byte
	dice        *rand.Rand
}

func (p *proxy) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client has gone
	}
	d := delivery{method: r.Method, uri: r.URL.RequestURI(), header: r.Header.Clone(), body: body}
	f := p.decide(&d)
	switch f {
	case pass:
		p.relay(w, d)
	case delay:
		pause(d.dice, 20*time.Millisecond)
		reply, err := p.deliver(d)
		pause(d.dice, 20*time.Millisecond)
		p.answer(w, d, reply, err)
	case hold:
		p.hold(d.dice)
		p.relay(w, d)
	case refuse:
		cut(w)
	case cutHalf:
		p.deliverHalf(d)
		cut(w)
	case drop:
		_, _ = p.deliver(d)
		cut(w)
	case truncate, shorten:
		reply, err := p.deliver(d)
		if err != nil || len(reply.body) < 2 {
			cut(w)
			return
		}
		writePart(w, reply, 1+d.dice.IntN(len(reply.body)-1), f == truncate)
	case repeat:
		_, _ = p.deliver(d)
		p.relay(w, d)
	case both:
		first := make(chan struct{})
		p.pending.Go(func() { _, _ = p.deliver(d); close(first) })
		p.relay(w, d)
		<-first
	case late:
		p.relay(w, d)
		wait := time.Duration(d.dice.Int64N(int64(400 * time.Millisecond)))
		p.pending.Go(func() { time.Sleep(wait); _, _ = p.deliver(d) })
	case crash:
		p.kill(d.dice)
		cut(w)
	case crashMid:
		wait := time.Duration(d.dice.Int64N(int64(5 * time.Millisecond))) // the dice are the relay's from here on
		p.pending.Go(func() { time.Sleep(wait); p.kill(p.dice.about("down", d.uri)) })
		p.relay(w, d)
	case crashLate:
		_, _ = p.deliver(d)
		p.kill(d.dice)
		cut(w)
	default:
		refusal(w, f, d.dice)
	}
	if d.method != http.MethodGet {
		p.release()
	}
}

// decide chooses the fault of a request.
func (p *proxy) decide(d *delivery) fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := fmt.Sprintf("%s %s %x", d.method, d.uri, sha256.Sum256(d.body))
	n := p.seen[key]
	p.seen[key]++
	p.arrivals++
	d.dice = p.dice.about(key, n)
	f := pass
	if !p.calm.Load() {
		if n < p.most {
			f = p.mix.pick(d.dice)
		}
		if killing, ok := p.kills[p.arrivals]; ok {
			f = killing
		}
	}
	p.happened[f]++
	return f
}

func (p *proxy) kill(r *rand.Rand) {
	p.daemon.kill(time.Duration(r.Int64N(int64(300*time.Millisecond))), &p.pending)
}

// hold keeps a request back until two others have been answered, or for a
// while.
func (p *proxy) hold(r *rand.Rand) {
	overtaken := make(chan struct{}, 1)
	p.mu.Lock()
	p.waiting = append(p.waiting, overtaken)
	p.mu.Unlock()
	select {
	case <-overtaken:
		pause(r, 5*time.Millisecond)
	case <-time.After(50 * time.Millisecond):
	}
}

func (p *proxy) release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, w := range p.waiting {
		w <- struct{}{}
	}
	p.waiting = nil
}

type answered struct {
	status int
	header http.Header
	body   []byte
}

// deliver sends a request to the server once, even if the client has gone.
func (p *proxy) deliver(d delivery) (answered, error) {
	req, err := http.NewRequestWithContext(context.Background(), d.method, p.daemon.address()+d.uri, bytes.NewReader(d.body))
	if err != nil {
		return answered{}, err
	}
	req.Header = d.header.Clone()
	resp, err := p.direct.Do(req)
	if err != nil {
		return answered{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return answered{resp.StatusCode, resp.Header, body}, err
}

// deliverHalf breaks the connection in the middle of the body.
func (p *proxy) deliverHalf(d delivery) {
	to, err := url.Parse(p.daemon.address())
	if err != nil {
		return
	}
	conn, err := net.DialTimeout("tcp", to.Host, time.Second)
	if err != nil {
		return
	}
	defer conn.Close()
	var head bytes.Buffer
	fmt.Fprintf(&head, "%s %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n", d.method, d.uri, to.Host, len(d.body)+1)
	_ = d.header.Write(&head)
	head.WriteString("\r\n")
	_, _ = conn.Write(append(head.Bytes(), d.body[:len(d.body)/2]...))
}

func (p *proxy) relay(w http.ResponseWriter, d delivery) {
	reply, err := p.deliver(d)
	p.answer(w, d, reply, err)
}

// answer passes a reply on. Without one it answers as gateways do.
func (p *proxy) answer(w http.ResponseWriter, d delivery, reply answered, err error) {
	if err != nil {
		if d.dice.IntN(2) == 0 {
			cut(w)
			return
		}
		refusal(w, gateway, d.dice)
		return
	}
	maps.Copy(w.Header(), reply.header)
	w.WriteHeader(reply.status)
	_, _ = w.Write(reply.body)
}

func pause(r *rand.Rand, most time.Duration) { time.Sleep(time.Duration(r.Int64N(int64(most)))) }
