package egress_test

import (
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

const (
	typeA    = dnsmessage.TypeA
	typeAAAA = dnsmessage.TypeAAAA
)

// nameserver answers questions over UDP and TCP, at one port of loopback.
type nameserver struct {
	addr  netip.AddrPort
	udp   *net.UDPConn
	tcp   net.Listener
	serve func(*ask)
	count atomic.Int64
	hook  atomic.Pointer[func()]
	wg    sync.WaitGroup
}

// ask is a question that a name server got.
type ask struct {
	query []byte
	tcp   bool
	raw   func([]byte)
}

func newNameserver(t testing.TB, serve func(*ask)) *nameserver {
	t.Helper()
	s := &nameserver{serve: serve}
	var err error
	for range 10 { // until a port is free for both
		if s.udp, err = net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}); err != nil {
			t.Fatal(err)
		}
		s.addr = s.udp.LocalAddr().(*net.UDPAddr).AddrPort()
		if s.tcp, err = net.Listen("tcp4", s.addr.String()); err == nil {
			break
		}
		s.udp.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	s.wg.Go(s.serveUDP)
	s.wg.Go(s.serveTCP)
	t.Cleanup(s.close)
	return s
}

func (s *nameserver) close() {
	s.udp.Close()
	s.tcp.Close()
	s.wg.Wait()
}

func (s *nameserver) addrs() []netip.AddrPort { return []netip.AddrPort{s.addr} }
func (s *nameserver) asked() int64            { return s.count.Load() }

// onAsk calls f once when the next question comes.
func (s *nameserver) onAsk(f func()) { s.hook.Store(&f) }

func (s *nameserver) got(a *ask) {
	s.count.Add(1)
	if f := s.hook.Swap(nil); f != nil {
		(*f)()
	}
	if s.serve != nil {
		s.serve(a)
	}
}

func (s *nameserver) serveUDP() {
	for buf := make([]byte, 65535); ; {
		n, from, err := s.udp.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		q := append([]byte(nil), buf[:n]...)
		s.wg.Go(func() { s.got(&ask{query: q, raw: func(p []byte) { s.udp.WriteToUDPAddrPort(p, from) }}) })
	}
}

func (s *nameserver) serveTCP() {
	for {
		conn, err := s.tcp.Accept()
		if err != nil {
			return
		}
		s.wg.Go(func() {
			defer conn.Close()
			var length [2]byte
			if _, err := io.ReadFull(conn, length[:]); err != nil {
				return
			}
			q := make([]byte, binary.BigEndian.Uint16(length[:]))
			if _, err := io.ReadFull(conn, q); err != nil {
				return
			}
			s.got(&ask{query: q, tcp: true, raw: func(p []byte) {
				conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(p))), p...))
			}})
		})
	}
}

// answer is a good answer with addresses that are parted by spaces.
func (a *ask) answer(addrs string, ttl uint32) dnsmessage.Message {
	var p dnsmessage.Parser
	q := dnsmessage.Question{Name: dnsmessage.MustNewName("."), Type: typeA, Class: dnsmessage.ClassINET}
	if _, err := p.Start(a.query); err == nil {
		if asked, err := p.Question(); err == nil {
			q = asked
		}
	}
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: binary.BigEndian.Uint16(a.query), Response: true, RecursionDesired: true, RecursionAvailable: true},
		Questions: []dnsmessage.Question{q},
	}
	for s := range strings.FieldsSeq(addrs) {
		h := dnsmessage.ResourceHeader{Name: q.Name, Class: dnsmessage.ClassINET, TTL: ttl}
		m.Answers = append(m.Answers, dnsmessage.Resource{Header: h, Body: &dnsmessage.AResource{A: netip.MustParseAddr(s).As4()}})
	}
	return m
}

func (a *ask) reply(m dnsmessage.Message) {
	if packed, err := m.Pack(); err == nil {
		a.raw(packed)
	}
}

// query is a question as programs ask it, under the ID 0x1234.
func query(t testing.TB, name string, typ dnsmessage.Type) []byte {
	t.Helper()
	n, err := dnsmessage.NewName(name + ".")
	if err != nil {
		t.Fatal(err)
	}
	return pack(t, dnsmessage.Message{
		Header:    dnsmessage.Header{ID: 0x1234, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: n, Type: typ, Class: dnsmessage.ClassINET}},
	})
}

func pack(t testing.TB, m dnsmessage.Message) []byte {
	t.Helper()
	packed, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return packed
}

func parse(t testing.TB, message []byte) (m dnsmessage.Message) {
	t.Helper()
	if err := m.Unpack(message); err != nil {
		t.Errorf("message %x: %v", message, err)
	}
	return m
}

// addresses are those of an answer, parted by spaces.
func addresses(m dnsmessage.Message) string {
	var all []string
	for _, r := range m.Answers {
		switch b := r.Body.(type) {
		case *dnsmessage.AResource:
			all = append(all, netip.AddrFrom4(b.A).String())
		case *dnsmessage.AAAAResource:
			all = append(all, netip.AddrFrom16(b.AAAA).String())
		}
	}
	return strings.Join(all, " ")
}
