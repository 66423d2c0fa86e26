package code

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Sizes and signatures of the records at the end of a zip archive (APPNOTE.TXT 4.3.12 to 4.3.16).
const (
	directoryHeaderSize = 46
	directoryEndSize    = 22
	locator64Size       = 20
	directoryEnd64Size  = 56
	maxComment          = 1<<16 - 1

	directoryHeaderSignature = 0x02014b50
	directoryEndSignature    = 0x06054b50
	locator64Signature       = 0x07064b50
	directoryEnd64Signature  = 0x06064b50
)

var (
	errNotZip    = errors.New("not a zip archive")
	errTruncated = errors.New("the archive is cut short")
)

// directory is where an archive keeps its table of entries, as its end record tells.
type directory struct {
	records uint64
	offset  uint64
	size    uint64
	end     uint64 // offset of the record that must follow the table
}

// countEntries walks the table of entries without keeping anything of it and returns the number of entries, at most
// limit. archive/zip reads as many entries as it finds, whatever the archive declares, and allocates for each; so the
// table is measured first. Demanding that the table is exactly where and as long as the archive says also means that
// archive/zip, and every other reader, sees the same entries. It returns a nil error only if that holds.
func countEntries(r io.ReaderAt, size int64, limit int) (int, error) {
	d, err := findDirectory(r, size)
	if err != nil {
		return 0, err
	}
	if d.offset > d.end || d.end-d.offset != d.size {
		return 0, errors.New("the table of entries is not where the archive says, or bytes stand before the archive")
	}
	if d.records > uint64(limit) {
		return 0, fmt.Errorf("%d entries, the limit is %d", d.records, limit)
	}
	n := 0
	var header [directoryHeaderSize]byte
	for at := d.offset; at < d.end; n++ {
		if d.end-at < directoryHeaderSize {
			return 0, errTruncated
		}
		if err := readFull(r, header[:], at); err != nil {
			return 0, err
		}
		if binary.LittleEndian.Uint32(header[:]) != directoryHeaderSignature {
			return 0, errors.New("the table of entries is damaged")
		}
		at += directoryHeaderSize
		for _, i := range []int{28, 30, 32} { // lengths of name, extra field, comment
			at += uint64(binary.LittleEndian.Uint16(header[i:]))
		}
		if at > d.end || uint64(n) == d.records {
			return 0, errors.New("the table of entries is longer than declared")
		}
	}
	if uint64(n) != d.records {
		return 0, errors.New("the table of entries is shorter than declared")
	}
	return n, nil
}

// findDirectory reads the record at the end of the archive, and its 64-bit extension if it points to one.
func findDirectory(r io.ReaderAt, size int64) (directory, error) {
	if size < directoryEndSize {
		return directory{}, errNotZip
	}
	tail := make([]byte, min(size, directoryEndSize+maxComment))
	start := uint64(size) - uint64(len(tail))
	if err := readFull(r, tail, start); err != nil {
		return directory{}, err
	}
	i := findEnd(tail)
	if i < 0 {
		return directory{}, errNotZip
	}
	end := tail[i:]
	d := directory{
		records: uint64(binary.LittleEndian.Uint16(end[10:])),
		size:    uint64(binary.LittleEndian.Uint32(end[12:])),
		offset:  uint64(binary.LittleEndian.Uint32(end[16:])),
		end:     start + uint64(i),
	}
	// A size of 1<<16-1 is none of the marks of the 64-bit form, but archive/zip takes it for one; both must look alike.
	if d.records == 1<<16-1 || d.size == 1<<16-1 || d.size == 1<<32-1 || d.offset == 1<<32-1 {
		return findDirectory64(r, d)
	}
	return d, nil
}

// findEnd returns the index in tail of the end record nearest to the end, or -1.
func findEnd(tail []byte) int {
	for i := len(tail) - directoryEndSize; i >= 0; i-- {
		if binary.LittleEndian.Uint32(tail[i:]) != directoryEndSignature {
			continue
		}
		if comment := int(binary.LittleEndian.Uint16(tail[i+20:])); i+directoryEndSize+comment > len(tail) {
			return -1
		}
		return i
	}
	return -1
}

// findDirectory64 returns the 64-bit form of d, or d itself where the archive has none.
func findDirectory64(r io.ReaderAt, d directory) (directory, error) {
	if d.end < locator64Size {
		return d, nil
	}
	var locator [locator64Size]byte
	if err := readFull(r, locator[:], d.end-locator64Size); err != nil {
		return directory{}, err
	}
	if binary.LittleEndian.Uint32(locator[:]) != locator64Signature {
		return d, nil
	}
	if binary.LittleEndian.Uint32(locator[4:]) != 0 || binary.LittleEndian.Uint32(locator[16:]) != 1 {
		return directory{}, errors.New("the archive is spread over several files")
	}
	at := binary.LittleEndian.Uint64(locator[8:])
	if at > d.end {
		return directory{}, errTruncated
	}
	var end [directoryEnd64Size]byte
	if err := readFull(r, end[:], at); err != nil {
		return directory{}, err
	}
	if binary.LittleEndian.Uint32(end[:]) != directoryEnd64Signature {
		return directory{}, errNotZip
	}
	return directory{
		records: binary.LittleEndian.Uint64(end[32:]),
		size:    binary.LittleEndian.Uint64(end[40:]),
		offset:  binary.LittleEndian.Uint64(end[48:]),
		end:     at,
	}, nil
}

// readFull fills b from the given offset; the end of the archive is errTruncated.
func readFull(r io.ReaderAt, b []byte, at uint64) error {
	n, err := r.ReadAt(b, int64(at))
	switch {
	case n == len(b):
		return nil
	case err == io.EOF:
		return errTruncated
	}
	return err
}
