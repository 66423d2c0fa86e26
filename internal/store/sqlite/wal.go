package sqlite

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Sizes in a write-ahead log. https://www.sqlite.org/fileformat2.html#walformat
const (
	walHeaderSize = 32
	walFrameSize  = 24 // the header of a frame; a page follows
)

// checkLog tells whether the write-ahead log at path holds anything, and
// refuses one that is damaged.
//
// SQLite reads a log up to the first frame that does not fit its checksum and
// silently drops the rest. After a power cut that is right: the rest is a
// transaction that was never acknowledged. But when a transaction ends after
// the bad frame and another one follows, then the first was on disk before
// the second began, because every commit waits for the disk. Dropping it would
// lose what was acknowledged.
func checkLog(path string) (pending bool, err error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, cannotUse(path, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return false, cannotUse(path, err)
	}
	if info.Size() == 0 {
		return false, nil
	}
	if err := scanLog(f); err != nil {
		return true, damaged(path, err)
	}
	return true, nil
}

// walLog reads the frames of a write-ahead log.
type walLog struct {
	order   binary.ByteOrder // of the words that are summed up
	sum     [2]uint32        // the checksum so far
	salt    [8]byte          // of this generation of the log
	page    int
	frame   []byte
	stored  [2]uint32 // the checksum in the frame read last
	commits bool      // whether that frame ends a transaction
}

// scanLog returns an error if the log has lost an acknowledged transaction.
func scanLog(r io.Reader) error {
	l, err := openLog(r)
	if l == nil || err != nil {
		return err
	}
	intact := 0
	for l.next(r) && l.matches() {
		l.sum = l.stored
		intact++
	}
	if l.frame == nil {
		return nil
	}
	return l.scanRest(r, intact)
}

// scanRest looks, from the first bad frame on, for a transaction that ends and
// is followed at once by the beginning of the next. Only frames that fit what
// is before them count: others may be torn, or left from before a crash.
func (l *walLog) scanRest(r io.Reader, intact int) error {
	complete := false
	l.sum = l.stored
	for l.next(r) {
		fits := l.matches()
		if complete && fits {
			return fmt.Errorf("frame %d of the write-ahead log does not match its checksum", intact+1)
		}
		complete = fits && l.commits
		l.sum = l.stored
	}
	return nil
}

// openLog reads the header. A log without one, or with zeros for it, was being
// begun and holds nothing: it returns nil.
func openLog(r io.Reader) (*walLog, error) {
	var h [walHeaderSize]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, nil
		}
		return nil, err
	}
	if h == [walHeaderSize]byte{} {
		return nil, nil
	}
	l := &walLog{page: int(binary.BigEndian.Uint32(h[8:]))}
	switch binary.BigEndian.Uint32(h[:]) {
	case 0x377f0682:
		l.order = binary.LittleEndian
	case 0x377f0683:
		l.order = binary.BigEndian
	default:
		return nil, errors.New("the write-ahead log has a damaged header")
	}
	l.add(h[:24])
	if l.sum != words(h[24:]) || l.page < 512 || l.page > 65536 {
		return nil, errors.New("the write-ahead log has a damaged header")
	}
	copy(l.salt[:], h[16:24])
	return l, nil
}

// next reads a frame; false at the end of the log.
func (l *walLog) next(r io.Reader) bool {
	frame := make([]byte, walFrameSize+l.page)
	l.frame = nil
	if _, err := io.ReadFull(r, frame); err != nil {
		return false
	}
	l.frame = frame
	l.stored = words(frame[16:])
	l.commits = binary.BigEndian.Uint32(frame[4:]) != 0
	return true
}

// ours tells whether the frame is of this generation, not left from an older one.
func (l *walLog) ours() bool { return string(l.frame[8:16]) == string(l.salt[:]) }

// matches tells whether the frame is the one that was written after the frame
// whose checksum is l.sum.
func (l *walLog) matches() bool {
	before := l.sum
	l.add(l.frame[:8])
	l.add(l.frame[walFrameSize:])
	sum := l.sum
	l.sum = before
	return l.ours() && sum == l.stored
}

// add continues the checksum over b, whose length is a multiple of 8.
func (l *walLog) add(b []byte) {
	s0, s1 := l.sum[0], l.sum[1]
	for i := 0; i < len(b); i += 8 {
		s0 += l.order.Uint32(b[i:]) + s1
		s1 += l.order.Uint32(b[i+4:]) + s0
	}
	l.sum = [2]uint32{s0, s1}
}

func words(b []byte) [2]uint32 {
	return [2]uint32{binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])}
}
