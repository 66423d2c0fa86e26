package http_test

import (
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"furl"
)

// slowConnections is how many clients do nothing but take their time.
const slowConnections = 2000

// Two thousand slow clients, of every kind, leave others in peace.
func TestSlowloris(t *testing.T) {
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil || files.Cur < 2*slowConnections+500 {
		t.Skipf("NOT TESTED: %d connections; no more than %d files may be open", slowConnections, files.Cur)
	}
	s := serve(t, furl.Config{})
	s.get(t, "/")
	alone := s.median(t)

	stop := make(chan struct{})
	var wg sync.WaitGroup
	defer wg.Wait()
	defer close(stop)
	kinds := []string{
		"",                             // silent
		"\x16\x03\x01\x02\x00\x01\x00", // TLS that does not go on
		"GET / HTTP/1.1\r\nHost: " + s.host + "\r\nX-Slow: ",                                                    // a header that never ends
		"POST / HTTP/1.1\r\nHost: " + s.host + "\r\nContent-Length: 9999999\r\n\r\n",                            // too long: refused, and it stays
		"POST / HTTP/1.1\r\nHost: " + s.host + "\r\nContent-Length: 99999\r\n\r\n",                              // a body that never ends
		"GET / HTTP/1.1\r\nHost: " + s.host + "\r\n\r\n",                                                        // idle after a request
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(frameSettings, 0, 0, ""),                                     // HTTP/2 without a request
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(frameSettings, 0, 0, "") + frame(frameHeaders, 0, 1, "\x82"), // a header in pieces
	}
	for i := range slowConnections {
		conn, err := net.Dial("tcp", s.address)
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			defer conn.Close()
			io.WriteString(conn, kinds[i%len(kinds)])
			drip := time.NewTicker(time.Second)
			defer drip.Stop()
			for {
				select {
				case <-stop:
					return
				case <-drip.C:
					if i%len(kinds) == 2 || i%len(kinds) == 4 {
						io.WriteString(conn, "x")
					}
				}
			}
		})
	}
	beside := s.median(t)
	t.Logf("median of requests on new connections: %v alone, %v beside %d slow clients", alone, beside, slowConnections)
	if beside > alone+200*time.Millisecond {
		t.Errorf("requests take %v beside slow clients, %v without", beside, alone)
	}
}

// median is how long requests take, each on a connection of its own.
func (s *site) median(t *testing.T) time.Duration {
	t.Helper()
	var took []time.Duration
	for range 100 {
		began := time.Now()
		if got := s.get(t, "/"); got.status != 200 {
			t.Fatal(fmt.Sprint(got))
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	return took[len(took)/2]
}
