package environment

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// lineOverhead is what a line costs in the log beside its text, in bytes:
// without it, empty lines would be free.
const lineOverhead = 128

const (
	// readAtOnce is how much output is taken before others get their turn. It is
	// also the most that a pipe of an unprivileged program holds, so what was printed
	// before an invocation ended is taken, and no more than that waited for.
	readAtOnce = 1 << 20
	// floodPause follows each read of output that is only thrown away: a flood must
	// not keep the server busy.
	floodPause = time.Millisecond
)

// tailSize is the size of a log tail.
const tailSize = 4096

// output collects what one environment prints and puts the platform's records
// in their places among it.
//
// A goroutine reads whenever there is something, so that no function waits for
// its output to be taken. Before an invocation ends, the goroutine that invoked
// takes what is left itself: one read that usually finds nothing.
//
// What is kept is limited in an invocation, and between two, by limit, and over time
// by the allowance, which grows with rate. The rest is dropped, and counted.
type output struct {
	deliver func([]Event)
	format  func(dst []byte, e *Event) []byte
	limit   int
	rate    float64          // of the allowance, in bytes per second
	take    func(fd uintptr) // read, as Control wants it

	mu     sync.Mutex
	raw    syscall.RawConn
	buf    []byte
	lines  splitter
	events []Event
	last   time.Time // of the last event

	requestID string
	budget    int // what is left of limit
	allowance float64
	allowed   time.Time // when it was counted
	dropped   int
	tail      []byte
	tailing   bool
}

func newOutput(limit, rate int, deliver func([]Event), format func([]byte, *Event) []byte) *output {
	o := &output{deliver: deliver, format: format, limit: limit, rate: float64(rate),
		budget: limit, allowance: float64(max(limit, rate)), allowed: time.Now()}
	o.take = func(fd uintptr) { o.read(fd, readAtOnce) }
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
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		var err error
		flood := false
		closed := raw.Read(func(fd uintptr) bool {
			o.mu.Lock()
			defer o.mu.Unlock()
			most := readAtOnce
			if flood = o.spent(); flood {
				most = 2 * len(o.buf)
			}
			err = o.read(fd, most)
			o.flush()
			return err != nil
		})
		if closed != nil || err != errMore { // which is how a sandbox ends
			return
		}
		if flood {
			pause.Reset(floodPause)
			<-pause.C
		}
	}
}

// errMore: there is more to read.
var errMore = errors.New("environment: more output")

// read takes what is there, up to most bytes or some more. It returns nil when it
// found the end of what is there for now, and io.EOF at that of the output.
func (o *output) read(fd uintptr, most int) error {
	if o.buf == nil {
		o.buf = make([]byte, 32<<10)
	}
	for done := 0; done < most; {
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
		done += n
		if o.spent() {
			o.drop(n)
			continue
		}
		now := time.Now()
		o.allow(now)
		o.lines.feed(o.buf[:n], func(text []byte) { o.line(now, text) })
		if len(o.events) > 256 {
			o.flush()
		}
	}
	return errMore
}

// spent reports whether nothing more will be kept until the next invocation.
func (o *output) spent() bool { return o.budget <= lineOverhead }

// drop throws away what was read and the line that it would have ended.
func (o *output) drop(n int) {
	o.lines.flush(func(text []byte) { o.dropped += len(text) })
	o.dropped += n
}

// allow lets the allowance grow for the time that has passed.
func (o *output) allow(now time.Time) {
	o.allowance = min(o.allowance+o.rate*max(0, now.Sub(o.allowed)).Seconds(), max(o.rate, float64(o.limit)))
	o.allowed = now
}

// quiet reports whether there is nothing to read.
func (o *output) quiet() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	waiting := 0
	if o.raw != nil {
		o.raw.Control(func(fd uintptr) { // fails when the sandbox is gone, which is quiet
			waiting, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
		})
	}
	return waiting == 0
}

// line adds one line unless the function has printed too much.
func (o *output) line(now time.Time, text []byte) {
	cost := len(text) + lineOverhead
	if cost > o.budget || float64(cost) > o.allowance {
		o.dropped += len(text)
		if cost > o.budget {
			o.budget = 0 // shorter ones would only make gaps harder to see
		}
		return
	}
	o.budget -= cost
	o.allowance -= float64(cost)
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
	o.account()
	o.add(e)
	o.flush()
}

// begin opens an invocation. Its Start is delivered together with what follows.
func (o *output) begin(requestID string, now time.Time, tail bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lines.flush(func(text []byte) { o.line(now, text) })
	o.account()
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
	o.lines.flush(func(text []byte) { o.line(now, text) })
}

// account says how much was dropped and begins anew.
func (o *output) account() {
	if o.dropped > 0 {
		o.add(Event{Kind: Line, Time: o.last, RequestID: o.requestID,
			Text: fmt.Sprintf("furl: %d bytes of output were dropped", o.dropped)})
	}
	o.dropped, o.budget = 0, o.limit
}

// end closes the invocation with the platform's records, delivers everything
// and returns the log tail.
func (o *output) end(records ...Event) []byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.account()
	for _, e := range records {
		o.add(e)
	}
	o.flush()
	o.requestID = ""
	tail := o.tail
	o.tail, o.tailing = nil, false
	return tail[max(0, len(tail)-tailSize):]
}
