// Package logs keeps what functions write and what the platform says about their invocations: log groups and log streams
// in files of one node, with bounded memory, bounded disk use and no wait for the disk on the path of a request. It also
// words the platform's own lines. It knows nothing of CloudWatch's operations and of other nodes.
//
// Each group is a directory of segments, files of one JSON object a line in the order of arrival. A segment is written by
// one run of one process, and is complete up to its last newline. Times in a segment are nearly but not strictly in
// order, so its index holds the earliest and the latest time of each block of lines; a reader can then leave out blocks
// without missing a line.
package logs

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// MaxMessage is the greatest length of a message, in bytes: CloudWatch's bound for one event. Longer ones are cut.
const MaxMessage = 1 << 20

var (
	// ErrNoGroup says that there is no such log group on this node.
	ErrNoGroup = errors.New("logs: no such log group")
	// ErrToken says that a token was not made by this package.
	ErrToken = errors.New("logs: invalid token")
	// ErrClosed says that the log was closed.
	ErrClosed = errors.New("logs: closed")
)

// Stream names a log stream: of a function, group "/aws/lambda/{name}" and the name that StreamName makes.
type Stream struct {
	Group string
	Name  string
}

// Event is something to be logged.
type Event struct {
	// Time is when it happened; if zero, when it is appended.
	Time time.Time
	// Message is the text, which may hold several lines and is kept as it is, but for bytes that are no UTF-8 and what
	// exceeds MaxMessage.
	Message string
	// RequestID is the request during which it happened, or "".
	RequestID string
}

// Entry is an event that has been logged.
type Entry struct {
	Event
	// Stream is the name of its log stream.
	Stream string
	// Ingested is when it was appended, in whole milliseconds.
	Ingested time.Time
	// ID is the place of the event in its group: unique there, the same at every reading, in the order that Read uses,
	// and good as a Query's Token.
	ID string
}

// Options of Open. A field that is zero takes the value given with it.
type Options struct {
	// FlushEvery is how often lines are written and synced: what a crash can lose. One second.
	FlushEvery time.Duration
	// SegmentBytes is the size at which a segment is closed and another begun, at most 1 GiB. 16 MiB, or a quarter of
	// DiskCap if that is less.
	SegmentBytes int64
	// DiskCap is how many bytes all segments may have together; beyond, those not written to for longest are removed,
	// of groups that have more than an equal share. 1 GiB.
	DiskCap int64
	// BufferBytes is how much memory lines may use that are not yet on disk; beyond, lines are dropped and a line says
	// how many. 64 MiB. One group may use an eighth of it.
	BufferBytes int64
	// GroupRate is how many bytes of messages a second one group may take in the long run, GroupBurst how many at once;
	// beyond, lines are dropped and a line says how many. 16 MiB and 32 MiB.
	GroupRate, GroupBurst int64
	// Retain returns how long the segments of a group are kept after the last write, 0 for ever. It must not call the Log,
	// which waits for it. For ever.
	Retain func(group string) time.Duration
	// Now is the clock. time.Now.
	Now func() time.Time
	// Logger takes what goes wrong in the background. Nobody.
	Logger *slog.Logger
}

func (o Options) orDefault() Options {
	if o.FlushEvery == 0 {
		o.FlushEvery = time.Second
	}
	if o.DiskCap == 0 {
		o.DiskCap = 1 << 30
	}
	if o.SegmentBytes == 0 {
		o.SegmentBytes = min(16<<20, o.DiskCap/4)
	}
	o.SegmentBytes = min(o.SegmentBytes, maxSegment)
	if o.BufferBytes == 0 {
		o.BufferBytes = 64 << 20
	}
	if o.GroupRate == 0 {
		o.GroupRate = 16 << 20
	}
	if o.GroupBurst == 0 {
		o.GroupBurst = max(32<<20, o.GroupRate)
	}
	if o.Retain == nil {
		o.Retain = func(string) time.Duration { return 0 }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// Stats counts since Open.
type Stats struct {
	// Bytes is the size of all segments on disk, now.
	Bytes int64
	// DroppedLines counts lines that were dropped because memory was full or their group had its share.
	DroppedLines int64
	// DroppedSegments and DroppedBytes count what was removed because of Options.DiskCap, not because of retention.
	DroppedSegments, DroppedBytes int64
	// BadLines counts lines found damaged, each time they were read.
	BadLines int64
	// WriteErrors counts failed attempts to write or sync.
	WriteErrors int64
}

// Log is the log of one node. It is safe for concurrent use.
type Log struct {
	dir      string
	opts     Options
	commands chan func(*writer)
	kick     chan struct{}
	appeared chan struct{}
	stopping chan struct{}
	stopped  chan struct{}
	closing  sync.Once
	closeErr error

	buffered                      atomic.Int64 // bytes in memory, of all groups
	bytes                         atomic.Int64
	droppedLines, badLines        atomic.Int64
	droppedSegments, droppedBytes atomic.Int64
	writeErrors                   atomic.Int64

	mu     sync.RWMutex
	groups map[string]*group
}

// Open opens the log in a directory, which it creates if need be. A line that a crash left half written is cut off. A
// directory belongs to one Log of one process at a time.
func Open(dir string, opts Options) (*Log, error) {
	l := &Log{
		dir:      dir,
		opts:     opts.orDefault(),
		commands: make(chan func(*writer)),
		kick:     make(chan struct{}, 1),
		appeared: make(chan struct{}, 1),
		stopping: make(chan struct{}),
		stopped:  make(chan struct{}),
		groups:   map[string]*group{},
	}
	if err := l.load(); err != nil {
		return nil, err
	}
	go l.write()
	return l, nil
}

// Close writes what is in memory and ends the log; what is appended from then on is lost. It returns an error if not all
// could be written.
func (l *Log) Close() error {
	l.closing.Do(func() { close(l.stopping) })
	<-l.stopped
	return l.closeErr
}

// Append adds events to a stream, which exists from then on. It never waits for the disk: where the disk does not keep up
// and memory is used up, events are dropped, and a line in their place says how many.
func (l *Log) Append(group, stream string, events ...Event) {
	if len(events) == 0 || l.isClosed() {
		return
	}
	l.append(group, stream, events, false)
}

// Offer is Append for whoever can be refused: it adds all events, or none if they would have to be dropped, and answers
// whether it did.
func (l *Log) Offer(group, stream string, events ...Event) bool {
	return !l.isClosed() && (len(events) == 0 || l.append(group, stream, events, true))
}

// append adds events, with whole all or none of them. It answers whether it added all that it could.
func (l *Log) append(group, stream string, events []Event, whole bool) bool {
	for {
		result := l.groupOf(group).append(stream, events, whole)
		if result == deletedGroup {
			continue // just now: there is a new one, or will be
		}
		if result == appendedFull {
			nudge(l.kick)
		}
		return result != refused
	}
}

// nudge leaves a word in a channel that has room for one.
func nudge(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Appeared returns a channel in which there is a word after Append made a group. There is one such channel; a word may
// stand for several groups.
func (l *Log) Appeared() <-chan struct{} { return l.appeared }

// Has tells whether there is a group.
func (l *Log) Has(group string) bool { return l.lookup(group) != nil }

// Group describes a group; false if there is none.
func (l *Log) Group(group string) (GroupInfo, bool) {
	g := l.lookup(group)
	if g == nil {
		return GroupInfo{}, false
	}
	return g.info(), true
}

// Sync returns when everything appended before the call is on disk, or cannot be written, or ctx ends.
func (l *Log) Sync(ctx context.Context) error {
	return l.command(ctx, func(w *writer) error { return w.flush(true) })
}

// DeleteGroup removes a group with all its streams. It returns ErrNoGroup if there is none.
func (l *Log) DeleteGroup(ctx context.Context, group string) error {
	return l.command(ctx, func(w *writer) error { return w.deleteGroup(group) })
}

// DeleteStream removes what a group holds of a stream, from its files too. It returns ErrNoGroup if there is no such
// group; a stream that does not exist is no error. What is appended meanwhile may stay.
func (l *Log) DeleteStream(ctx context.Context, group, stream string) error {
	return l.command(ctx, func(w *writer) error { return w.deleteStream(ctx, group, stream) })
}

// GroupInfo describes a log group.
type GroupInfo struct {
	Name string
	// Bytes is the size of its segments.
	Bytes int64
	// Created is when its oldest segment was begun, to the hour; zero if there is none any more.
	Created time.Time
	// First is when its first line of this process' run arrived, else Created.
	First time.Time
}

// Groups returns all groups in the order of their names.
func (l *Log) Groups() []GroupInfo {
	var out []GroupInfo
	for _, g := range l.allGroups() {
		out = append(out, g.info())
	}
	slices.SortFunc(out, func(a, b GroupInfo) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// Stats returns the counters.
func (l *Log) Stats() Stats {
	return Stats{
		Bytes:           l.bytes.Load(),
		DroppedLines:    l.droppedLines.Load(),
		DroppedSegments: l.droppedSegments.Load(),
		DroppedBytes:    l.droppedBytes.Load(),
		BadLines:        l.badLines.Load(),
		WriteErrors:     l.writeErrors.Load(),
	}
}

// command has the writer run f, and returns f's error.
func (l *Log) command(ctx context.Context, f func(*writer) error) error {
	done := make(chan error, 1)
	select {
	case l.commands <- func(w *writer) { done <- f(w) }:
	case <-l.stopping:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l *Log) isClosed() bool {
	select {
	case <-l.stopping:
		return true
	default:
		return false
	}
}

// groupOf returns a group, which it makes if there is none.
func (l *Log) groupOf(name string) *group {
	if g := l.lookup(name); g != nil {
		return g
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	g := l.groups[name]
	if g == nil {
		g = newGroup(l, name)
		l.groups[name] = g
		nudge(l.appeared)
	}
	return g
}

// lookup returns a group, or nil.
func (l *Log) lookup(name string) *group {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.groups[name]
}

// allGroups returns all groups in no order.
func (l *Log) allGroups() []*group {
	l.mu.RLock()
	defer l.mu.RUnlock()
	out := make([]*group, 0, len(l.groups))
	for _, g := range l.groups {
		out = append(out, g)
	}
	return out
}
