package egress

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// upstream forwards questions to the host's name servers.
type upstream struct {
	servers []netip.AddrPort       // or, when there are none,
	config  *watched[resolvConfig] // the host's
	buffers sync.Pool              // of *[maxMessage]byte
}

const maxMessage = 1<<16 - 1

func newUpstream(servers []netip.AddrPort, resolvConf string) *upstream {
	return &upstream{
		servers: servers,
		config:  &watched[resolvConfig]{path: resolvConf, parse: parseResolvConf},
		buffers: sync.Pool{New: func() any { return new([maxMessage]byte) }},
	}
}

// Errors of a single exchange.
var (
	errUnusable = errors.New("the name server did not accept the question")
	errNoAnswer = errors.New("no name server answered")
)

// forward asks one name server after the other until one answers, and returns
// the answer as it came. One that says that it cannot answer (SERVFAIL and its
// like) is passed over; its answer is returned when none has a better one.
func (u *upstream) forward(ctx context.Context, query []byte, q *question) ([]byte, error) {
	config := u.config.get()
	if len(u.servers) > 0 {
		config.servers = u.servers
	}
	var poor []byte
	var last error = errNoAnswer
	for range config.attempts {
		for _, server := range config.servers {
			answer, err := u.ask(ctx, server, config.timeout, query, q)
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			if err != nil {
				last = err
				continue
			}
			switch dnsmessage.RCode(answer[3] & 0xf) {
			case dnsmessage.RCodeServerFailure, dnsmessage.RCodeNotImplemented, dnsmessage.RCodeRefused:
				poor = answer
			default:
				return answer, nil
			}
		}
		if poor != nil {
			return poor, nil
		}
	}
	return nil, last
}

// ask asks one name server, over TCP when the answer is too long for UDP.
func (u *upstream) ask(ctx context.Context, server netip.AddrPort, timeout time.Duration, query []byte, q *question) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	answer, err := u.exchange(ctx, "udp", server, query, q)
	if err != nil {
		return nil, err
	}
	const truncated = 0x02 // TC, in the third byte of the header
	if answer[2]&truncated != 0 {
		if whole, err := u.exchange(ctx, "tcp", server, query, q); err == nil {
			answer = whole
		}
	}
	binary.BigEndian.PutUint16(answer, q.id)
	return answer, nil
}

// exchange sends a question from a port of its own and under a random ID, which
// is what a forger would have to guess, and reads until the answer comes.
func (u *upstream) exchange(ctx context.Context, network string, server netip.AddrPort, query []byte, q *question) ([]byte, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, network, server.String())
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()

	// TCP has the message's length before it; both are written at once.
	message := append(make([]byte, 2, 2+len(query)), query...)
	binary.BigEndian.PutUint16(message, uint16(len(query)))
	rand.Read(message[2:4])
	id := binary.BigEndian.Uint16(message[2:])
	if network == "udp" {
		message = message[2:]
	}
	if _, err := conn.Write(message); err != nil {
		return nil, cause(ctx, err)
	}
	buf := u.buffers.Get().(*[maxMessage]byte)
	defer u.buffers.Put(buf)
	for {
		n, err := readMessage(conn, network, buf[:])
		if err != nil {
			return nil, cause(ctx, err)
		}
		switch err := check(buf[:n], id, q); {
		case err == nil:
			return append([]byte(nil), buf[:n]...), nil
		case errors.Is(err, errUnusable) || network == "tcp":
			return nil, fmt.Errorf("name server %s: %w", server, err)
		}
		// Over UDP it may be anybody's: the answer may still come.
	}
}

// cause is what ended an exchange: closing the connection is how ctx ends one.
func cause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

func readMessage(conn net.Conn, network string, buf []byte) (int, error) {
	if network == "udp" {
		return conn.Read(buf)
	}
	var length [2]byte
	if _, err := io.ReadFull(conn, length[:]); err != nil {
		return 0, err
	}
	return io.ReadFull(conn, buf[:binary.BigEndian.Uint16(length[:])])
}

// errForeign: not the answer to the question.
var errForeign = errors.New("an answer to another question")

// check says whether a message answers the question that was sent under an ID.
func check(answer []byte, id uint16, q *question) error {
	var p dnsmessage.Parser
	h, err := p.Start(answer)
	if err != nil || !h.Response || h.ID != id {
		return errForeign
	}
	asked, err := p.Question()
	if errors.Is(err, dnsmessage.ErrSectionDone) && h.RCode != dnsmessage.RCodeSuccess {
		return errUnusable // some servers repeat no question that they do not understand
	}
	if err != nil || asked.Type != q.asked.Type || asked.Class != q.asked.Class || plainName(asked.Name) != q.name {
		return errForeign
	}
	return nil
}

// resolved is an address that an answer gives, and how long it is valid.
type resolved struct {
	addr netip.Addr // canonical
	ttl  time.Duration
}

// addressesOf are the addresses that an answer gives for the name that was
// asked, through its aliases (CNAME), and none that it mentions beside.
func addressesOf(q *question, answer []byte) []resolved {
	var p dnsmessage.Parser
	if _, err := p.Start(answer); err != nil || p.SkipAllQuestions() != nil {
		return nil
	}
	found := map[string][]resolved{}
	alias := map[string]string{}
	for {
		h, err := p.AnswerHeader()
		if err != nil {
			break
		}
		name, ttl := plainName(h.Name), time.Duration(h.TTL)*time.Second
		switch h.Type {
		case dnsmessage.TypeA:
			r, err := p.AResource()
			if err != nil {
				return nil
			}
			found[name] = append(found[name], resolved{netip.AddrFrom4(r.A), ttl})
		case dnsmessage.TypeAAAA:
			r, err := p.AAAAResource()
			if err != nil {
				return nil
			}
			found[name] = append(found[name], resolved{canonical(netip.AddrFrom16(r.AAAA)), ttl})
		case dnsmessage.TypeCNAME:
			r, err := p.CNAMEResource()
			if err != nil {
				return nil
			}
			alias[name] = plainName(r.CNAME)
		default:
			if p.SkipAnswer() != nil {
				return nil
			}
		}
	}
	name := q.name
	for range len(alias) { // not longer, since aliases may go round
		next, ok := alias[name]
		if !ok {
			break
		}
		name = next
	}
	return found[name]
}
