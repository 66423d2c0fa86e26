package egress_test

import (
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"furl/internal/egress"
)

// A program that is done sending still gets the answer, which may come late.
func TestHalfCloseByFunction(t *testing.T) {
	w := newWorld(t, egress.Options{}, func(c *net.TCPConn) {
		got, err := io.ReadAll(c)
		if err != nil {
			t.Error(err)
		}
		io.WriteString(c, "got "+string(got))
	})
	c, done := connect(t, t.Context(), w.gateway.Network("hello"), outside)
	io.WriteString(c, "a question")
	c.CloseWrite()
	if got, err := io.ReadAll(c); err != nil || string(got) != "got a question" {
		t.Errorf("read %q, %v", got, err)
	}
	wait(t, done)
}

// A server that is done sending still gets the rest.
func TestHalfCloseByServer(t *testing.T) {
	received := make(chan string, 1)
	w := newWorld(t, egress.Options{}, func(c *net.TCPConn) {
		io.WriteString(c, "all there is")
		c.CloseWrite()
		got, err := io.ReadAll(c)
		if err != nil {
			t.Error(err)
		}
		received <- string(got)
	})
	c, done := connect(t, t.Context(), w.gateway.Network("hello"), outside)
	if got, err := io.ReadAll(c); err != nil || string(got) != "all there is" {
		t.Errorf("read %q, %v", got, err)
	}
	io.WriteString(c, "thanks")
	c.CloseWrite()
	if got := <-received; got != "thanks" {
		t.Errorf("the server got %q", got)
	}
	wait(t, done)
}

func TestResetByServer(t *testing.T) {
	w := newWorld(t, egress.Options{}, func(c *net.TCPConn) {
		io.ReadFull(c, make([]byte, 1))
		c.SetLinger(0)
	})
	c, done := connect(t, t.Context(), w.gateway.Network("hello"), outside)
	io.WriteString(c, "x")
	wantReset(t, c)
	wait(t, done)
}

func TestResetByFunction(t *testing.T) {
	started, seen := make(chan struct{}), make(chan error, 1)
	w := newWorld(t, egress.Options{}, func(c *net.TCPConn) {
		io.ReadFull(c, make([]byte, 1))
		close(started)
		_, err := c.Read(make([]byte, 1))
		seen <- err
	})
	c, done := connect(t, t.Context(), w.gateway.Network("hello"), outside)
	io.WriteString(c, "x")
	<-started
	c.SetLinger(0)
	c.Close()
	if err := <-seen; !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the server saw %v, want ECONNRESET", err)
	}
	wait(t, done)
}

// A server that answers in the middle of an upload and hangs up is understood.
func TestAnswerBeforeReset(t *testing.T) {
	w := newWorld(t, egress.Options{}, func(c *net.TCPConn) {
		io.ReadFull(c, make([]byte, 1<<10))
		io.WriteString(c, "too large")
		c.CloseWrite() // and closes with unread bytes, which resets
	})
	c, done := connect(t, t.Context(), w.gateway.Network("hello"), outside)
	go func() {
		for buf := make([]byte, 64<<10); ; {
			if _, err := c.Write(buf); err != nil {
				return
			}
		}
	}()
	got := make([]byte, len("too large"))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != "too large" {
		t.Errorf("read %q, %v", got, err)
	}
	wait(t, done)
}

func TestContextEndsConnection(t *testing.T) {
	seen := make(chan error, 1)
	w := newWorld(t, egress.Options{}, func(c *net.TCPConn) {
		io.WriteString(c, "x")
		_, err := c.Read(make([]byte, 1))
		seen <- err
	})
	ctx, cancel := context.WithCancel(t.Context())
	c, done := connect(t, ctx, w.gateway.Network("hello"), outside)
	io.ReadFull(c, make([]byte, 1))
	cancel()
	wait(t, done)
	wantReset(t, c)
	if err := <-seen; !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the server saw %v, want ECONNRESET", err)
	}
}

// What a function sent in full before its sandbox ended arrives, even when the
// server has yet to take it.
func TestContextEndsAfterTheLastByte(t *testing.T) {
	const size = 1 << 20
	received, ended := make(chan int64, 1), make(chan struct{})
	w := newWorld(t, egress.Options{}, func(c *net.TCPConn) {
		<-ended
		n, err := io.Copy(io.Discard, c)
		if err != nil {
			t.Error(err)
		}
		received <- n
	})
	ctx, cancel := context.WithCancel(t.Context())
	c, done := connect(t, ctx, w.gateway.Network("hello"), outside)
	send(c, size)
	c.CloseWrite()
	sent := func() bool { return w.gateway.Usage()["hello"].BytesOut == size }
	await(t, sent, func() string { return "not all was sent" })
	cancel()
	wait(t, done)
	close(ended)
	if got := <-received; got != size {
		t.Errorf("the server got %d bytes, want %d", got, size)
	}
}

func TestContextEndsDialing(t *testing.T) {
	dialing := make(chan struct{})
	g := open(t, egress.Options{Policy: egress.Policy{Preset: egress.Production}}.WithDial(blockingDial(dialing)))
	ctx, cancel := context.WithCancel(t.Context())
	c, done := connect(t, ctx, g.Network("hello"), outside)
	<-dialing
	cancel()
	wait(t, done)
	wantReset(t, c)
}

func TestClose(t *testing.T) {
	w := newWorld(t, egress.Options{}, echo)
	n := w.gateway.Network("hello")
	c, done := connect(t, t.Context(), n, outside)
	io.WriteString(c, "x")
	io.ReadFull(c, make([]byte, 1))
	for range 2 {
		if err := w.gateway.Close(); err != nil {
			t.Error(err)
		}
	}
	select {
	case <-done:
	default:
		t.Error("Close returned before the connection had ended")
	}
	wantReset(t, c)
	c, done = connect(t, t.Context(), n, outside)
	wantReset(t, c)
	wait(t, done)
	if answer := n.Resolve(t.Context(), query(t, "example.com", typeA)); answer != nil {
		t.Errorf("a closed Gateway answers %x", answer)
	}
	if got := w.gateway.Usage()["hello"]; got.BytesOut != 1 || got.BytesIn != 1 {
		t.Errorf("usage is %+v", got)
	}
}

func TestIdle(t *testing.T) {
	for _, tt := range []struct {
		name       string
		idle, half time.Duration
		program    func(*net.TCPConn)
	}{
		{"silent", 50 * time.Millisecond, time.Hour, func(*net.TCPConn) {}},
		{"done sending", time.Hour, 50 * time.Millisecond, func(c *net.TCPConn) { c.CloseWrite() }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			held := make(chan struct{})
			w := newWorld(t, egress.Options{}.WithIdle(tt.idle, tt.half), func(*net.TCPConn) { <-held })
			defer close(held)
			c, done := connect(t, t.Context(), w.gateway.Network("hello"), outside)
			tt.program(c)
			wantReset(t, c)
			wait(t, done)
		})
	}
}

// A server that stops reading does not hold a connection for ever, though it
// goes on talking.
func TestStalled(t *testing.T) {
	w := newWorld(t, egress.Options{}.WithIdle(200*time.Millisecond, time.Hour), func(c *net.TCPConn) {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for range tick.C {
			if _, err := io.WriteString(c, "x"); err != nil {
				return
			}
		}
	})
	c, done := connect(t, t.Context(), w.gateway.Network("hello"), outside)
	go io.Copy(io.Discard, c)
	buf := make([]byte, 64<<10)
	var err error
	for err == nil {
		_, err = c.Write(buf)
	}
	if !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
		t.Errorf("the program saw %v", err)
	}
	wait(t, done)
}

// Traffic keeps a connection beyond the time after which it would be idle, and
// is counted while the connection is open.
func TestBusy(t *testing.T) {
	w := newWorld(t, egress.Options{}.WithIdle(400*time.Millisecond, time.Hour), echo)
	c, done := connect(t, t.Context(), w.gateway.Network("hello"), outside)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for range 40 {
		<-tick.C
		if _, err := io.WriteString(c, "x"); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
	}
	if got := w.gateway.Usage()["hello"].BytesOut; got == 0 {
		t.Error("nothing was counted while the connection is open")
	}
	c.CloseWrite()
	if got, err := io.ReadAll(c); err != nil || len(got) != 0 {
		t.Errorf("read %q, %v", got, err)
	}
	wait(t, done)
	if got := w.gateway.Usage()["hello"]; got.BytesOut != 40 || got.BytesIn != 40 {
		t.Errorf("usage is %+v, want 40 bytes both ways", got)
	}
}

func TestLargeTransfer(t *testing.T) {
	const size = 256 << 20
	w := newWorld(t, egress.Options{}, func(c *net.TCPConn) { send(c, size) })
	c, done := connect(t, t.Context(), w.gateway.Network("hello"), outside)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if n := receive(c); n != size {
		t.Errorf("received %d bytes, want %d", n, size)
	}
	c.CloseWrite()
	wait(t, done)
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 4<<20 {
		t.Errorf("%d bytes were allocated to move %d", grown, size)
	}
	if got := w.gateway.Usage()["hello"].BytesIn; got != size {
		t.Errorf("%d bytes counted", got)
	}
}

// send writes zeros, receive counts bytes; both with a buffer and no splice, as
// programs do.
func send(w io.Writer, size int) {
	for buf := make([]byte, 256<<10); size > 0; size -= len(buf) {
		if _, err := w.Write(buf[:min(size, len(buf))]); err != nil {
			return
		}
	}
}

func receive(r io.Reader) (total int) {
	for buf := make([]byte, 256<<10); ; {
		n, err := r.Read(buf)
		total += n
		if err != nil {
			return total
		}
	}
}

// BenchmarkConnect moves bytes to a function, through the Gateway and, to
// compare, without it.
func BenchmarkConnect(b *testing.B) {
	const size = 16 << 20
	w := newWorld(b, egress.Options{}, func(c *net.TCPConn) { send(c, size) })
	n := w.gateway.Network("hello")
	b.Run("gateway", func(b *testing.B) {
		b.SetBytes(size)
		for b.Loop() {
			c, _ := connect(b, b.Context(), n, outside)
			receive(c)
			c.Close()
		}
	})
	b.Run("direct", func(b *testing.B) {
		b.SetBytes(size)
		for b.Loop() {
			c, err := net.Dial("tcp", w.server.Addr().String())
			if err != nil {
				b.Fatal(err)
			}
			receive(c)
			c.Close()
		}
	})
	if s := w.log.String(); strings.Contains(s, "refused") {
		b.Error(s)
	}
}

// Urgent data is part of the stream, and what comes after it too.
func TestUrgentData(t *testing.T) {
	w := newWorld(t, egress.Options{}, func(c *net.TCPConn) {
		raw, err := c.SyscallConn()
		if err != nil {
			t.Error(err)
			return
		}
		answered := make([]byte, 1)
		for _, part := range []struct {
			text  string
			flags int
		}{{"a", 0}, {"!", syscall.MSG_OOB}, {"bc", 0}, {"?", syscall.MSG_OOB}} {
			var sent error
			err := raw.Control(func(fd uintptr) { sent = syscall.Sendto(int(fd), []byte(part.text), part.flags, nil) })
			if err := errors.Join(err, sent); err != nil {
				t.Error(err)
			}
			if part.text == "a" { // the relay is through with it
				io.ReadFull(c, answered)
			}
		}
	})
	c, done := connect(t, t.Context(), w.gateway.Network("hello"), outside)
	got := make([]byte, 1)
	if _, err := io.ReadFull(c, got); err != nil {
		t.Fatal(err)
	}
	io.WriteString(c, "x")
	rest, err := io.ReadAll(c)
	if got := string(got) + string(rest); got != "a!bc?" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	c.Close()
	wait(t, done)
}
