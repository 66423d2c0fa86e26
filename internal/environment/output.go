package environment

import (
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"time"
)

// lineOverhead is what a line costs in the log beside its text, in bytes:
// without it, empty lines would be free.
const lineOverhead = 128

// tailSize is the size of a log tail.
const tailSize = 4096

// output collects what one environment prints and puts the platform's records
// in their places among it.
//
// A goroutine reads whenever there is something, so that no function waits for
// its output to be taken. Before an invocation ends, the goroutine that invoked
// takes what is left itself: one read that usually finds nothing.
type output struct {
	deliver func([]Event)
	format  func(dst []byte, e *Event) []byte
	limit   int
	take    func(fd uintptr) // read, as Control wants it

	mu     sync.Mutex
	raw    syscall.RawConn
	buf    []byte
	lines  splitter
	events []Event
	last   time.Time // of the last event

	requestID string
	budget    int
	dropped   int
	tail      []byte
	tailing   bool
}

func newOutput(limit int, deliver func([]Event), format func([]byte, *Event) []byte) *output {
	o := &output{deliver: deliver, format: format, limit: limit, budget: limit}
	o.take = func(fd uintptr) { o.read(fd) }
	return o
}

// attach takes file as the source from now on. The goroutine that reads it is
// added to wg and ends when file is closed, which the caller does.
func (o *output) attach(file *os.File, wg *sync.WaitGroup) error {
	raw, err := file.SyscallConn()
	if err != nil {
		return fmt.Errorf("environment: output: %w", err)
	}
	o.mu.Lock()
	o.raw = raw
	o.mu.Unlock()
	wg.Go(func() { o.pump(raw) })
	return nil
}

// pump reads until the output's end.
func (o *output) pump(raw syscall.RawConn) {
	// The error is that of a closed file, which is how a sandbox ends.
	raw.Read(func(fd uintptr) bool {
		o.mu.Lock()
		defer o.mu.Unlock()
		err := o.read(fd)
		o.flush()
		return err != nil
	})
}

// read takes what is there. It returns nil when more may come.
func (o *output) read(fd uintptr) error {
	if o.buf == nil {
		o.buf = make([]byte, 32<<10)
	}
	for {
		n, err := syscall.Read(int(fd), o.buf)
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			return nil
		case err != nil:
			return err
		case n == 0:
			return io.EOF
		}
		now := time.Now()
		o.lines.feed(o.buf[:n], func(text []byte) { o.line(now, text) })
		if len(o.events) > 256 {
			o.flush()
		}
	}
}

// line adds one line unless the invocation has printed too much.
func (o *output) line(now time.Time, text []byte) {
	if len(text)+lineOverhead > o.budget {
		o.dropped += len(text)
		return
	}
	o.budget -= len(text) + lineOverhead
	o.add(Event{Kind: Line, Time: now, RequestID: o.requestID, Text: string(text)})
}

// add takes an event in its turn. Times never go back: readers sort by them,
// and a record that was made before the last line was read belongs after it.
func (o *output) add(e Event) {
	if e.Time.Before(o.last) {
		e.Time = o.last
	}
	o.last = e.Time
	o.events = append(o.events, e)
	if !o.tailing || o.format == nil {
		return
	}
	o.tail = o.format(o.tail, &o.events[len(o.events)-1])
	if len(o.tail) > 2*tailSize {
		o.tail = append(o.tail[:0], o.tail[len(o.tail)-tailSize:]...)
	}
}

// flush delivers the events that were collected.
func (o *output) flush() {
	if len(o.events) == 0 {
		return
	}
	o.deliver(o.events)
	clear(o.events)
	o.events = o.events[:0]
}

// record adds a platform record outside of an invocation.
func (o *output) record(e Event) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.add(e)
	o.flush()
}

// begin opens an invocation. Its Start is delivered together with what follows.
func (o *output) begin(requestID string, now time.Time, tail bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closeLines(now)
	o.requestID, o.tailing, o.tail = requestID, tail, nil
	o.add(Event{Kind: Start, Time: now, RequestID: requestID})
}

// withdraw takes back a begin whose invocation did not happen.
func (o *output) withdraw() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if n := len(o.events); n > 0 && o.events[n-1].Kind == Start {
		o.events = o.events[:n-1]
	}
	o.requestID, o.tailing, o.tail = "", false, nil
}

// drain takes what the function printed up to now.
func (o *output) drain(now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.raw != nil {
		o.raw.Control(o.take) // fails when the sandbox is gone, and its output with it
	}
	o.closeLines(now)
}

// closeLines ends an unfinished line and accounts for what was dropped.
func (o *output) closeLines(now time.Time) {
	o.lines.flush(func(text []byte) { o.line(now, text) })
	if o.dropped > 0 {
		o.add(Event{Kind: Line, Time: now, RequestID: o.requestID,
			Text: fmt.Sprintf("furl: %d bytes of output dropped", o.dropped)})
	}
	o.dropped, o.budget = 0, o.limit
}

// end closes the invocation with the platform's records, delivers everything
// and returns the log tail.
func (o *output) end(records ...Event) []byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, e := range records {
		o.add(e)
	}
	o.flush()
	o.requestID = ""
	tail := o.tail
	o.tail, o.tailing = nil, false
	return tail[max(0, len(tail)-tailSize):]
}
