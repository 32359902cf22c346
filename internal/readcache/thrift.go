// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package readcache

// When everybody is read at once. What a run will still ask is not known, so
// the rule is that of the ski rental: as long as little was spent on single
// reads little may be lost on an attempt to do without them.
//
// A first attempt is made after enoughReads different questions or
// enoughRequests requests; Terraform asks ten at a time, so that is about the
// same. An attempt may cost as many pages as single reads have cost requests,
// but always firstPages, which is any organisation below 20,000 users. One that
// turns out to be larger is dropped, and the next attempt waits until twice its
// pages have been spent. So sixty reads in an organisation of a million cost 8
// pages more, a thousand reads in one of a thousand cost one page, and in all
// never more than 8 + 2 × what single reads cost is spent in vain.
const (
	enoughReads    = 48
	enoughRequests = 12
	firstPages     = 8
	pageSize       = 2500 // users of one page, as the client asks for them
)

// thrift counts what single reads cost.
type thrift struct {
	asked map[string]struct{} // different questions, until there are enough
	spent int                 // requests
	next  int                 // requests before the next attempt
	never bool                // there are too many users to hold
}

// read notes questions that are about to be asked.
func (t *thrift) read(questions ...string) {
	if t.asked == nil {
		t.asked = make(map[string]struct{}, enoughReads)
	}
	for _, q := range questions {
		if len(t.asked) < enoughReads {
			t.asked[q] = struct{}{}
		}
	}
}

// spend notes the requests for n questions.
func (t *thrift) spend(n int) { t.spent += (n + maxBatch - 1) / maxBatch }

// worthwhile reports whether to try to read everybody now.
func (t *thrift) worthwhile() bool {
	if t.never || t.spent < t.next {
		return false
	}
	return len(t.asked) >= enoughReads || t.spent >= enoughRequests
}

// pages is how many pages an attempt may cost now.
func (t *thrift) pages() int { return max(firstPages, t.spent) }

// lost notes an attempt that came to nothing after it was allowed pages.
func (t *thrift) lost(pages int) { t.next = 2 * max(pages, t.spent) }
