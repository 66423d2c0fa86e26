package logs

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"time"
)

const (
	// blockBytes is the least size of a block: how much is read to find one line.
	blockBytes = 64 << 10
	// maxLine is the greatest length of a line that is looked at: the longest message, every byte of it escaped.
	maxLine = 8 * MaxMessage
)

// index tells what a segment holds. Its times are in nanoseconds since 1970.
type index struct {
	blocks  []block
	streams map[string]*span
}

// block is a run of lines that begins at an offset and ends where the next begins, with their earliest and latest time.
type block struct{ at, first, last int64 }

// span is what a segment holds of one stream. ingested is the time of the last arrival in milliseconds, bytes the length
// of its lines.
type span struct{ first, last, ingested, bytes int64 }

func newIndex() *index { return &index{streams: map[string]*span{}} }

// add enters the line at an offset, n bytes long. Lines are entered in their order.
func (x *index) add(at int64, l *line, n int) {
	if len(x.blocks) == 0 || at-x.blocks[len(x.blocks)-1].at >= blockBytes {
		x.blocks = append(x.blocks, block{at: at, first: l.time, last: l.time})
	}
	b := &x.blocks[len(x.blocks)-1]
	b.first, b.last = min(b.first, l.time), max(b.last, l.time)
	s := x.streams[l.stream]
	if s == nil {
		s = &span{first: l.time, last: l.time}
		x.streams[l.stream] = s
	}
	s.merge(span{l.time, l.time, l.ingested, int64(n)})
}

// merge adds what else there is of the same stream.
func (s *span) merge(o span) {
	*s = span{min(s.first, o.first), max(s.last, o.last), max(s.ingested, o.ingested), s.bytes + o.bytes}
}

// indexFile is the form of an index on disk.
type indexFile struct {
	Size    int64               `json:"size"`
	Blocks  [][3]int64          `json:"blocks"`
	Streams map[string][4]int64 `json:"streams"`
}

// encode returns the index of a segment of the given size in the form that decodeIndex reads.
func (x *index) encode(size int64) ([]byte, error) {
	f := indexFile{Size: size, Streams: make(map[string][4]int64, len(x.streams))}
	for _, b := range x.blocks {
		f.Blocks = append(f.Blocks, [3]int64{b.at, b.first, b.last})
	}
	for name, s := range x.streams {
		f.Streams[name] = [4]int64{s.first, s.last, s.ingested, s.bytes}
	}
	data, err := json.Marshal(f)
	if err != nil {
		return nil, err
	}
	return append(data, checksum(data)...), nil
}

// checksum returns the last line of an index file. An index that lies would hide lines.
func checksum(data []byte) string {
	return fmt.Sprintf("\n%08x\n", crc32.ChecksumIEEE(data))
}

// decodeIndex reads the index of a segment of the given size. It refuses the index of another size: that of a segment to
// which something happened since.
func decodeIndex(data []byte, size int64) (*index, error) {
	end := bytes.IndexByte(data, '\n')
	if end < 0 || string(data[end:]) != checksum(data[:end]) {
		return nil, errors.New("index is damaged")
	}
	var f indexFile
	if err := json.Unmarshal(data[:end], &f); err != nil {
		return nil, fmt.Errorf("decode index: %w", err)
	}
	if f.Size != size {
		return nil, fmt.Errorf("index is of %d bytes, the segment has %d", f.Size, size)
	}
	x := newIndex()
	next := int64(0)
	for _, b := range f.Blocks {
		if b[0] < next || b[0] >= size {
			return nil, errors.New("index is not in order")
		}
		next = b[0] + 1
		x.blocks = append(x.blocks, block{b[0], b[1], b[2]})
	}
	for name, s := range f.Streams {
		x.streams[name] = &span{s[0], s[1], s[2], s[3]}
	}
	return x, nil
}

// loadIndex returns the index of a segment that nobody writes to: the one beside it, or one made by reading the segment.
func loadIndex(path string, size int64) (x *index, saved bool, err error) {
	data, err := os.ReadFile(path + indexSuffix)
	if err == nil {
		if x, err := decodeIndex(data, size); err == nil {
			return x, true, nil
		}
	}
	f, err := os.Open(path + segmentSuffix)
	if err != nil {
		return nil, false, err
	}
	defer f.Close()
	x, err = buildIndex(io.LimitReader(f, size))
	return x, false, err
}

// buildIndex makes the index of a segment. Lines that cannot be read are left out.
func buildIndex(r io.Reader) (*index, error) {
	x := newIndex()
	in := bufio.NewReaderSize(r, maxLine)
	for at := int64(0); ; {
		b, err := in.ReadSlice('\n')
		if err == nil {
			if l, ok := parseLine(b[:len(b)-1]); ok { // what was blotted out is not
				x.add(at, &l, len(b))
			}
		}
		at += int64(len(b))
		switch {
		case err == io.EOF:
			return x, nil
		case err != nil && !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
	}
}

// StreamInfo describes a log stream.
type StreamInfo struct {
	Name string
	// First and Last are the earliest and the latest time of its events.
	First, Last time.Time
	// Ingested is when the last of them was appended.
	Ingested time.Time
	// Bytes is their size.
	Bytes int64
}

func (s span) info(name string) StreamInfo {
	return StreamInfo{
		Name:     name,
		First:    time.Unix(0, s.first).UTC(),
		Last:     time.Unix(0, s.last).UTC(),
		Ingested: time.UnixMilli(s.ingested).UTC(),
		Bytes:    s.bytes,
	}
}
