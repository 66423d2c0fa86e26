package furl_test

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"furl"
	"furl/internal/localca"
)

// scripted is a listener that accepts what it is told: connections and errors.
type scripted chan any

func (l scripted) Accept() (net.Conn, error) {
	switch v := (<-l).(type) {
	case net.Conn:
		return v, nil
	case error:
		return nil, v
	}
	return nil, net.ErrClosed
}

func (l scripted) Close() error { close(l); return nil }
func (scripted) Addr() net.Addr { return &net.TCPAddr{} }

// accepted is what an Accept in the background came to.
type accepted struct {
	conn net.Conn
	err  error
}

func acceptOne(l net.Listener) <-chan accepted {
	done := make(chan accepted, 1)
	go func() {
		conn, err := l.Accept()
		done <- accepted{conn, err}
	}()
	return done
}

func pipe() net.Conn {
	a, _ := net.Pipe()
	return a
}

// One connection more than may be open waits until another one is closed.
func TestGuardBoundsConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := make(scripted, 3)
		inner <- pipe()
		inner <- pipe()
		inner <- pipe()
		l := furl.NewGuard(inner, 2, slog.New(slog.DiscardHandler))
		first, second := <-acceptOne(l), <-acceptOne(l)
		third := acceptOne(l)
		synctest.Wait()
		select {
		case <-third:
			t.Fatal("a third connection was accepted")
		default:
		}
		first.conn.Close()
		first.conn.Close() // frees its slot once
		if got := <-third; got.err != nil {
			t.Fatal(got.err)
		}
		fourth := acceptOne(l)
		synctest.Wait()
		select {
		case <-fourth:
			t.Fatal("closing twice made room for two")
		default:
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if got := <-fourth; !errors.Is(got.err, net.ErrClosed) {
			t.Errorf("Accept: %v, want net.ErrClosed", got.err)
		}
		second.conn.Close()
	})
}

// Where there is no room left, connections that wait for their client yield to
// a new one, the oldest first; one with a request under way does not.
func TestGuardMakesRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := make(scripted, 4)
		l := furl.NewGuard(inner, 3, slog.New(slog.DiscardHandler))
		var clients []net.Conn
		var accepted []net.Conn
		next := func() {
			server, client := net.Pipe()
			inner <- server
			accepted = append(accepted, (<-acceptOne(l)).conn)
			clients = append(clients, client)
			time.Sleep(time.Second) // the bubble's time
		}
		next()
		end := furl.BeginRequest(accepted[0])
		next()
		next()
		next()
		open := func() (list string) {
			for i, c := range clients {
				c.SetReadDeadline(time.Now().Add(time.Millisecond))
				if _, err := c.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
					list += fmt.Sprint(i)
				}
			}
			return list
		}
		if got := open(); got != "023" {
			t.Errorf("open are %s, want 023", got)
		}
		end()
		next()
		next()
		if got := open(); got != "045" {
			t.Errorf("open are %s, want 045: the first one's request ended last", got)
		}
		for _, c := range accepted {
			c.Close()
		}
		l.Close()
	})
}

// A shortage passes; anything else ends the listener.
func TestGuardSurvivesShortages(t *testing.T) {
	shortage := func(e syscall.Errno) error {
		return &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", e)}
	}
	synctest.Test(t, func(t *testing.T) {
		inner := make(scripted, 10)
		l := furl.NewGuard(inner, 1, slog.New(slog.DiscardHandler))
		for _, e := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ECONNABORTED, syscall.ENOBUFS} {
			inner <- shortage(e)
		}
		inner <- pipe()
		began := time.Now()
		got := <-acceptOne(l)
		if got.err != nil {
			t.Fatal(got.err)
		}
		if took := time.Since(began); took < 20*time.Millisecond || took > 10*time.Second {
			t.Errorf("four shortages took %v", took)
		}
		got.conn.Close()
		inner <- shortage(syscall.EINVAL)
		if got := <-acceptOne(l); !errors.Is(got.err, syscall.EINVAL) {
			t.Errorf("Accept: %v, want EINVAL", got.err)
		}
		// The failed Accept has given its slot back.
		inner <- pipe()
		if got := <-acceptOne(l); got.err != nil {
			t.Error(got.err)
		}
	})
}

func TestGuardClosesInAShortage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := make(scripted, 1)
		inner <- fmt.Errorf("accept: %w", syscall.EMFILE)
		l := furl.NewGuard(inner, 1, slog.New(slog.DiscardHandler))
		waits := acceptOne(l)
		synctest.Wait()
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if got := <-waits; !errors.Is(got.err, net.ErrClosed) {
			t.Errorf("Accept: %v, want net.ErrClosed", got.err)
		}
	})
}

// A client that does not take what it is sent is cut off, sooner or later by
// how much it is; one that takes its time within that is not.
func TestGuardCutsOffClientsThatDoNotRead(t *testing.T) {
	for _, size := range []int{1, 1 << 20} {
		synctest.Test(t, func(t *testing.T) {
			server, client := net.Pipe()
			inner := make(scripted, 1)
			inner <- server
			conn := (<-acceptOne(furl.NewGuard(inner, 1, slog.New(slog.DiscardHandler)))).conn
			began := time.Now()
			if _, err := conn.Write(make([]byte, size)); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("Write: %v, want a timeout", err)
			}
			least := furl.TransferTime(int64(size))
			if took := time.Since(began); took < least || took > least+furl.TransferTime(0) {
				t.Errorf("%d bytes were given %v, want %v and at most %v more", size, took, least, furl.TransferTime(0))
			}
			go func() {
				time.Sleep(20 * time.Second) // the bubble's time
				io.ReadFull(client, make([]byte, size))
			}()
			if _, err := conn.Write(make([]byte, size)); err != nil {
				t.Errorf("a client that came in time: %v", err)
			}
			// A write later on has its whole time again.
			time.Sleep(least)
			began = time.Now()
			if _, err := conn.Write(make([]byte, size)); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) < least {
				t.Errorf("Write: %v after %v, want a timeout after %v", err, time.Since(began), least)
			}
			conn.Close()
		})
	}
	if got := furl.TransferTime(6 << 20); got != 126*time.Second {
		t.Errorf("6 MB are given %v", got)
	}
}

// A server that runs for years never shows a certificate that has expired.
func TestCertificatesAreRenewed(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	ca, err := localca.Open(filepath.Join(t.TempDir(), "ca"), []string{"localhost"}, now)
	if err != nil {
		t.Fatal(err)
	}
	current := furl.Certificates(ca, func() time.Time { return now })
	seen := map[string]bool{}
	for range 800 {
		leaf, err := current()
		if err != nil {
			t.Fatal(err)
		}
		if now.Before(leaf.Leaf.NotBefore) || now.After(leaf.Leaf.NotAfter.Add(-24*time.Hour)) {
			t.Fatalf("on %v the certificate is good from %v to %v", now, leaf.Leaf.NotBefore, leaf.Leaf.NotAfter)
		}
		seen[leaf.Leaf.SerialNumber.String()] = true
		now = now.Add(24 * time.Hour)
	}
	if len(seen) < 2 || len(seen) > 40 {
		t.Errorf("%d certificates in 800 days", len(seen))
	}
}

// The time for a body begins with the request and ends with the body: what
// follows is the function's time.
func TestTimeForABody(t *testing.T) {
	for _, c := range []struct {
		name, sent string
		want       string
		after      time.Duration
	}{
		{"whole", "hello", "HTTP/1.1 200 OK", time.Hour},
		{"half", "he", "HTTP/1.1 408 Request Timeout", furl.TransferTime(5)},
	} {
		synctest.Test(t, func(t *testing.T) {
			server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				r.Body = furl.TimeBody(w, r)
				if _, err := io.ReadAll(r.Body); err != nil {
					w.WriteHeader(http.StatusRequestTimeout)
					return
				}
				time.Sleep(time.Hour) // a function that takes its time
				if err := r.Context().Err(); err != nil {
					t.Errorf("%s: the request ended: %v", c.name, err)
				}
			})}
			client, conn := net.Pipe()
			inner := make(scripted, 1)
			inner <- conn
			go server.Serve(inner)
			began := time.Now()
			fmt.Fprintf(client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n%s", c.sent)
			answer := make([]byte, len(c.want))
			if _, err := io.ReadFull(client, answer); err != nil || string(answer) != c.want {
				t.Errorf("%s: %q, %v", c.name, answer, err)
			}
			if took := time.Since(began); took != c.after {
				t.Errorf("%s: answered after %v, want %v", c.name, took, c.after)
			}
			client.Close()
			server.Close()
		})
	}
}
