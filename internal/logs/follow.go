package logs

import (
	"context"
	"iter"
	"time"
)

// lookEvery is how often Follow looks for a group that does not exist yet.
const lookEvery = 500 * time.Millisecond

// Follow returns the events that a query selects, and then new ones as they are appended, until ctx ends, which is no
// error. They come in the order of arrival, not of time: an event that arrives late is not missed. A group need not exist
// yet. Query.Token sets where to begin, and with Query.Fresh what is new is what comes after this call, however late its
// result is read; Query.End, Limit and Backward have no meaning here. After an error nothing follows.
func (l *Log) Follow(ctx context.Context, q Query) iter.Seq2[Entry, error] {
	var begin follower
	if q.Fresh {
		begin = l.present(q.Group)
	}
	return func(yield func(Entry, error) bool) {
		f := begin
		f.log, f.q, f.yield = l, &q, yield
		defer f.reader.close()
		if q.Token != "" {
			after, err := parseToken(q.Token)
			if err != nil {
				yield(Entry{}, err)
				return
			}
			f.id, f.at, f.skip = after.id, after.at, true
		}
		f.first, _ = q.window()
		for {
			err := f.step(ctx)
			if ctx.Err() != nil || f.done {
				return
			}
			if err != nil {
				yield(Entry{}, err)
				return
			}
		}
	}
}

// follower is a place in a group that moves forward.
type follower struct {
	log    *Log
	q      *Query
	yield  func(Entry, error) bool
	reader segmentReader
	first  int64 // the earliest time wanted

	group *group
	id    segmentID
	at    int64
	skip  bool // the line at this place was seen
	done  bool // the reader has had enough
}

// present is the place at the end of what a group holds.
func (l *Log) present(name string) follower {
	g := l.lookup(name)
	if g == nil {
		return follower{}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	f := follower{group: g}
	if n := len(g.segments); n > 0 {
		f.id, f.at = g.segments[n-1].id, g.segments[n-1].size()
	}
	return f
}

// step reads to the end of what is there and waits for more.
func (f *follower) step(ctx context.Context) error {
	g := f.log.lookup(f.q.Group)
	if g == nil {
		return f.wait(ctx, nil)
	}
	if f.group != nil && f.group != g {
		f.id, f.at, f.skip = segmentID{}, 0, false // a new group of the same name
	}
	f.group = g
	views, changed, deleted, err := g.views(ctx, f.id)
	if err != nil {
		return err
	}
	for i := range views {
		if err := f.read(ctx, &views[i]); err != nil || f.done {
			return err
		}
	}
	if deleted {
		return nil
	}
	return f.wait(ctx, changed)
}

// wait returns when there may be something new; without a channel, when it is time to look.
func (f *follower) wait(ctx context.Context, changed <-chan struct{}) error {
	if changed != nil {
		select {
		case <-changed:
			return nil
		case <-f.log.stopping:
			f.done = true
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	timer := time.NewTimer(lookEvery)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-f.log.stopping:
		f.done = true
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// read yields what a segment holds beyond the follower's place.
func (f *follower) read(ctx context.Context, v *view) error {
	if v.id != f.id {
		f.id, f.at, f.skip = v.id, 0, false
	}
	for i := range v.blocks {
		end := v.blockEnd(i)
		if end <= f.at {
			continue
		}
		if v.blocks[i].last < f.first {
			f.at, f.skip = end, false
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		b, err := f.reader.read(v, max(f.at, v.blocks[i].at), end)
		if err != nil {
			return err
		}
		f.lines(v, b, max(f.at, v.blocks[i].at))
		if f.done {
			return nil
		}
		f.at, f.skip = end, false
	}
	return nil
}

// lines yields the wanted ones of some lines.
func (f *follower) lines(v *view, b []byte, at int64) {
	eachLine(b, at, func(at int64, b []byte) bool {
		if f.skip && at == f.at {
			return true
		}
		l, ok := parseLine(b)
		if !ok {
			f.log.badLines.Add(1)
			return true
		}
		e := l.entry()
		e.ID = place{l.time, v.id, at}.token()
		if l.time >= f.first && f.q.selects(&e) && !f.yield(e, nil) {
			f.done = true
			return false
		}
		return true
	})
}
