package environment

import (
	"bytes"
	"encoding/binary"
)

// maxLine is the longest event, which is also CloudWatch's limit. Longer lines
// are split.
const maxLine = 256 << 10

// eventMark begins an event of several lines, which a runtime of ours writes
// among the lines of the output: the mark, the length in four bytes,
// little-endian, and the text.
const eventMark = "\x00furl\x01"

// splitter cuts output into events.
type splitter struct {
	buf     []byte // what has not made an event yet
	scanned int    // how much of buf holds neither line end nor mark
}

// feed adds output and calls emit for each event that it completes. The text is
// valid during the call only.
func (s *splitter) feed(b []byte, emit func(text []byte)) {
	s.buf = append(s.buf, b...)
	start := 0
	for {
		n, ok := s.next(s.buf[start:], emit)
		if !ok {
			break
		}
		start += n
		s.scanned = 0
	}
	if start > 0 {
		s.buf = append(s.buf[:0], s.buf[start:]...)
	}
	if len(s.buf) == 0 && cap(s.buf) > maxLine {
		s.buf = nil // one long line is no reason to keep the room for ever
	}
}

// next emits the first event of b and returns its length, or notes how far it
// looked in vain.
func (s *splitter) next(b []byte, emit func([]byte)) (int, bool) {
	i := bytes.IndexAny(b[s.scanned:], "\n\x00")
	for i >= 0 {
		i += s.scanned
		if i > maxLine {
			break
		}
		if b[i] == '\n' {
			emit(b[:i])
			return i + 1, true
		}
		text, n, state := marked(b[i:])
		switch state {
		case markWhole:
			if i > 0 {
				emit(b[:i])
			}
			emit(text)
			return i + n, true
		case markPart:
			s.scanned = i
			return 0, false
		}
		s.scanned = i + 1
		i = bytes.IndexAny(b[s.scanned:], "\n\x00")
	}
	if len(b) > maxLine {
		emit(b[:maxLine])
		return maxLine, true
	}
	s.scanned = len(b)
	return 0, false
}

type markState int

const (
	markNone markState = iota
	markPart
	markWhole
)

// marked reads a marked event from b, which begins with NUL.
func marked(b []byte) (text []byte, n int, state markState) {
	head := len(eventMark) + 4
	if len(b) < len(eventMark) {
		if eventMark[:len(b)] == string(b) {
			return nil, 0, markPart
		}
		return nil, 0, markNone
	}
	if string(b[:len(eventMark)]) != eventMark {
		return nil, 0, markNone
	}
	if len(b) < head {
		return nil, 0, markPart
	}
	length := binary.LittleEndian.Uint32(b[len(eventMark):])
	if length > maxLine {
		return nil, 0, markNone
	}
	if len(b) < head+int(length) {
		return nil, 0, markPart
	}
	return b[head : head+int(length)], head + int(length), markWhole
}

// flush emits what is left as it is.
func (s *splitter) flush(emit func(text []byte)) {
	if len(s.buf) > 0 {
		emit(s.buf)
	}
	s.buf, s.scanned = s.buf[:0], 0
}
