package egress

import (
	"sync"
	"time"
)

// A function that is refused gets so many lines in the log per span of time.
const (
	linesPerSpan = 10
	lineSpan     = time.Minute
)

// limiter keeps a function that tries the same again and again from filling
// the log.
type limiter struct {
	mu      sync.Mutex
	began   time.Time // of the span
	lines   int       // written in it
	dropped int       // not written since the last line
}

// admit says whether a line may be written now, and how many were not since
// the last one.
func (l *limiter) admit(now time.Time) (dropped int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.began) >= lineSpan {
		l.began, l.lines = now, 0
	}
	if l.lines == linesPerSpan {
		l.dropped++
		return 0, false
	}
	l.lines++
	dropped, l.dropped = l.dropped, 0
	return dropped, true
}
