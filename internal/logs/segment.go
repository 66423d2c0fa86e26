package logs

import (
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
)

const (
	segmentSuffix = ".jsonl"
	indexSuffix   = ".idx"
	hourLayout    = "2006-01-02T15"
	// maxSegment keeps offsets within the 32 bits that a token has for them.
	maxSegment = 1 << 30
)

// segmentID names a segment of a group: the hour (UTC, in hours since 1970) in which it was begun, and its number within
// that hour. IDs rise in the order in which segments are begun, whatever the clock does.
type segmentID struct {
	hour int64
	n    int64
}

func (id segmentID) compare(o segmentID) int {
	return cmp.Or(cmp.Compare(id.hour, o.hour), cmp.Compare(id.n, o.n))
}

// time returns when the segment was begun, to the hour.
func (id segmentID) time() time.Time { return time.Unix(id.hour*3600, 0).UTC() }

// String returns the segment's file name without suffix.
func (id segmentID) String() string {
	return id.time().Format(hourLayout) + "-" + strconv.FormatInt(id.n, 10)
}

// next returns the ID of a segment begun now, after id.
func (id segmentID) next(now time.Time) segmentID {
	if hour := now.Unix() / 3600; hour > id.hour {
		return segmentID{hour: hour}
	}
	return segmentID{id.hour, id.n + 1}
}

// parseSegmentID reads a file name without suffix.
func parseSegmentID(name string) (segmentID, bool) {
	if len(name) <= len(hourLayout) {
		return segmentID{}, false
	}
	t, err := time.Parse(hourLayout, name[:len(hourLayout)])
	if err != nil {
		return segmentID{}, false
	}
	n, err := strconv.ParseInt(name[len(hourLayout)+1:], 10, 32)
	id := segmentID{t.Unix() / 3600, n}
	return id, err == nil && id.String() == name
}

// segment is one file of a group. Its fields belong to the group's mutex.
type segment struct {
	id      segmentID
	path    string // without suffix
	flushed int64  // bytes in the file
	pending []byte // what comes after these; appended to, never changed
	room    int    // how much the last flush wrote: as much is expected until the next
	live    bool   // lines are still added
	index   *index // nil: not loaded. Changes only while live.
	saved   bool   // the index is on disk
	touched time.Time
}

func (s *segment) size() int64 { return s.flushed + int64(len(s.pending)) }

// place is where a line stands in a group, and when it happened. Read orders by it.
type place struct {
	time int64
	id   segmentID
	at   int64
}

func (p place) compare(o place) int {
	return cmp.Or(cmp.Compare(p.time, o.time), p.id.compare(o.id), cmp.Compare(p.at, o.at))
}

// token returns the place as a string: what Entry.ID and Query.Token are.
func (p place) token() string {
	var b [20]byte
	binary.BigEndian.PutUint64(b[:], uint64(p.time))
	binary.BigEndian.PutUint32(b[8:], uint32(p.id.hour))
	binary.BigEndian.PutUint32(b[12:], uint32(p.id.n))
	binary.BigEndian.PutUint32(b[16:], uint32(p.at))
	return hex.EncodeToString(b[:])
}

// parseToken is the reverse of token.
func parseToken(s string) (place, error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != 20 || s != strings.ToLower(s) {
		return place{}, fmt.Errorf("%w %q", ErrToken, s)
	}
	return place{
		time: int64(binary.BigEndian.Uint64(b)),
		id:   segmentID{int64(binary.BigEndian.Uint32(b[8:])), int64(binary.BigEndian.Uint32(b[12:]))},
		at:   int64(binary.BigEndian.Uint32(b[16:])),
	}, nil
}
