package environment

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
)

func event(text string) string {
	return eventMark + string(binary.LittleEndian.AppendUint32(nil, uint32(len(text)))) + text
}

func split(parts ...string) []string {
	var s splitter
	var out []string
	emit := func(text []byte) { out = append(out, string(text)) }
	for _, p := range parts {
		s.feed([]byte(p), emit)
	}
	s.flush(emit)
	return out
}

func TestSplitter(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want string
	}{
		{"", `[]`},
		{"a\nb", `["a" "b"]`},
		{"\n\n", `["" ""]`},
		{"a\r\nb\n", `["a\r" "b"]`},
		{event("x\ny"), `["x\ny"]`},
		{"a" + event("x\ny") + "b\n", `["a" "x\ny" "b"]`},
		{event("") + event("1"), `["" "1"]`},
		{"nul\x00inside\n", `["nul\x00inside"]`},
		{"\x00furl\x01", `["\x00furl\x01"]`},
		{event("cut short")[:12], `["\x00furl\x01\t\x00\x00\x00cu"]`},
	} {
		if got := fmt.Sprintf("%q", split(tt.in)); got != tt.want {
			t.Errorf("%q is %s, want %s", tt.in, got, tt.want)
		}
		if got := fmt.Sprintf("%q", split(strings.Split(tt.in, "")...)); got != tt.want {
			t.Errorf("%q, byte by byte, is %s, want %s", tt.in, got, tt.want)
		}
	}
	long := strings.Repeat("l", 2*maxLine+1)
	if got := split(long + "\n"); len(got) != 3 || len(got[0]) != maxLine || got[2] != "l" {
		t.Errorf("a long line became %d", len(got))
	}
}

// FuzzSplitter: however the output is cut into reads, the events are the same,
// none is too long, and all text arrives.
func FuzzSplitter(f *testing.F) {
	f.Add([]byte("a\nb"), 1)
	f.Add([]byte("a"+event("x\ny")+"\x00\n"), 3)
	f.Add([]byte("\x00furl\x01\xff\xff\xff\xff"), 2)
	f.Fuzz(func(t *testing.T, in []byte, size int) {
		size = max(1, min(size, 1<<16))
		var parts []string
		for rest := in; len(rest) > 0; {
			n := min(size, len(rest))
			parts = append(parts, string(rest[:n]))
			rest = rest[n:]
		}
		whole, cut := split(string(in)), split(parts...)
		if fmt.Sprintf("%q", whole) != fmt.Sprintf("%q", cut) {
			t.Errorf("whole %q, cut %q", whole, cut)
		}
		total := 0
		for _, e := range whole {
			if len(e) > maxLine {
				t.Errorf("event of %d bytes", len(e))
			}
			total += len(e)
		}
		if !bytes.Contains(in, []byte(eventMark)) && total+bytes.Count(in, []byte("\n")) != len(in) {
			t.Errorf("%d bytes of %d arrived", total, len(in))
		}
	})
}
