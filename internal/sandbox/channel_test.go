package sandbox_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"testing"
	"time"

	"furl/internal/sandbox"
)

// peer is the program's end of a channel inside the test.
type peer struct{ questions, answers *os.File }

// links are the two kinds of channels.
func links(t *testing.T) map[string]func() (*sandbox.Channel, peer) {
	return map[string]func() (*sandbox.Channel, peer){
		"pipes": func() (*sandbox.Channel, peer) {
			c, files, err := sandbox.Pipes()
			if err != nil {
				t.Fatal(err)
			}
			return c, peer{files[0], files[1]}
		},
		"sockets": func() (*sandbox.Channel, peer) {
			ours, theirs, err := sandbox.SocketPair()
			if err != nil {
				t.Fatal(err)
			}
			c, err := sandbox.NewChannel(ours)
			if err != nil {
				t.Fatal(err)
			}
			return c, peer{theirs, theirs}
		},
	}
}

func (p peer) read() (sandbox.Header, []byte, error) {
	head := make([]byte, sandbox.HeaderSize)
	if _, err := io.ReadFull(p.questions, head); err != nil {
		return sandbox.Header{}, nil, err
	}
	h, err := sandbox.ParseHeader(head, 1<<30)
	if err != nil {
		return h, nil, err
	}
	body := make([]byte, h.Length)
	_, err = io.ReadFull(p.questions, body)
	return h, body, err
}

// write sends a frame in pieces of the given size.
func (p peer) write(h sandbox.Header, body []byte, piece int) {
	h.Length = len(body)
	frame := append(sandbox.AppendHeader(nil, h), body...)
	for len(frame) > 0 {
		n := min(piece, len(frame))
		p.answers.Write(frame[:n])
		frame = frame[n:]
	}
}

func (p peer) close() {
	p.questions.Close()
	p.answers.Close()
}

func TestExchange(t *testing.T) {
	for name, link := range links(t) {
		t.Run(name, func(t *testing.T) {
			c, p := link()
			defer c.Close()
			go func() {
				defer p.close()
				p.write(sandbox.Header{Kind: sandbox.KindHello}, []byte("I am here"), 10)
				for {
					h, body, err := p.read()
					if err != nil {
						return
					}
					h.Kind++
					p.write(h, bytes.ToUpper(body), int(h.Aux))
				}
			}()
			if said, err := c.Hello(time.Time{}); string(said) != "I am here" || err != nil {
				t.Fatalf("hello is %q, %v", said, err)
			}
			buffer := make([]byte, 0, 1000)
			for _, size := range []int{0, 1, 900, 4064, 4065, 65000, 65504, 65505, 1 << 20, 5} {
				for _, piece := range []int{1 << 30, 7, 4096} {
					if piece == 7 && size > 5000 {
						continue
					}
					body := bytes.Repeat([]byte("x"), size)
					a, err := c.Exchange(8, uint64(piece), []byte("head"), body, time.Now().Add(time.Minute), 2<<20, buffer)
					if err != nil || a.Kind != 9 || a.Aux != uint64(piece) || string(a.Body) != "HEAD"+string(bytes.ToUpper(body)) {
						t.Fatalf("%d in pieces of %d: %d bytes, %v", size, piece, len(a.Body), err)
					}
					if inBuffer := cap(buffer) > 0 && len(a.Body) > 0 && &a.Body[0] == &buffer[:1][0]; inBuffer != (size+4 <= 1000) {
						t.Errorf("%d bytes, in the caller's buffer: %v", size, inBuffer)
					}
				}
			}
		})
	}
}

// The end of the program ends the exchange although somebody else keeps its
// files open, unless the answer is there.
func TestHangUp(t *testing.T) {
	for name, link := range links(t) {
		t.Run(name, func(t *testing.T) {
			for _, answers := range []bool{true, false} {
				c, p := link()
				done := make(chan struct{})
				go func() {
					defer close(done)
					h, _, _ := p.read()
					if answers {
						p.write(h, []byte("farewell"), 100)
					}
					c.HangUp()
				}()
				a, err := c.Exchange(1, 0, nil, nil, time.Now().Add(time.Minute), 100, nil)
				if answers && (string(a.Body) != "farewell" || err != nil) || !answers && !errors.Is(err, io.EOF) {
					t.Errorf("answers %v: %q, %v", answers, a.Body, err)
				}
				<-done
				if _, err := c.Exchange(1, 0, nil, nil, time.Now().Add(time.Minute), 100, nil); !errors.Is(err, sandbox.ErrNotSent) {
					t.Errorf("afterwards: %v", err)
				}
				c.Close()
				p.close()
			}
		})
	}
}

func TestExchangeErrors(t *testing.T) {
	for name, link := range links(t) {
		for _, tt := range []struct {
			name string
			size int
			act  func(c *sandbox.Channel, p peer)
			want []error // one of them; any when nil
		}{
			{"closes at once", 0, func(_ *sandbox.Channel, p peer) { p.close() }, []error{io.EOF, sandbox.ErrNotSent}},
			{"closes later", 0, func(_ *sandbox.Channel, p peer) { p.read(); p.close() }, []error{io.EOF}},
			{"closes within", 1 << 20, func(_ *sandbox.Channel, p peer) { p.questions.Read(make([]byte, 100)); p.close() }, []error{sandbox.ErrNotSent}},
			{"answers in part", 0, func(_ *sandbox.Channel, p peer) {
				h, _, _ := p.read()
				h.Length = 100
				p.answers.Write(sandbox.AppendHeader(nil, h))
				p.answers.Write(make([]byte, 99))
				p.close()
			}, []error{io.ErrUnexpectedEOF}},
			{"does not answer", 0, func(*sandbox.Channel, peer) {}, []error{os.ErrDeadlineExceeded}},
			{"does not read", 1 << 20, func(*sandbox.Channel, peer) {}, []error{os.ErrDeadlineExceeded}},
			{"answers with too much", 0, func(_ *sandbox.Channel, p peer) {
				h, _, _ := p.read()
				p.write(h, make([]byte, 101), 200)
			}, []error{sandbox.ErrProtocol}},
			{"answers twice", 0, func(_ *sandbox.Channel, p peer) {
				h, _, _ := p.read()
				b := sandbox.AppendHeader(nil, h)
				p.answers.Write(append(b, b...))
			}, []error{sandbox.ErrProtocol}},
			{"is closed here", 0, func(c *sandbox.Channel, p peer) { p.read(); c.Close() }, nil},
		} {
			t.Run(name+" "+tt.name, func(t *testing.T) {
				c, p := link()
				defer c.Close()
				defer p.close()
				done := make(chan struct{})
				go func() { tt.act(c, p); close(done) }()
				if tt.name == "closes at once" {
					<-done
				}
				_, err := c.Exchange(1, 0, nil, make([]byte, tt.size), time.Now().Add(100*time.Millisecond), 100, nil)
				found := tt.want == nil && err != nil
				for _, want := range tt.want {
					found = found || errors.Is(err, want)
				}
				if !found {
					t.Errorf("got %v, want %v", err, fmt.Sprint(tt.want))
				}
				if tt.name != "does not read" && tt.name != "does not answer" {
					<-done
				}
			})
		}
	}
}

// The deadline of a question that did not fit into the pipe must not hit a
// later one.
func TestDeadlineEndsWithItsQuestion(t *testing.T) {
	for name, link := range links(t) {
		t.Run(name, func(t *testing.T) {
			c, p := link()
			defer c.Close()
			go func() {
				defer p.close()
				for {
					h, _, err := p.read()
					if err != nil {
						return
					}
					p.write(h, []byte("ok"), 100)
				}
			}()
			deadline := time.Now().Add(300 * time.Millisecond)
			if _, err := c.Exchange(5, 0, nil, make([]byte, 1<<20), deadline, 100, nil); err != nil {
				t.Fatal(err)
			}
			for until := deadline.Add(20 * time.Millisecond); time.Now().Before(until); {
				if _, err := c.Exchange(5, 0, nil, []byte("small"), time.Now().Add(time.Minute), 100, nil); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := c.Exchange(5, 0, nil, []byte("small"), time.Now().Add(time.Minute), 100, nil); err != nil {
				t.Error(err)
			}
		})
	}
}

// What is told has no answer, and precedes the question that comes next.
func TestTell(t *testing.T) {
	for name, link := range links(t) {
		t.Run(name, func(t *testing.T) {
			c, p := link()
			defer c.Close()
			go func() {
				defer p.close()
				_, told, err := p.read()
				if err != nil {
					return
				}
				h, asked, err := p.read()
				if err != nil {
					return
				}
				p.write(h, append(told, asked...), 100)
			}()
			deadline := time.Now().Add(time.Minute)
			if err := c.Tell(7, bytes.Repeat([]byte("x"), 100_000), deadline); err != nil {
				t.Fatal(err)
			}
			a, err := c.Exchange(8, 0, nil, []byte("?"), deadline, 1<<20, nil)
			if err != nil || len(a.Body) != 100_001 || a.Body[100_000] != '?' {
				t.Errorf("answer of %d bytes, %v", len(a.Body), err)
			}
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
			if err := c.Tell(7, nil, deadline); err == nil {
				t.Error("a closed channel was told something")
			}
		})
	}
}
