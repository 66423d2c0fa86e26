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

// An answer of several frames arrives one by one, however they are cut, and the next
// question works.
func TestNext(t *testing.T) {
	for name, link := range links(t) {
		for _, piece := range []int{1 << 30, 7, 4096} {
			c, p := link()
			sizes := []int{0, 1, 5000, 65504, 3, 0, 40}
			go func() {
				defer p.close()
				for {
					h, _, err := p.read()
					if err != nil {
						return
					}
					for i, size := range sizes {
						p.write(sandbox.Header{Kind: byte(i), ID: h.ID, More: i < len(sizes)-1}, bytes.Repeat([]byte{byte(i)}, size), piece)
					}
				}
			}()
			for range 3 {
				a, err := c.Exchange(1, 0, nil, nil, time.Now().Add(time.Minute), 1<<16, nil)
				for i, size := range sizes {
					if err != nil || int(a.Kind) != i || !bytes.Equal(a.Body, bytes.Repeat([]byte{byte(i)}, size)) || a.More != (i < len(sizes)-1) {
						t.Fatalf("%s, pieces of %d: frame %d is of kind %d with %d bytes, more %v, %v", name, piece, i, a.Kind, len(a.Body), a.More, err)
					}
					if a.More {
						a, err = c.Next(1 << 16)
					}
				}
			}
			if _, err := c.Next(1 << 16); !errors.Is(err, sandbox.ErrProtocol) {
				t.Errorf("%s: more than the answer has: %v", name, err)
			}
			c.Close()
		}
	}
}

// What goes wrong in the midst of an answer.
func TestNextErrors(t *testing.T) {
	for _, tt := range []struct {
		name string
		act  func(c *sandbox.Channel, p peer, h sandbox.Header)
		want error
	}{
		{"ends", func(_ *sandbox.Channel, p peer, _ sandbox.Header) { p.close() }, io.ErrUnexpectedEOF},
		{"hangs up", func(c *sandbox.Channel, _ peer, _ sandbox.Header) { c.HangUp() }, io.ErrUnexpectedEOF},
		{"is silent", func(*sandbox.Channel, peer, sandbox.Header) {}, os.ErrDeadlineExceeded},
		{"too long", func(_ *sandbox.Channel, p peer, h sandbox.Header) { p.write(h, make([]byte, 101), 1000) }, sandbox.ErrProtocol},
		{"another question", func(_ *sandbox.Channel, p peer, h sandbox.Header) {
			h.ID[0]++
			p.write(h, nil, 1000)
		}, sandbox.ErrProtocol},
		{"more than it said", func(_ *sandbox.Channel, p peer, h sandbox.Header) {
			h.More = false
			p.write(h, nil, 1000)
			p.write(h, nil, 1000)
		}, sandbox.ErrProtocol},
		{"another question before its end", nil, sandbox.ErrProtocol},
	} {
		for name, link := range links(t) {
			c, p := link()
			done := make(chan struct{})
			go func() {
				defer close(done)
				h, _, _ := p.read()
				h.More = true
				p.write(h, nil, 1000)
				if tt.act != nil {
					tt.act(c, p, h)
				}
			}()
			_, err := c.Exchange(1, 0, nil, nil, time.Now().Add(200*time.Millisecond), 100, nil)
			if err != nil {
				t.Fatal(err)
			}
			<-done
			if tt.act == nil {
				_, err = c.Exchange(1, 0, nil, nil, time.Now().Add(time.Minute), 100, nil)
			} else {
				_, err = c.Next(100)
			}
			if !errors.Is(err, tt.want) {
				t.Errorf("%s over %s: %v, want %v", tt.name, name, err, tt.want)
			}
			c.Close()
			p.close()
		}
	}
}

// All that a program wrote before it ended is heard, although others keep its files open.
func TestNextAfterHangUp(t *testing.T) {
	for name, link := range links(t) {
		c, p := link()
		go func() {
			h, _, _ := p.read()
			for i := range 5 {
				h.More = i < 4
				p.write(h, fmt.Appendf(nil, "%01000d", i), 1<<20)
			}
			c.HangUp()
		}()
		a, err := c.Exchange(1, 0, nil, nil, time.Now().Add(time.Minute), 1000, nil)
		frames := 0
		for ; err == nil; a, err = c.Next(1000) {
			if want := fmt.Sprintf("%01000d", frames); string(a.Body) != want {
				t.Errorf("%s: frame %d is %.10q", name, frames, a.Body)
			}
			frames++
			if !a.More {
				break
			}
		}
		if frames != 5 || err != nil {
			t.Errorf("%s: %d frames, %v", name, frames, err)
		}
		c.Close()
		p.close()
	}
}

// A word in the midst of an answer has the question's id, and does not wait for a
// program that does not read.
func TestInterject(t *testing.T) {
	for name, link := range links(t) {
		c, p := link()
		asked := make(chan sandbox.Header, 1)
		go func() {
			h, _, _ := p.read()
			h.More = true
			p.write(h, nil, 1000)
			asked <- h
		}()
		if _, err := c.Exchange(1, 0, nil, nil, time.Now().Add(time.Minute), 100, nil); err != nil {
			t.Fatal(err)
		}
		h := <-asked
		for range 10000 {
			c.Interject(9)
		}
		if got, body, err := p.read(); got.Kind != 9 || got.ID != h.ID || len(body) > 0 || err != nil {
			t.Errorf("%s: %+v %q, %v", name, got, body, err)
		}
		c.Close()
		p.close()
	}
}

// FuzzNext: whatever a program writes, its frames are those that were written, or the
// answer ends with an error.
func FuzzNext(f *testing.F) {
	f.Add([]byte("\x03abc\x01x"), byte(3))
	f.Add([]byte("\x00\x00\x00"), byte(200))
	f.Add(bytes.Repeat([]byte("\x05hello"), 40), byte(33))
	f.Fuzz(func(t *testing.T, script []byte, piece byte) {
		var bodies [][]byte
		for len(script) > 0 && len(bodies) < 50 {
			n := min(int(script[0]), len(script)-1)
			bodies = append(bodies, script[1:1+n])
			script = script[1+n:]
		}
		if len(bodies) == 0 {
			return
		}
		c, files, err := sandbox.Pipes()
		if err != nil {
			t.Fatal(err)
		}
		p := peer{files[0], files[1]}
		done := make(chan struct{})
		defer func() {
			c.Close()
			<-done
		}()
		go func() {
			defer close(done)
			defer p.close()
			h, _, err := p.read()
			for i, body := range bodies {
				if err == nil {
					h.More = i < len(bodies)-1
					p.write(h, body, int(piece)+1)
				}
			}
		}()
		a, err := c.Exchange(1, 0, nil, nil, time.Now().Add(time.Minute), 255, nil)
		for i, body := range bodies {
			if err != nil || !bytes.Equal(a.Body, body) || a.More != (i < len(bodies)-1) {
				t.Fatalf("frame %d is %q, want %q; more %v, %v", i, a.Body, body, a.More, err)
			}
			if a.More {
				a, err = c.Next(255)
			}
		}
	})
}
