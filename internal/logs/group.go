package logs

import (
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// kickBytes is how much a group may hold before the writer is woken ahead of its time.
const kickBytes = 256 << 10

// group is a log group: its segments and the lines that are not yet in their files.
type group struct {
	log   *Log
	name  string
	dir   string
	dirty atomic.Bool // there is something for the writer

	mu       sync.Mutex
	segments []*segment // in the order of their IDs
	newest   segmentID  // the last ID given, also if that segment is gone
	todo     []*segment // those with lines to write or an index to save
	buffered int64      // bytes of lines to write
	first    time.Time  // when the first line arrived, if the group was made by it
	dropped  int64      // lines dropped that no line tells of yet
	lost     string     // the stream of the last of them
	flooded  bool       // they were dropped for their number
	credit   int64      // bytes that may be taken at once
	credited time.Time  // when credit was last reckoned
	deleted  bool
	changed  chan struct{} // if not nil, closed at the next change
}

func newGroup(l *Log, name string) *group {
	return &group{log: l, name: name, dir: filepath.Join(l.dir, dirName(name))}
}

// appended is how group.append ended.
type appended int

const (
	appendedSome appended = iota // all that fit
	appendedFull                 // and the writer should not wait for its next turn
	refused                      // nothing: not all would fit
	deletedGroup
)

// append adds events. With whole it adds none if not all fit.
func (g *group) append(stream string, events []Event, whole bool) appended {
	now := g.log.opts.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.deleted {
		return deletedGroup
	}
	g.reckon(now)
	if whole {
		total := 0
		for i := range events {
			total += len(events[i].Message)
		}
		if !g.fits(total) || int64(total) > g.credit {
			return refused
		}
	}
	for i := range events {
		n := len(events[i].Message)
		if flood := int64(n) > g.credit; flood || !g.fits(n) {
			g.dropped++
			g.lost, g.flooded = stream, flood
			g.log.droppedLines.Add(1)
			continue
		}
		g.credit -= int64(n)
		g.confess(now)
		g.add(now, stream, &events[i])
	}
	g.dirty.Store(true)
	g.signal()
	if g.buffered >= kickBytes {
		return appendedFull
	}
	return appendedSome
}

// reckon gives the group what it may take for the time that has passed.
func (g *group) reckon(now time.Time) {
	burst := g.log.opts.GroupBurst
	passed := now.Sub(g.credited)
	switch {
	case g.credited.IsZero() || passed >= time.Minute:
		g.credit = burst
	case passed <= 0:
		return
	default:
		g.credit = min(burst, g.credit+int64(passed)*(g.log.opts.GroupRate/1000)/int64(time.Millisecond))
	}
	g.credited = now
}

// fits tells whether memory is left for a message.
func (g *group) fits(n int) bool {
	bound := g.log.opts.BufferBytes
	return g.buffered+int64(n) <= bound/8 && g.log.buffered.Load()+int64(n) <= bound
}

// confess adds the line that says how many were dropped, if any were.
func (g *group) confess(now time.Time) {
	if g.dropped == 0 {
		return
	}
	text := fmt.Sprintf("furl: %d log lines dropped: the disk does not keep up\n", g.dropped)
	if g.flooded {
		text = fmt.Sprintf("furl: %d log lines dropped: a log group takes %d MB a second\n", g.dropped, g.log.opts.GroupRate/1e6)
	}
	g.dropped = 0
	g.add(now, g.lost, &Event{Message: text})
}

// add encodes one event to the end of the live segment. The place of a line is fixed from here on.
func (g *group) add(now time.Time, stream string, e *Event) {
	if g.newest == (segmentID{}) {
		g.first = now
	}
	s := g.live(now)
	happened := e.Time
	if happened.IsZero() {
		happened = now
	}
	l := line{
		time:     nanoseconds(happened),
		ingested: now.UnixMilli(),
		stream:   stream,
		request:  e.RequestID,
		message:  cut(e.Message),
	}
	if s.pending == nil {
		s.pending = make([]byte, 0, s.room)
	}
	at, before := s.size(), len(s.pending)
	s.pending = appendLine(s.pending, &l)
	n := len(s.pending) - before
	s.index.add(at, &l, n)
	g.buffered += int64(n)
	g.log.buffered.Add(int64(n))
}

// live returns the segment to which lines are added. Another one is begun when it is full, and each day, so that
// retention, which counts days, finds segments to remove.
func (g *group) live(now time.Time) *segment {
	if n := len(g.segments); n > 0 && g.segments[n-1].live {
		last := g.segments[n-1]
		if last.size() < g.log.opts.SegmentBytes && now.Unix()/86400 <= last.id.hour/24 {
			return last
		}
		last.live = false
	}
	g.newest = g.newest.next(now)
	s := &segment{
		id:      g.newest,
		path:    filepath.Join(g.dir, g.newest.String()),
		live:    true,
		index:   newIndex(),
		touched: now,
	}
	g.segments = append(g.segments, s)
	g.todo = append(g.todo, s)
	return s
}

// signal wakes those who follow the group.
func (g *group) signal() {
	if g.changed != nil {
		close(g.changed)
		g.changed = nil
	}
}

// pendingWork is what the writer has to do about a segment.
type pendingWork struct {
	segment *segment
	path    string
	at      int64
	data    []byte
	// seal is the index to save once the data is written, or nil.
	seal *index
}

// work returns what there is to write, or nothing if the group is deleted. Nobody but the writer changes what it returns.
func (g *group) work() []pendingWork {
	g.mu.Lock()
	defer g.mu.Unlock()
	var out []pendingWork
	for _, s := range g.todo {
		w := pendingWork{segment: s, path: s.path, at: s.flushed, data: s.pending}
		if !s.live {
			w.seal = s.index
		}
		if len(w.data) > 0 || w.seal != nil {
			out = append(out, w)
		}
	}
	return out
}

// wrote notes that n bytes of a segment are in its file now.
func (g *group) wrote(s *segment, n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	s.flushed += int64(n)
	rest := s.pending[n:]
	s.pending, s.room = nil, min(n, 2*kickBytes)
	if len(rest) > 0 {
		s.pending = append(make([]byte, 0, len(rest)+s.room), rest...)
	}
	s.touched = g.log.opts.Now()
	g.buffered -= int64(n)
	g.log.buffered.Add(-int64(n))
	if g.dropped > 0 {
		g.confess(s.touched)
		g.dirty.Store(true)
		g.signal()
	}
}

// finished takes a segment off the writer's list.
func (g *group) finished(s *segment) {
	g.mu.Lock()
	defer g.mu.Unlock()
	s.saved = true
	g.todo = slices.DeleteFunc(g.todo, func(o *segment) bool { return o == s })
}

// setIndex keeps a loaded index, and has the writer save it if it was not on disk.
func (g *group) setIndex(s *segment, x *index, saved bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if s.index != nil {
		return
	}
	s.index, s.saved = x, saved
	if !saved {
		g.todo = append(g.todo, s)
		g.dirty.Store(true)
	}
}

// endLive closes the live segment, so that the writer saves its index.
func (g *group) endLive() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, s := range g.segments {
		s.live = false
	}
	g.dirty.Store(true)
}

// remove takes a segment out of the group, unless lines of it are still in memory. It returns the size of its file.
func (g *group) remove(s *segment) (size int64, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(s.pending) > 0 {
		return 0, false
	}
	is := func(o *segment) bool { return o == s }
	s.live = false
	g.segments = slices.DeleteFunc(g.segments, is)
	g.todo = slices.DeleteFunc(g.todo, is)
	return s.flushed, true
}

// delete empties the group and returns the segments that it had and the size of their files.
func (g *group) delete() (segments []*segment, size int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	segments = g.segments
	for _, s := range segments {
		size += s.flushed
	}
	g.log.buffered.Add(-g.buffered)
	g.segments, g.todo, g.buffered, g.deleted = nil, nil, 0, true
	g.signal()
	return segments, size
}

// info describes the group.
func (g *group) info() GroupInfo {
	g.mu.Lock()
	defer g.mu.Unlock()
	info := GroupInfo{Name: g.name}
	for _, s := range g.segments {
		info.Bytes += s.size()
	}
	if len(g.segments) > 0 {
		info.Created = g.segments[0].id.time()
	}
	info.First = info.Created
	if !g.first.IsZero() {
		info.First = g.first
	}
	return info
}
