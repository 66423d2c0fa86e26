package namespace

import (
	"encoding/binary"
)

// reaperSize is more than the code has bytes. What follows it is never reached.
const reaperSize = 256

// reaperText is where the code is. It is not called from here but copied.
func reaperText() *[reaperSize]byte

// reaper is the program that a guard turns into once its program runs. It does what
// the guard did: collect processes that lost their parent, pass on SIGTERM, tell
// the server that the program runs and how it ended (see decode). Written for the machine it takes
// three pages of memory, where an idle Go or Python program takes a megabyte, and
// there is one for each execution environment.
func reaper() []byte {
	const (
		headers = 64 + 2*56
		at      = 0x400000
	)
	b := []byte("\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00")
	le := binary.LittleEndian
	for _, v := range [...]uint16{2, 62} { // executable, x86-64
		b = le.AppendUint16(b, v)
	}
	b = le.AppendUint32(b, 1)
	for _, v := range [...]uint64{at + headers, 64, 0} { // entry, program headers, no sections
		b = le.AppendUint64(b, v)
	}
	b = le.AppendUint32(b, 0)
	for _, v := range [...]uint16{64, 56, 2, 0, 0, 0} {
		b = le.AppendUint16(b, v)
	}
	const size = headers + reaperSize
	b = segment(b, 1, 4|1, at, size)      // PT_LOAD: all of it, to read and execute
	b = segment(b, 0x6474e551, 4|2, 0, 0) // PT_GNU_STACK: to read and write
	return append(b, reaperText()[:]...)
}

// segment appends a program header.
func segment(b []byte, kind, flags uint32, address, size uint64) []byte {
	b = binary.LittleEndian.AppendUint32(b, kind)
	b = binary.LittleEndian.AppendUint32(b, flags)
	for _, v := range [...]uint64{0, address, address, size, size, 4096} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	return b
}

// bequestSize is more than the code has bytes.
const bequestSize = 256

func bequestText() *[bequestSize]byte

// bequest is the code by which a forked guard starts its program and turns into the
// reaper, without its memory being copied: the program is a child that shares it, and
// waits until the guard has left it for the reaper's. It returns zero, in the program
// only, or a negative errno when there is none. Its fourth argument is a word that the
// kernel clears when the guard has left, the fifth where the C library keeps the number of
// the calling thread.
func bequest() []byte { return bequestText()[:] }
