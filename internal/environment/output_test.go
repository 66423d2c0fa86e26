package environment

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"furl/internal/sandbox"
)

// sink is an output that reads from a pipe, and what it delivered.
type sink struct {
	*output
	wg    sync.WaitGroup
	write *os.File

	mu     sync.Mutex
	events []Event
}

func newSink(t *testing.T, limit, rate int) *sink {
	t.Helper()
	s := new(sink)
	s.output = newOutput(limit, rate, func(events []Event) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.events = append(s.events, events...)
	}, nil)
	read, write, err := sandbox.OutputPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.write = write
	if err := s.attach(read, &s.wg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		write.Close()
		read.Close()
		s.wg.Wait()
	})
	return s
}

// print writes all of it, whatever becomes of it.
func (s *sink) print(t *testing.T, text string) {
	t.Helper()
	if _, err := s.write.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

// taken ends an invocation and returns its lines.
func (s *sink) taken() []string {
	s.drain(time.Now())
	s.end(Event{Kind: End, Time: time.Now()})
	s.mu.Lock()
	defer s.mu.Unlock()
	var lines []string
	for _, e := range s.events {
		if e.Kind == Line {
			lines = append(lines, e.Text)
		}
	}
	s.events = nil
	return lines
}

const droppedText = " bytes of output were dropped"

// However much a function prints, and whatever, what is kept is limited, the rest
// is accounted for in one line, and the next invocation begins anew.
func TestOutputIsLimited(t *testing.T) {
	const limit = 1 << 20
	for name, block := range map[string]string{
		"lines":       strings.Repeat(strings.Repeat("x", 99)+"\n", 1000),
		"empty lines": strings.Repeat("\n", 100_000),
		"no line end": strings.Repeat("y", 100_000),
		"binary":      strings.Repeat("\x00furl\x01\xff\xff\x03\x00\x00\xfe", 8000),
		"half marks":  strings.Repeat("\x00furl\x01\xff\xff\x03\x00", 10_000),
	} {
		t.Run(name, func(t *testing.T) {
			s := newSink(t, limit, 100*limit)
			for _, when := range []string{"init", "1", "", "2"} { // "": between two invocations
				if when != "" && when != "init" {
					s.begin(when, time.Now(), false)
				}
				for range 100 {
					s.print(t, block)
				}
				if when == "" {
					s.begin("next", time.Now(), false)
				}
				lines := s.taken()
				kept, dropped := 0, 0
				for i, l := range lines {
					if rest, ok := strings.CutSuffix(l, droppedText); ok {
						fmt.Sscanf(rest, "furl: %d", &dropped)
						if i != len(lines)-1 && when != "" {
							t.Errorf("%q: what was dropped is said before the end", when)
						}
						continue
					}
					kept += len(l) + lineOverhead
				}
				most := limit + maxLine
				if when == "" {
					most += limit // the pipe's rest came when the next one had begun
				}
				if kept > most || kept < limit/4 {
					t.Errorf("%q: %d bytes are kept in %d lines", when, kept, len(lines))
				}
				said := strings.Count(strings.Join(lines, "\n"), droppedText)
				if said != 1 && (when != "" || said != 2) {
					t.Errorf("%q: it is said %d times what was dropped", when, said)
				}
				if name == "lines" && kept-len(lines)*lineOverhead+dropped < 98*len(block)/100*99 {
					t.Errorf("%q: %d bytes kept and %d dropped of %d", when, kept, dropped, 100*len(block))
				}
			}
			s.output.mu.Lock()
			defer s.output.mu.Unlock()
			if size := cap(s.lines.buf) + cap(s.buf); size > 2*maxLine+64<<10 {
				t.Errorf("%d bytes are held", size)
			}
		})
	}
}

// Over time an environment may print no more than its allowance, however many
// invocations it has.
func TestOutputRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limit, rate = 1 << 20, 64 << 10
		kept, dropped := 0, 0
		o := newOutput(limit, rate, func(events []Event) {
			for _, e := range events {
				var n int
				if fmt.Sscanf(e.Text, "furl: %d bytes", &n); n > 0 {
					dropped += n
				} else if e.Kind == Line {
					kept += len(e.Text) + lineOverhead
				}
			}
		}, nil)
		const line, seconds = 872, 100
		for range seconds {
			o.begin("id", time.Now(), false)
			o.mu.Lock()
			o.allow(time.Now())
			for range 1000 { // each is a thousand bytes with its overhead
				o.line(time.Now(), make([]byte, line))
			}
			o.mu.Unlock()
			o.end(Event{Kind: End, Time: time.Now()})
			time.Sleep(time.Second)
		}
		if want := limit + seconds*rate; kept > want || kept < want*95/100 {
			t.Errorf("%d bytes kept, want nearly %d", kept, want)
		}
		if got := kept - kept/1000*lineOverhead + dropped; got != seconds*1000*line {
			t.Errorf("%d bytes are accounted for of %d", got, seconds*1000*line)
		}
		// It recovers.
		time.Sleep(time.Minute)
		kept = 0
		o.begin("id", time.Now(), false)
		o.mu.Lock()
		o.allow(time.Now())
		for range 1000 {
			o.line(time.Now(), make([]byte, line))
		}
		o.mu.Unlock()
		o.end()
		if kept != 1_000_000 {
			t.Errorf("after a pause %d bytes are kept", kept)
		}
	})
}
