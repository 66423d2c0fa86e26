// Package checksum computes the checksums that S3 keeps beside objects: CRC-32, CRC-32C, CRC-64/NVME, SHA-1 and SHA-256.
// It also combines those of an upload's parts. It knows no requests.
package checksum

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"math/bits"
	"strconv"
	"strings"
)

// Algorithm is one of S3's checksum algorithms, as the API spells it.
type Algorithm string

// The algorithms.
const (
	CRC32     Algorithm = "CRC32"
	CRC32C    Algorithm = "CRC32C"
	CRC64NVME Algorithm = "CRC64NVME"
	SHA1      Algorithm = "SHA1"
	SHA256    Algorithm = "SHA256"
)

// nvme is the polynomial of CRC-64/NVME, reflected as package crc64 wants it.
const nvme = 0x9a6c9329ac4bc9b5

// Algorithms lists all of them.
func Algorithms() []Algorithm { return []Algorithm{CRC32, CRC32C, CRC64NVME, SHA1, SHA256} }

// Parse reads an algorithm's name, in any case.
func Parse(name string) (Algorithm, bool) {
	for _, a := range Algorithms() {
		if strings.EqualFold(string(a), name) {
			return a, true
		}
	}
	return "", false
}

// Header is the name of the header field, or trailing field, that carries a checksum, in lower case.
func (a Algorithm) Header() string { return "x-amz-checksum-" + strings.ToLower(string(a)) }

// Size is the length of a checksum in bytes.
func (a Algorithm) Size() int { return a.New().Size() }

// New begins a checksum.
func (a Algorithm) New() hash.Hash {
	switch a {
	case CRC32:
		return crc32.NewIEEE()
	case CRC32C:
		return crc32.New(crc32.MakeTable(crc32.Castagnoli))
	case SHA1:
		return sha1.New()
	case SHA256:
		return sha256.New()
	default:
		return crc64.New(crc64.MakeTable(nvme))
	}
}

// Linear reports whether the checksum of a whole follows from those of its parts.
func (a Algorithm) Linear() bool { return a == CRC32 || a == CRC32C || a == CRC64NVME }

// Decode reads a checksum as the API writes it, in base64.
func (a Algorithm) Decode(text string) ([]byte, bool) {
	sum, err := base64.StdEncoding.DecodeString(text)
	return sum, err == nil && len(sum) == a.Size()
}

// Encode writes a checksum as the API does.
func Encode(sum []byte) string { return base64.StdEncoding.EncodeToString(sum) }

// Composite is the checksum over the checksums of parts, with their number behind it.
func (a Algorithm) Composite(parts [][]byte) string {
	h := a.New()
	for _, p := range parts {
		h.Write(p)
	}
	return Encode(h.Sum(nil)) + "-" + strconv.Itoa(len(parts))
}

// Part is a part's checksum and its length in bytes.
type Part struct {
	Sum  []byte
	Size int64
}

// Whole is the checksum of parts that follow each other. The algorithm must be Linear.
func (a Algorithm) Whole(parts []Part) []byte {
	poly, width := uint64(nvme), 64
	switch a {
	case CRC32:
		poly, width = crc32.IEEE, 32
	case CRC32C:
		poly, width = crc32.Castagnoli, 32
	}
	var whole uint64
	for i, p := range parts {
		sum := fromBytes(p.Sum)
		if i > 0 {
			sum ^= multiply(whole, power(uint64(p.Size), poly, width), poly, width)
		}
		whole = sum
	}
	return toBytes(whole, width/8)
}

// power is x to the 8n modulo the polynomial: what n bytes of zeros do to a CRC. Polynomials are reflected: the highest
// bit stands for x to the 0.
func power(n, poly uint64, width int) uint64 {
	result := uint64(1) << (width - 1)
	square := uint64(1) << (width - 1 - 8) // x^8
	for ; n > 0; n >>= 1 {
		if n&1 == 1 {
			result = multiply(result, square, poly, width)
		}
		square = multiply(square, square, poly, width)
	}
	return result
}

// multiply is the product of two polynomials modulo a third.
func multiply(a, b, poly uint64, width int) uint64 {
	var product uint64
	for i := width - 1; i >= 0; i-- {
		if a&(1<<i) != 0 {
			product ^= b
		}
		if b&1 == 1 {
			b = b>>1 ^ poly
		} else {
			b >>= 1
		}
	}
	return product
}

func fromBytes(sum []byte) (v uint64) {
	for _, b := range sum {
		v = v<<8 | uint64(b)
	}
	return v
}

func toBytes(v uint64, n int) []byte {
	sum := make([]byte, n)
	for i := range sum {
		sum[n-1-i] = byte(v)
		v = bits.RotateLeft64(v, -8)
	}
	return sum
}
