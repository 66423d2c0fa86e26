package strict

import "bytes"

// state is the unit that the scanner is in.
type state int

const (
	atStart     state = iota // nothing has arrived: it may be HTTP/2
	inHead                   // a request's line and header fields
	inBody                   // a body of known length
	inChunkLine              // the line before a chunk's data
	inChunkData              // a chunk's data
	inChunkEnd               // the line end after a chunk's data
	inTrailer                // what follows the last chunk
	inHTTP2                  // not to be followed
)

// event is what the scanner has come to.
type event int

const (
	wanting  event = iota // more bytes are needed
	unitDone              // on to the next unit
	headDone              // a whole head, good
	blank                 // an empty line before a head, to be dropped
	faulty                // scanner.fault says what is wrong
)

// Bounds on the lines around chunks: extensions and trailers mean nothing here.
const (
	maxChunkLine = 256
	maxTrailer   = 2 << 10
)

// scanner follows a stream of requests. It keeps no bytes: a unit that is not
// whole is shown to it again, longer, from its beginning.
type scanner struct {
	opts  *Options
	state state
	head  head
	// remain counts the bytes of a body or a chunk that are still to come.
	remain int64
	// line is where the current line of the unit begins, seen how far it was
	// searched.
	line, seen int
	// blanks counts the empty lines before a head.
	blanks int
	fault  *Fault
}

func (s *scanner) inHead() bool { return s.state == inHead || s.state == atStart }

// next goes on through b, which begins at the unit that the scanner is in, or
// in the middle of a body, and returns how many bytes are done with.
func (s *scanner) next(b []byte) (n int, e event) {
	switch s.state {
	case inHTTP2:
		return len(b), wanting
	case atStart:
		if got := b[:min(len(b), len(preface))]; s.opts.HTTP2 && string(got) == preface[:len(got)] {
			if len(got) < len(preface) {
				return 0, wanting
			}
			s.state = inHTTP2
			return len(b), wanting
		}
		s.state = inHead
		return s.headLines(b)
	case inHead:
		return s.headLines(b)
	case inBody:
		return s.data(b, inHead)
	case inChunkLine:
		return s.chunkLine(b)
	case inChunkData:
		return s.data(b, inChunkEnd)
	case inChunkEnd:
		return s.chunkEnd(b)
	default:
		return s.trailerLines(b)
	}
}

// turn begins the next unit after n bytes of this one.
func (s *scanner) turn(n int, next state, e event) (int, event) {
	s.state, s.line, s.seen = next, 0, 0
	return n, e
}

func (s *scanner) fail(f *Fault) (int, event) {
	s.fault = f
	return 0, faulty
}

// data passes over the bytes of a body or a chunk.
func (s *scanner) data(b []byte, next state) (int, event) {
	n := int(min(s.remain, int64(len(b))))
	if s.remain -= int64(n); s.remain > 0 {
		return n, wanting
	}
	return s.turn(n, next, unitDone)
}

// nextLine finds the end of the unit's current line; end is that of its text,
// or of what there is of it.
func (s *scanner) nextLine(b []byte) (end int, whole, bare bool) {
	i := bytes.IndexByte(b[s.seen:], '\n')
	if i < 0 {
		s.seen = len(b)
		return len(b), false, false
	}
	end = s.seen + i
	s.seen = end + 1
	if end == s.line || b[end-1] != '\r' {
		return end, true, true
	}
	return end - 1, true, false
}

// headLines reads the lines of a head that are there.
func (s *scanner) headLines(b []byte) (int, event) {
	for {
		end, whole, bare := s.nextLine(b)
		if f := s.head.tooLong(b[:s.seen], s.opts); f != nil {
			return s.fail(f)
		}
		if !whole {
			return 0, wanting
		}
		if bare {
			return s.fail(s.head.fault(b, 400, "a line ends without a carriage return"))
		}
		from := s.line
		s.line = s.seen
		var f *Fault
		switch {
		case end > from && !s.head.begun:
			f = s.head.requestLine(b[:end], s.opts)
		case end > from:
			f = s.head.field(b, from, end)
		case s.head.begun:
			return s.endHead(b)
		default:
			if s.blanks++; s.blanks > 1 {
				return s.fail(s.head.fault(nil, 400, "empty lines before the request"))
			}
			return s.turn(s.line, inHead, blank)
		}
		if f != nil {
			return s.fail(f)
		}
	}
}

// endHead turns to what follows a head.
func (s *scanner) endHead(b []byte) (int, event) {
	if f := s.head.finish(b); f != nil {
		return s.fail(f)
	}
	next := inHead
	switch {
	case s.head.chunked:
		next = inChunkLine
	case s.head.length > 0:
		next, s.remain = inBody, s.head.length
	}
	s.blanks = 0
	return s.turn(s.line, next, headDone)
}

// chunkLine reads a chunk's size; extensions are looked at and ignored.
func (s *scanner) chunkLine(b []byte) (int, event) {
	end, whole, bare := s.nextLine(b)
	if s.seen > maxChunkLine {
		return s.fail(&Fault{Status: 400, Reason: "the line before a chunk is too long"})
	}
	if !whole {
		return 0, wanting
	}
	if bare {
		return s.fail(&Fault{Status: 400, Reason: "the line before a chunk ends without a carriage return"})
	}
	digits, size := 0, int64(0)
	for ; digits < end; digits++ {
		d := hexValue(b[digits])
		if d < 0 {
			break
		}
		size = size<<4 | int64(d)
	}
	switch rest := b[digits:end]; {
	case digits == 0 || digits > 15:
		return s.fail(&Fault{Status: 400, Reason: "malformed chunk size"})
	case len(rest) > 0 && rest[0] != ';', !validValue(rest):
		return s.fail(&Fault{Status: 400, Reason: "malformed chunk extension"})
	}
	s.remain = size
	if size == 0 {
		return s.turn(s.seen, inTrailer, unitDone)
	}
	return s.turn(s.seen, inChunkData, unitDone)
}

// chunkEnd reads the line end after a chunk's data.
func (s *scanner) chunkEnd(b []byte) (int, event) {
	const lineEnd = "\r\n"
	got := b[:min(len(b), len(lineEnd))]
	switch {
	case string(got) != lineEnd[:len(got)]:
		return s.fail(&Fault{Status: 400, Reason: "a chunk is longer than its size"})
	case len(got) < len(lineEnd):
		return 0, wanting
	}
	return s.turn(len(lineEnd), inChunkLine, unitDone)
}

// trailerLines reads the fields after the last chunk, which mean nothing here.
func (s *scanner) trailerLines(b []byte) (int, event) {
	for {
		end, whole, bare := s.nextLine(b)
		if s.seen > maxTrailer {
			return s.fail(&Fault{Status: 400, Reason: "the trailer is too long"})
		}
		if !whole {
			return 0, wanting
		}
		line := b[s.line:end]
		s.line = s.seen
		if !bare && len(line) == 0 {
			return s.turn(s.seen, inHead, unitDone)
		}
		if _, _, reason := splitField(line); bare || reason != "" {
			return s.fail(&Fault{Status: 400, Reason: "malformed trailer"})
		}
	}
}

func hexValue(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
