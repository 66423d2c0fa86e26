package logs

import (
	"context"
	"math"
	"slices"
	"strings"
	"time"
)

const (
	// DefaultLimit and MaxLimit are how many events a page holds if a query does not say, and at most: CloudWatch's 10000.
	DefaultLimit = 10000
	MaxLimit     = 10000
	// maxPage is how many bytes of messages a page holds, if it is more than one event: CloudWatch's 1 MB.
	maxPage = 1 << 20
)

// Query selects events of one group.
type Query struct {
	Group string
	// Streams are the names of the streams to read; none means all.
	Streams []string
	// StreamPrefix begins the names of the streams to read.
	StreamPrefix string
	// Start is the earliest time, End the first that is too late; zero means no bound.
	Start, End time.Time
	// Match says whether an entry, whose ID is not set yet, is wanted; nil wants all. It must not keep or change it.
	Match func(*Entry) bool
	// Limit is the greatest number of events to return, from 1 to MaxLimit; 0 means DefaultLimit.
	Limit int
	// Token is the ID of an entry: events after it are read, or with Backward those before it. It need not exist any more.
	Token string
	// Fresh has Follow leave out what was there before.
	Fresh bool
	// Backward reads the latest events rather than the earliest. Still they come in the order of their time.
	Backward bool
}

// Page is what Read found.
type Page struct {
	// Entries are in the order of their time; those of the same time in the order of their arrival.
	Entries []Entry
	// Next is the Token with which the same query goes on, or "" if there is nothing more at present.
	Next string
}

// Read returns a page of the events that a query selects: as many as Query.Limit or, unless it is one, as 1 MiB of
// messages allow. An event is found as soon as Append has returned. Read returns ErrNoGroup if the group does not exist
// and an error that is ErrToken if the token is none.
func (l *Log) Read(ctx context.Context, q Query) (Page, error) {
	g := l.lookup(q.Group)
	if g == nil {
		return Page{}, ErrNoGroup
	}
	p, err := newPager(&q)
	if err != nil {
		return Page{}, err
	}
	views, _, _, err := g.views(ctx, segmentID{})
	if err != nil {
		return Page{}, err
	}
	var r segmentReader
	defer r.close()
	if q.Backward {
		slices.Reverse(views)
	}
	for i := range views {
		if err := l.readSegment(ctx, &r, &views[i], p); err != nil {
			return Page{}, err
		}
	}
	return p.page(), nil
}

// readSegment offers the pager every line of a segment that it may want.
func (l *Log) readSegment(ctx context.Context, r *segmentReader, v *view, p *pager) error {
	for n := range v.blocks {
		i := n
		if p.q.Backward {
			i = len(v.blocks) - 1 - n
		}
		if !p.wantsBlock(v.blocks[i]) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		b, err := r.read(v, v.blocks[i].at, v.blockEnd(i))
		if err != nil {
			return err
		}
		eachLine(b, v.blocks[i].at, func(at int64, b []byte) bool {
			if !p.offer(v.id, at, b) {
				l.badLines.Add(1)
			}
			return true
		})
	}
	return nil
}

// Streams returns the streams of a group in the order of their names, or ErrNoGroup.
func (l *Log) Streams(ctx context.Context, group string) ([]StreamInfo, error) {
	g := l.lookup(group)
	if g == nil {
		return nil, ErrNoGroup
	}
	if err := g.loadIndexes(ctx, segmentID{}); err != nil {
		return nil, err
	}
	var out []StreamInfo
	for name, s := range g.spans() {
		out = append(out, s.info(name))
	}
	slices.SortFunc(out, func(a, b StreamInfo) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// HasStream tells whether a group holds events of a stream, or returns ErrNoGroup.
func (l *Log) HasStream(ctx context.Context, group, stream string) (bool, error) {
	g := l.lookup(group)
	if g == nil {
		return false, ErrNoGroup
	}
	if err := g.loadIndexes(ctx, segmentID{}); err != nil {
		return false, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, s := range slices.Backward(g.segments) {
		if s.index != nil && s.index.streams[stream] != nil {
			return true, nil
		}
	}
	return false, nil
}

// spans returns what all segments together hold of each stream.
func (g *group) spans() map[string]*span {
	g.mu.Lock()
	defer g.mu.Unlock()
	out := map[string]*span{}
	for _, s := range g.segments {
		if s.index == nil {
			continue
		}
		for name, have := range s.index.streams {
			if out[name] == nil {
				out[name] = &span{first: have.first, last: have.last}
			}
			out[name].merge(*have)
		}
	}
	return out
}

// selects tells whether a query wants an entry, apart from its place and time.
func (q *Query) selects(e *Entry) bool {
	if len(q.Streams) > 0 && !slices.Contains(q.Streams, e.Stream) {
		return false
	}
	return strings.HasPrefix(e.Stream, q.StreamPrefix) && (q.Match == nil || q.Match(e))
}

// window returns the times between which a query's events lie, in nanoseconds since 1970, both included.
func (q *Query) window() (first, last int64) {
	first, last = math.MinInt64, math.MaxInt64
	if !q.Start.IsZero() {
		first = nanoseconds(q.Start)
	}
	if !q.End.IsZero() {
		last = nanoseconds(q.End) - 1
	}
	return first, last
}
