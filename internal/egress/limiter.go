package egress

import (
	"sync"
	"time"
)

// A function that is refused gets so many lines in the log per span of time, and
// one for the same destination per shorter one: a lookup alone asks twice, and
// programs try again.
const (
	linesPerSpan = 10
	lineSpan     = time.Minute
	sameSpan     = 5 * time.Second
)

// limiter keeps a function that tries the same again and again from filling
// the log.
type limiter struct {
	mu      sync.Mutex
	began   time.Time // of the span
	lines   int       // written in it
	dropped int       // not written since the last line
	// recent is when a line was written for a destination, of this span.
	recent map[string]time.Time
}

// admit says whether a line about a destination, with the reason, may be written now, and how many
// were not since the last one.
func (l *limiter) admit(about string, now time.Time) (dropped int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.began) >= lineSpan {
		l.began, l.lines, l.recent = now, 0, map[string]time.Time{}
	}
	last, again := l.recent[about]
	if l.lines == linesPerSpan || again && now.Sub(last) < sameSpan {
		l.dropped++
		return 0, false
	}
	l.lines++
	l.recent[about] = now
	dropped, l.dropped = l.dropped, 0
	return dropped, true
}
