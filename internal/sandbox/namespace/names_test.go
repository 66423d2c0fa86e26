//go:build linux

package namespace

import (
	"bytes"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// message is a question, or an answer to it with so many addresses; size is what
// its sender takes in a datagram, if not zero.
func message(t testing.TB, answers, size int) []byte {
	t.Helper()
	name := dnsmessage.MustNewName("a.example.com.")
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: 7, RecursionDesired: true, Response: answers > 0},
		Questions: []dnsmessage.Question{{Name: name, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}},
	}
	for i := range answers {
		m.Answers = append(m.Answers, dnsmessage.Resource{
			Header: dnsmessage.ResourceHeader{Name: name, Class: dnsmessage.ClassINET, TTL: 1},
			Body:   &dnsmessage.AResource{A: [4]byte{192, 0, 2, byte(i)}},
		})
	}
	if size > 0 {
		h := dnsmessage.ResourceHeader{Name: dnsmessage.MustNewName("."), Type: dnsmessage.TypeOPT, Class: dnsmessage.Class(size)}
		m.Additionals = append(m.Additionals, dnsmessage.Resource{Header: h, Body: &dnsmessage.OPTResource{}})
	}
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestDatagram(t *testing.T) {
	const answer = 16 // bytes, each
	empty := len(message(t, 0, 0))
	tests := []struct {
		size, answers int
		whole         bool
	}{
		{0, 1, true},
		{0, (plainDatagram - empty) / answer, true},
		{0, (plainDatagram-empty)/answer + 1, false},
		{100, 20, true}, // less than everybody takes
		{1232, 60, true},
		{1232, 80, false},
		{0xffff, 250, true},
		{0xffff, 260, false}, // more than we send
	}
	for _, tt := range tests {
		reply := message(t, tt.answers, 0)
		got := datagram(message(t, 0, tt.size), reply)
		if tt.whole {
			if len(got) != len(reply) {
				t.Errorf("%+v: %d bytes of %d", tt, len(got), len(reply))
			}
			continue
		}
		var m dnsmessage.Message
		if err := m.Unpack(got); err != nil || !m.Truncated || !m.Response || m.ID != 7 || len(m.Questions) != 1 || len(m.Answers) != 0 {
			t.Errorf("%+v: %v, %+v", tt, err, m)
		}
	}
	if got := datagram(message(t, 0, 0), nil); got != nil {
		t.Errorf("no reply became %q", got)
	}
	if got := datagram(nil, bytes.Repeat([]byte{0xff}, plainDatagram+1)); got != nil {
		t.Errorf("what is no reply became %q", got)
	}
}

func FuzzDatagram(f *testing.F) {
	f.Add(message(f, 0, 0), message(f, 60, 0))
	f.Add(message(f, 0, 1232), message(f, 100, 0))
	f.Add([]byte{}, make([]byte, plainDatagram+1))
	f.Fuzz(func(t *testing.T, query, reply []byte) {
		got := datagram(query, reply)
		if len(got) > max(taken(query), plainDatagram) {
			t.Errorf("%d bytes for a sender that takes %d", len(got), taken(query))
		}
		if len(reply) <= plainDatagram && len(got) != len(reply) {
			t.Errorf("%d bytes became %d", len(reply), len(got))
		}
	})
}
