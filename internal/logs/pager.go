package logs

import (
	"container/heap"
	"slices"
)

// pager picks, from lines offered in any order, those that make a page: of all that a query selects the earliest (with
// Query.Backward: the latest) that fit. It holds no more than a page.
type pager struct {
	q           *Query
	limit       int
	first, last int64  // the times wanted, both included
	after       *place // beyond this one, in the direction of reading
	before      *place // short of this one: the nearest that did not fit
	found       entryHeap
	bytes       int
}

func newPager(q *Query) (*pager, error) {
	p := &pager{q: q, limit: min(q.Limit, MaxLimit)}
	if p.limit <= 0 {
		p.limit = DefaultLimit
	}
	p.first, p.last = q.window()
	p.found.backward = q.Backward
	if q.Token == "" {
		return p, nil
	}
	after, err := parseToken(q.Token)
	if err != nil {
		return nil, err
	}
	p.after = &after
	return p, nil
}

// compare orders places in the direction of reading.
func (p *pager) compare(a, b place) int { return p.found.compare(a, b) }

// wantsBlock tells whether a block may hold something for the page.
func (p *pager) wantsBlock(b block) bool {
	first, last := p.first, p.last
	low, high := p.after, p.before
	if p.q.Backward {
		low, high = high, low
	}
	if low != nil {
		first = max(first, low.time)
	}
	if high != nil {
		last = min(last, high.time)
	}
	return b.last >= first && b.first <= last
}

// offer considers a line. It answers false if the line is damaged.
func (p *pager) offer(id segmentID, at int64, b []byte) bool {
	t, ok := lineTime(b)
	if !ok {
		return false
	}
	here := place{t, id, at}
	switch {
	case t < p.first || t > p.last:
		return true
	case p.after != nil && p.compare(here, *p.after) <= 0:
		return true
	case p.before != nil && p.compare(here, *p.before) >= 0:
		return true
	}
	l, ok := parseLine(b)
	if !ok {
		return false
	}
	e := l.entry()
	if p.q.selects(&e) {
		p.take(found{here, &e})
	}
	return true
}

// take adds an entry to the page. If that makes it too large, what is furthest in the direction of reading leaves, and
// with it all that is further.
func (p *pager) take(f found) {
	heap.Push(&p.found, f)
	p.bytes += len(f.entry.Message)
	for len(p.found.entries) > p.limit || p.bytes > maxPage && len(p.found.entries) > 1 {
		gone := heap.Pop(&p.found).(found)
		p.bytes -= len(gone.entry.Message)
		p.before = &gone.place
	}
}

// page returns the page.
func (p *pager) page() Page {
	entries := p.found.entries
	slices.SortFunc(entries, func(a, b found) int { return a.place.compare(b.place) })
	page := Page{Entries: make([]Entry, 0, len(entries))}
	for _, f := range entries {
		f.entry.ID = f.place.token()
		page.Entries = append(page.Entries, *f.entry)
	}
	if p.before != nil {
		end := entries[len(entries)-1]
		if p.q.Backward {
			end = entries[0]
		}
		page.Next = end.place.token()
	}
	return page
}

// found is an entry with its place.
type found struct {
	place place
	entry *Entry // its ID is missing
}

// entryHeap has on top the entry that is furthest in the direction of reading.
type entryHeap struct {
	backward bool
	entries  []found
}

// compare orders places in the direction of reading.
func (h *entryHeap) compare(a, b place) int {
	if h.backward {
		a, b = b, a
	}
	return a.compare(b)
}

func (h *entryHeap) Len() int { return len(h.entries) }

func (h *entryHeap) Less(i, j int) bool {
	return h.compare(h.entries[i].place, h.entries[j].place) > 0
}

func (h *entryHeap) Swap(i, j int) { h.entries[i], h.entries[j] = h.entries[j], h.entries[i] }

// Push is for package heap.
func (h *entryHeap) Push(x any) { h.entries = append(h.entries, x.(found)) }

// Pop is for package heap.
func (h *entryHeap) Pop() any {
	last := len(h.entries) - 1
	f := h.entries[last]
	h.entries[last] = found{}
	h.entries = h.entries[:last]
	return f
}
