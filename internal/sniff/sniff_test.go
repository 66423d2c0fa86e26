package sniff_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"furl/internal/localca"
	"furl/internal/sniff"
)

func options(timeout time.Duration) sniff.Options {
	return sniff.Options{FirstByte: timeout, Handshake: timeout, Logger: slog.New(slog.DiscardHandler), Wrap: func(c net.Conn) net.Conn { return wrapped{c} }}
}

// wrapped marks what Wrap was asked for.
type wrapped struct{ net.Conn }

func (w wrapped) CloseWrite() error {
	return w.Conn.(interface{ CloseWrite() error }).CloseWrite()
}

func listen(t *testing.T, o sniff.Options) *sniff.Listener {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := sniff.New(inner, o)
	t.Cleanup(func() { l.Close() })
	return l
}

func dial(t *testing.T, l *sniff.Listener, first string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if _, err := io.WriteString(c, first); err != nil {
		t.Fatal(err)
	}
	return c
}

// What does not begin TLS comes out as it went in.
func TestPlain(t *testing.T) {
	for _, sent := range []string{"GET / HTTP/1.1\r\n", "PRI * HTTP/2.0\r\n", "\x00\x01\x02", "x"} {
		l := listen(t, options(time.Minute))
		dial(t, l, sent)
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, ok := conn.(wrapped); !ok {
			t.Errorf("%q came as a %T", sent, conn)
		}
		got := make([]byte, len(sent))
		if _, err := io.ReadFull(conn, got); err != nil || string(got) != sent {
			t.Errorf("read %q, %v, want %q", got, err, sent)
		}
	}
}

// TLS is done when a connection comes out; with HTTP/2 in it, it is TLS's own.
func TestTLS(t *testing.T) {
	ca, err := localca.Open(t.TempDir()+"/ca", []string{"localhost"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := ca.Leaf([]string{"localhost"}, nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	pem, err := os.ReadFile(ca.CertFile())
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	o := options(time.Minute)
	o.TLS = &tls.Config{Certificates: []tls.Certificate{leaf}, NextProtos: []string{"h2", "http/1.1"}}
	for _, proto := range []string{"h2", "http/1.1"} {
		l := listen(t, o)
		failed := make(chan error, 1)
		go func() {
			c, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{RootCAs: roots, ServerName: "localhost", NextProtos: []string{proto}})
			if err == nil {
				_, err = io.WriteString(c, "hello")
				defer c.Close()
			}
			failed <- err
		}()
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, 5)
		if _, err := io.ReadFull(conn, got); err != nil || string(got) != "hello" {
			t.Errorf("%s: read %q, %v", proto, got, err)
		}
		_, isTLS := conn.(*tls.Conn)
		if _, isWrapped := conn.(wrapped); isTLS != (proto == "h2") || isWrapped == isTLS {
			t.Errorf("%s came as a %T", proto, conn)
		}
		if err := <-failed; err != nil {
			t.Error(err)
		}
		conn.Close()
	}
}

// Clients that say nothing, or begin TLS and go no further, are cut off.
func TestSilentClientIsCutOff(t *testing.T) {
	o := options(10 * time.Millisecond)
	o.TLS = &tls.Config{}
	for _, first := range []string{"", "\x16", "\x16\x03\x01\x00\xff", "\x16nothing that is TLS"} {
		l := listen(t, o)
		c := dial(t, l, first)
		if b, err := io.ReadAll(c); err == nil && len(b) > 0 && b[0] != 0x15 {
			t.Errorf("a client that sent %q read %q", first, b)
		}
	}
}

// A silent client must hold up neither other clients nor Close.
func TestSilentClientIsInNobodysWay(t *testing.T) {
	l := listen(t, options(time.Hour))
	dial(t, l, "")
	dial(t, l, "GET")
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

func TestClose(t *testing.T) {
	l := listen(t, options(time.Minute))
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
				t.Errorf("Accept: %v, want net.ErrClosed", err)
			}
		})
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	wg.Wait()
	if _, err := net.Dial("tcp", l.Addr().String()); err == nil {
		t.Error("the port still answers")
	}
}

// A server that answers before it has read everything closes its side first,
// so that the answer is not lost to a reset.
func TestCloseWrite(t *testing.T) {
	l := listen(t, options(time.Minute))
	client := dial(t, l, "GET")
	conn, err := l.Accept()
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

// What ends the inner listener is the error of every Accept.
func TestInnerError(t *testing.T) {
	broken := errors.New("broken")
	l := sniff.New(failing{broken}, options(time.Minute))
	t.Cleanup(func() { l.Close() })
	for range 3 {
		if _, err := l.Accept(); !errors.Is(err, broken) {
			t.Errorf("Accept: %v, want the inner listener's error", err)
		}
	}
}

// failing is a listener that accepts nothing.
type failing struct{ err error }

func (f failing) Accept() (net.Conn, error) { return nil, f.err }
func (failing) Close() error                { return nil }
func (failing) Addr() net.Addr              { return &net.TCPAddr{} }
