package checksum_test

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"furl/internal/s3/checksum"
)

// The check values of the catalogue of CRC algorithms, and those of FIPS 180.
func TestCheckValues(t *testing.T) {
	for algorithm, want := range map[checksum.Algorithm]string{
		checksum.CRC32: "y/Q5Jg==", checksum.CRC32C: "4waSgw==", checksum.CRC64NVME: "rosUhgp5mIg=",
		checksum.SHA1: "98O8HYCOBHMq32eZZczDTKeuNEE=", checksum.SHA256: "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=",
	} {
		h := algorithm.New()
		h.Write([]byte("123456789"))
		if got := checksum.Encode(h.Sum(nil)); got != want {
			t.Errorf("%s of 123456789 is %s, want %s", algorithm, got, want)
		}
		if sum, ok := algorithm.Decode(want); !ok || len(sum) != algorithm.Size() {
			t.Errorf("%s: %s is not read", algorithm, want)
		}
		if _, ok := algorithm.Decode(want[4:]); ok {
			t.Errorf("%s: a short checksum is taken", algorithm)
		}
	}
}

func TestWhole(t *testing.T) {
	random := rand.NewChaCha8([32]byte{1})
	for _, algorithm := range checksum.Algorithms() {
		if !algorithm.Linear() {
			continue
		}
		whole := algorithm.New()
		var parts []checksum.Part
		for _, size := range []int{1, 0, 5, 4096, 70001} {
			content := make([]byte, size)
			random.Read(content)
			h := algorithm.New()
			h.Write(content)
			whole.Write(content)
			parts = append(parts, checksum.Part{Sum: h.Sum(nil), Size: int64(size)})
			if got, want := algorithm.Whole(parts), whole.Sum(nil); !bytes.Equal(got, want) {
				t.Errorf("%s of %d parts is %x, want %x", algorithm, len(parts), got, want)
			}
		}
	}
}

func TestParse(t *testing.T) {
	for _, name := range []string{"crc32", "CRC64NVME", "Sha256"} {
		if _, ok := checksum.Parse(name); !ok {
			t.Errorf("%s is not known", name)
		}
	}
	if _, ok := checksum.Parse("MD5"); ok {
		t.Error("MD5 is taken for one")
	}
}
