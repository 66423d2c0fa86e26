package sniff_test

import (
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"furl/internal/sniff"
)

func listen(t *testing.T, timeout time.Duration) *sniff.Listener {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := sniff.New(inner, timeout)
	t.Cleanup(func() { l.Close() })
	return l
}

func dial(t *testing.T, l *sniff.Listener, first string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", l.Plain().Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if _, err := io.WriteString(c, first); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestFirstByteDecides(t *testing.T) {
	for _, c := range []struct {
		name, sent string
		half       func(*sniff.Listener) net.Listener
	}{
		{"http", "GET / HTTP/1.1\r\n", (*sniff.Listener).Plain},
		{"http/2 preface", "PRI * HTTP/2.0\r\n", (*sniff.Listener).Plain},
		{"tls", "\x16\x03\x01 hello", (*sniff.Listener).TLS},
		{"one byte", "\x16", (*sniff.Listener).TLS},
		{"other binary", "\x00\x01\x02", (*sniff.Listener).Plain},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := listen(t, time.Minute)
			dial(t, l, c.sent)
			conn, err := c.half(l).Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			got := make([]byte, len(c.sent))
			if _, err := io.ReadFull(conn, got); err != nil {
				t.Fatal(err)
			}
			if string(got) != c.sent {
				t.Errorf("read %q, want %q", got, c.sent)
			}
		})
	}
}

func TestSilentClientIsCutOff(t *testing.T) {
	l := listen(t, 10*time.Millisecond)
	c := dial(t, l, "")
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Error("a silent client read something")
	}
}

// A silent client must hold up neither other clients nor Close.
func TestSilentClientIsInNobodysWay(t *testing.T) {
	l := listen(t, time.Hour)
	dial(t, l, "")
	dial(t, l, "GET")
	conn, err := l.Plain().Accept()
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

func TestCloseEndsBothHalves(t *testing.T) {
	l := listen(t, time.Minute)
	var wg sync.WaitGroup
	for _, half := range []net.Listener{l.Plain(), l.TLS(), l.TLS()} {
		wg.Go(func() {
			if _, err := half.Accept(); !errors.Is(err, net.ErrClosed) {
				t.Errorf("Accept: %v, want net.ErrClosed", err)
			}
		})
	}
	if err := l.TLS().Close(); err != nil {
		t.Error(err)
	}
	wg.Wait()
	if _, err := net.Dial("tcp", l.Plain().Addr().String()); err == nil {
		t.Error("the port still answers")
	}
}

// A server that answers before it has read everything closes its side first,
// so that the answer is not lost to a reset.
func TestCloseWrite(t *testing.T) {
	l := listen(t, time.Minute)
	client := dial(t, l, "GET")
	conn, err := l.Plain().Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	half, ok := conn.(interface{ CloseWrite() error })
	if !ok {
		t.Fatal("the connection cannot close its sending side alone")
	}
	if _, err := io.WriteString(conn, "refused"); err != nil {
		t.Fatal(err)
	}
	if err := half.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(client); err != nil || string(got) != "refused" {
		t.Errorf("the client read %q, %v", got, err)
	}
	if _, err := io.WriteString(client, "more"); err != nil {
		t.Errorf("the client cannot send any more: %v", err)
	}
}

// What ends the inner listener ends both halves, with its error.
func TestInnerErrorEndsBothHalves(t *testing.T) {
	broken := errors.New("broken")
	l := sniff.New(failing{broken}, time.Minute)
	t.Cleanup(func() { l.Close() })
	for _, half := range []net.Listener{l.Plain(), l.TLS(), l.Plain()} {
		if _, err := half.Accept(); !errors.Is(err, broken) {
			t.Errorf("Accept: %v, want the inner listener's error", err)
		}
	}
}

// failing is a listener that accepts nothing.
type failing struct{ err error }

func (f failing) Accept() (net.Conn, error) { return nil, f.err }
func (failing) Close() error                { return nil }
func (failing) Addr() net.Addr              { return &net.TCPAddr{} }
