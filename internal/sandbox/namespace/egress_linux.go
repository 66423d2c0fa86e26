package namespace

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"furl/internal/sandbox"
)

const (
	// maxConnections and maxQuestions are how many of a sandbox's are served at once.
	// More connections are reset; more questions wait in the socket, as far as it has
	// room. AWS gives a function 1024 descriptors.
	maxConnections = 512
	maxQuestions   = 64
	// maxQuestion is the longest question in bytes; a name has 255.
	maxQuestion = 4096
	// nameIdle is how long a connection to the name server may say nothing.
	nameIdle = 10 * time.Second
	// partWait is how long connections may take to end once the sandbox has.
	partWait = 5 * time.Second
	// acceptPause is the wait after the server ran out of descriptors or memory.
	acceptPause = 50 * time.Millisecond
)

// egress is the server's end of a sandbox's way out: it hands the connections and
// questions that arrive in the sandbox's network to the Network.
type egress struct {
	listeners []*net.TCPListener
	questions []*net.UDPConn
	log       *slog.Logger

	// Each holds an element for everything that is served.
	connecting, asking chan struct{}

	ctx  context.Context // ends with the sandbox
	end  context.CancelFunc
	work sync.WaitGroup

	mu    sync.Mutex
	ended bool
}

// newEgress takes over the sockets of exitSockets.
func newEgress(files []*os.File, log *slog.Logger) (*egress, error) {
	defer closeAll(files)
	e := &egress{log: log, connecting: make(chan struct{}, maxConnections), asking: make(chan struct{}, maxQuestions)}
	e.ctx, e.end = context.WithCancel(context.Background())
	for i, f := range files {
		if err := e.add(f, i%2 == 0); err != nil {
			e.stop()
			return nil, fmt.Errorf("namespace: way out: %w", err)
		}
	}
	return e, nil
}

func (e *egress) add(f *os.File, stream bool) error {
	if stream {
		ln, err := net.FileListener(f)
		if err != nil {
			return err
		}
		tcp, ok := ln.(*net.TCPListener)
		if !ok {
			ln.Close()
			return fmt.Errorf("%v is no TCP listener", ln.Addr())
		}
		e.listeners = append(e.listeners, tcp)
		return nil
	}
	c, err := net.FilePacketConn(f)
	if err != nil {
		return err
	}
	udp, ok := c.(*net.UDPConn)
	if !ok {
		c.Close()
		return fmt.Errorf("%v is no UDP socket", c.LocalAddr())
	}
	e.questions = append(e.questions, udp)
	return nil
}

// serve hands what arrives to a Network from now on. Without one, whatever the
// sandbox sends is refused as by a closed port.
func (e *egress) serve(n sandbox.Network) {
	if n == nil {
		e.stop()
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ended {
		return
	}
	for _, ln := range e.listeners {
		e.work.Go(func() { e.accept(ln, n) })
	}
	for _, c := range e.questions {
		e.work.Go(func() { e.answer(c, n) })
	}
}

// stop ends the sandbox's way out and does not wait for what is served.
func (e *egress) stop() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ended {
		return
	}
	e.ended = true
	e.end()
	for _, ln := range e.listeners {
		ln.Close()
	}
	for _, c := range e.questions {
		c.Close()
	}
}

// close stops and waits.
func (e *egress) close() {
	e.stop()
	done := make(chan struct{})
	go func() { e.work.Wait(); close(done) }()
	t := time.NewTimer(partWait)
	defer t.Stop()
	select {
	case <-done:
	case <-t.C:
		e.log.Error("connections of a sandbox go on after its end", "connections", len(e.connecting))
	}
}

func (e *egress) accept(ln *net.TCPListener, n sandbox.Network) {
	for failing := false; ; {
		conn, err := ln.AcceptTCP()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			if !failing {
				e.log.Warn("connections of a sandbox wait", "err", err)
			}
			failing = true
			select {
			case <-time.After(acceptPause):
			case <-e.ctx.Done():
			}
			continue
		}
		failing = false
		select {
		case e.connecting <- struct{}{}:
			e.work.Go(func() {
				e.connect(conn, n)
				<-e.connecting
			})
		default:
			reset(conn)
		}
	}
}

func (e *egress) connect(conn *net.TCPConn, n sandbox.Network) {
	to, err := meant(conn)
	switch {
	case err != nil || to.Addr().IsLoopback(): // to this port itself, not led here
		reset(conn)
	case to == nameServerPort():
		e.answerStream(conn, n)
	default:
		n.Connect(e.ctx, conn, to)
	}
}

// reset ends a connection so that the program's next call fails.
func reset(conn *net.TCPConn) {
	conn.SetLinger(0)
	conn.Close()
}

// soOriginalDst is SO_ORIGINAL_DST and IP6T_SO_ORIGINAL_DST of Linux's netfilter
// headers.
const soOriginalDst = 80

// meant is the address that a program connected to, before the connection was led
// here.
func meant(conn *net.TCPConn) (netip.AddrPort, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("namespace: %w", err)
	}
	local, ok := conn.LocalAddr().(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}, fmt.Errorf("namespace: %v is no TCP address", conn.LocalAddr())
	}
	four := local.IP.To4() != nil
	level := unix.IPPROTO_IPV6
	if four {
		level = unix.IPPROTO_IP
	}
	// Of the calls that there are for options, this one's buffer begins with an
	// address of either family.
	var got *unix.IPv6MTUInfo
	failed := raw.Control(func(fd uintptr) { got, err = unix.GetsockoptIPv6MTUInfo(int(fd), level, soOriginalDst) })
	if err := errors.Join(failed, os.NewSyscallError("getsockopt", err)); err != nil {
		return netip.AddrPort{}, fmt.Errorf("namespace: destination: %w", err)
	}
	var b [4]byte
	binary.NativeEndian.PutUint16(b[:], got.Addr.Port)
	port := binary.BigEndian.Uint16(b[:])
	if four { // where the other family has its flow
		binary.NativeEndian.PutUint32(b[:], got.Addr.Flowinfo)
		return netip.AddrPortFrom(netip.AddrFrom4(b), port), nil
	}
	return netip.AddrPortFrom(netip.AddrFrom16(got.Addr.Addr), port), nil
}

func nameServerPort() netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr(nameServer), namePort)
}

// answer serves questions about names, to whatever server they were sent.
func (e *egress) answer(c *net.UDPConn, n sandbox.Network) {
	buf := make([]byte, maxQuestion+1)
	for {
		select {
		case e.asking <- struct{}{}:
		case <-e.ctx.Done():
			return
		}
		size, from, err := c.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil || size > maxQuestion { // one question less
			<-e.asking
			continue
		}
		query := bytes.Clone(buf[:size])
		e.work.Go(func() {
			defer func() { <-e.asking }()
			if reply := datagram(query, n.Resolve(e.ctx, query)); reply != nil {
				// A program that has gone needs no answer.
				c.WriteToUDPAddrPort(reply, from)
			}
		})
	}
}

// answerStream serves questions that come over a connection, one after the other.
func (e *egress) answerStream(conn *net.TCPConn, n sandbox.Network) {
	defer conn.Close()
	stop := context.AfterFunc(e.ctx, func() { conn.Close() })
	defer stop()
	for {
		if err := conn.SetDeadline(time.Now().Add(nameIdle)); err != nil {
			return
		}
		query, err := readMessage(conn)
		if err != nil {
			return // no more questions, or none that could be answered
		}
		reply := n.Resolve(e.ctx, query)
		if reply == nil || len(reply) > 0xffff {
			return
		}
		if err := conn.SetDeadline(time.Now().Add(nameIdle)); err != nil {
			return
		}
		framed := binary.BigEndian.AppendUint16(make([]byte, 0, 2+len(reply)), uint16(len(reply)))
		if _, err := conn.Write(append(framed, reply...)); err != nil {
			return
		}
	}
}

// readMessage reads one message with its length before it.
func readMessage(r io.Reader) ([]byte, error) {
	var length [2]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return nil, err
	}
	size := int(binary.BigEndian.Uint16(length[:]))
	if size > maxQuestion {
		return nil, fmt.Errorf("namespace: a question of %d bytes", size)
	}
	message := make([]byte, size)
	_, err := io.ReadFull(r, message)
	return message, err
}
