package sandbox

import (
	"encoding/binary"
	"fmt"
)

// A frame is a header of HeaderSize bytes and a body. The header, little-endian:
//
//	0   4  length of the body
//	4   1  kind
//	5   1  1 when another frame of the same answer follows, else 0
//	6   2  zero
//	8  16  id, which an answer repeats
//	24  8  a number whose meaning depends on the kind
const HeaderSize = 32

// KindHello is the kind of the first frame a program sends: it is ready, and
// the body is what it has to say about itself. Other kinds belong to the user
// of the channel.
const KindHello = 0

// ID ties an answer to its question.
type ID [16]byte

// Header is the fixed part of a frame.
type Header struct {
	Length int
	Kind   byte
	// More is set in all frames of an answer but the last.
	More bool
	ID   ID
	Aux  uint64
}

// AppendHeader appends the header's bytes to dst.
func AppendHeader(dst []byte, h Header) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(h.Length))
	more := byte(0)
	if h.More {
		more = 1
	}
	dst = append(dst, h.Kind, more, 0, 0)
	dst = append(dst, h.ID[:]...)
	return binary.LittleEndian.AppendUint64(dst, h.Aux)
}

// ParseHeader reads a header from the first HeaderSize bytes of b. A body
// longer than limit and anything else a program of ours would not send is
// ErrProtocol.
func ParseHeader(b []byte, limit int) (Header, error) {
	if len(b) < HeaderSize {
		return Header{}, fmt.Errorf("sandbox: header of %d bytes: %w", len(b), ErrProtocol)
	}
	length := binary.LittleEndian.Uint32(b)
	if uint64(length) > uint64(limit) {
		return Header{}, fmt.Errorf("sandbox: frame of %d bytes: %w", length, ErrProtocol)
	}
	if b[5] > 1 || b[6]|b[7] != 0 {
		return Header{}, fmt.Errorf("sandbox: not a frame: %w", ErrProtocol)
	}
	h := Header{Length: int(length), Kind: b[4], More: b[5] == 1, Aux: binary.LittleEndian.Uint64(b[24:])}
	copy(h.ID[:], b[8:24])
	return h, nil
}
