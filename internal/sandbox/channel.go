package sandbox

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"syscall"
	"time"
)

// chunk is how much an exchange sends and receives in one system call. Frames
// up to this size take one write and one read.
const chunk = 64 << 10

// A Channel carries frames between the server and one program: a question, its
// answer, the next question. It is not safe for concurrent use, except Close.
//
// It is best made of two pipes. A pair of sockets does the same at several times
// the cost, for reading from one wakes up whoever waits at the other end, the
// Go runtime's poller included.
type Channel struct {
	questions, answers *os.File
	rawQ, rawA         syscall.RawConn
	hung               atomic.Bool

	id  ID
	seq uint64
	out []byte
	in  []byte
	// more is set while an answer has frames that were not received, of which
	// spare, a part of in, was read already.
	more  bool
	spare []byte
	// wide is set when the pipe of the answers has had its chance to hold more.
	wide bool

	// What one round of transfer works on, and its two halves as the poller
	// wants them.
	readStep, writeStep func(fd uintptr) bool
	sent                bool
	n                   int
	err                 error
}

// Answer is a frame that a program sent.
type Answer struct {
	Kind byte
	// More is set when another frame of the same answer follows, which Next gets.
	More bool
	Aux  uint64
	Body []byte
}

// newChannel takes over our ends of two pipes, or twice that of a socket pair.
// They are non-blocking.
func newChannel(questions, answers *os.File) (*Channel, error) {
	c := &Channel{questions: questions, answers: answers, in: make([]byte, 4<<10)}
	var errQ, errA error
	c.rawQ, errQ = questions.SyscallConn()
	c.rawA, errA = answers.SyscallConn()
	if err := errors.Join(errQ, errA); err != nil {
		c.Close()
		return nil, fmt.Errorf("channel: %w", err)
	}
	rand.Read(c.id[:8])
	c.readStep, c.writeStep = c.transfer, c.write
	return c, nil
}

// Close ends the channel and any exchange that is under way.
func (c *Channel) Close() error {
	if c.questions == c.answers {
		return c.answers.Close()
	}
	return errors.Join(c.questions.Close(), c.answers.Close())
}

// hangUp tells the channel that the program has ended. An exchange under way
// still gets an answer that was written before; after that it ends, even if a
// process that the program left behind holds the other ends.
func (c *Channel) hangUp() {
	c.hung.Store(true)
	c.answers.SetReadDeadline(time.Unix(1, 0))
	c.questions.SetWriteDeadline(time.Unix(1, 0))
}

// Exchange sends one frame whose body is head followed by body, and returns
// the answer, whose Body is appended to into[:0] and belongs to the caller. An
// answer longer than limit is ErrProtocol; ErrNotSent is in the error's chain
// when the program cannot have seen the question; after the deadline the error
// is os.ErrDeadlineExceeded, and when the program went away io.EOF. After any
// error the channel is of no further use. When the answer has More, Next gets the
// rest of it, under the same deadline.
func (c *Channel) Exchange(kind byte, aux uint64, head, body []byte, deadline time.Time, limit int, into []byte) (Answer, error) {
	err := c.answers.SetReadDeadline(deadline)
	if err == nil && c.hung.Load() {
		err = io.EOF
	}
	if err != nil {
		return Answer{}, fmt.Errorf("sandbox: channel: %w: %w", ErrNotSent, err)
	}
	if c.more {
		return Answer{}, fmt.Errorf("sandbox: the answer before has not ended: %w", ErrProtocol)
	}
	c.seq++
	binary.LittleEndian.PutUint64(c.id[8:], c.seq)
	c.out = AppendHeader(c.out[:0], Header{Length: len(head) + len(body), Kind: kind, ID: c.id, Aux: aux})
	c.out = append(c.out, head...)
	rest := body
	if len(c.out)+len(body) <= chunk {
		c.out, rest = append(c.out, body...), nil
	}
	// The read side is armed before the question is written, inside RawConn's
	// Read: so the answer's wake-up cannot be missed, and no read that would
	// find nothing is spent on it.
	c.sent, c.n, c.err = false, 0, nil
	if err := c.rawA.Read(c.readStep); err != nil {
		c.n, c.err = 0, err
	}
	if c.err == errPartial {
		if err := c.sendRest(c.n, rest, deadline); err != nil {
			return Answer{}, err
		}
		c.n, c.err = 0, nil
	}
	return c.finish(limit, into)
}

// Prepare makes the next question, without a body, for somebody else to write to
// Questions. Await gets its answer.
func (c *Channel) Prepare(kind byte) []byte {
	c.seq++
	binary.LittleEndian.PutUint64(c.id[8:], c.seq)
	return AppendHeader(nil, Header{Kind: kind, ID: c.id})
}

// Await is the second half of Exchange, for a question that was prepared.
func (c *Channel) Await(deadline time.Time, limit int, into []byte) (Answer, error) {
	err := c.answers.SetReadDeadline(deadline)
	if err == nil && c.hung.Load() { // what was written before is still there
		err = c.answers.SetReadDeadline(time.Unix(1, 0))
	}
	if err != nil {
		return Answer{}, fmt.Errorf("sandbox: channel: %w", err)
	}
	c.sent, c.n, c.err = true, 0, nil
	if err := c.rawA.Read(c.readStep); err != nil {
		c.n, c.err = 0, err
	}
	return c.finish(limit, into)
}

// finish is the end of Exchange and Await: the poller's part is done.
func (c *Channel) finish(limit int, into []byte) (Answer, error) {
	if c.err != nil {
		if err := c.lastRead(c.err); err != nil {
			return Answer{}, err
		}
	}
	return c.receive(c.in[:c.n], limit, into)
}

// Questions is the end of the channel by which frames are sent. It stays the
// channel's.
func (c *Channel) Questions() *os.File { return c.questions }

// Tell sends one frame that has no answer. The program reads it before the next
// question. After any error the channel is of no further use.
func (c *Channel) Tell(kind byte, body []byte, deadline time.Time) error {
	if err := c.questions.SetWriteDeadline(deadline); err != nil {
		return fmt.Errorf("sandbox: channel: %w", err)
	}
	c.seq++
	binary.LittleEndian.PutUint64(c.id[8:], c.seq)
	c.out = append(AppendHeader(c.out[:0], Header{Length: len(body), Kind: kind, ID: c.id}), body...)
	if _, err := c.questions.Write(c.out); err != nil {
		return fmt.Errorf("sandbox: channel: %w: %w", ErrNotSent, err)
	}
	return c.liftWriteDeadline()
}

// errPartial: the question is longer than what the pipe takes at once.
var errPartial = errors.New("frame was sent in part")

// transfer is called by the runtime's poller whenever there may be an answer.
// It first writes the question, then reads.
func (c *Channel) transfer(fd uintptr) bool {
	if !c.sent {
		c.sent = true
		if err := c.rawQ.Write(c.writeStep); err != nil {
			c.err = fmt.Errorf("%w: %w", ErrNotSent, err)
		}
		return c.err != nil
	}
	n, err := c.read(fd)
	if err == syscall.EAGAIN {
		return false
	}
	c.n, c.err = n, err
	return true
}

func (c *Channel) read(fd uintptr) (int, error) {
	for {
		n, err := syscall.Read(int(fd), c.in)
		switch {
		case err == syscall.EINTR:
			continue
		case err == nil && n == 0:
			return 0, io.EOF
		}
		return max(n, 0), err
	}
}

// write makes one attempt to write all of the question.
func (c *Channel) write(fd uintptr) bool {
	for {
		n, err := syscall.Write(int(fd), c.out)
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			c.n, c.err = 0, errPartial
		case err != nil:
			c.err = fmt.Errorf("%w: %w", ErrNotSent, err)
		case n < len(c.out) || len(c.out) < c.length():
			c.n, c.err = n, errPartial
		}
		return true
	}
}

// length is that of the whole frame whose beginning is in out.
func (c *Channel) length() int {
	return HeaderSize + int(binary.LittleEndian.Uint32(c.out))
}

// sendRest sends what is left of a question of which n bytes were taken.
func (c *Channel) sendRest(n int, rest []byte, deadline time.Time) error {
	if err := c.questions.SetWriteDeadline(deadline); err != nil {
		return fmt.Errorf("sandbox: channel: %w", err)
	}
	_, err := c.questions.Write(c.out[n:])
	if err == nil && len(rest) > 0 {
		_, err = c.questions.Write(rest)
	}
	switch {
	case err == nil:
		return c.liftWriteDeadline()
	case errors.Is(err, os.ErrDeadlineExceeded) && !c.hung.Load():
		return fmt.Errorf("sandbox: channel: %w", err)
	}
	return fmt.Errorf("sandbox: channel: %w: %w", ErrNotSent, err)
}

// liftWriteDeadline ends the deadline of one long question, so that it does not
// hit a later, short one. HangUp sets a deadline of its own, which must stay.
func (c *Channel) liftWriteDeadline() error {
	if err := c.questions.SetWriteDeadline(time.Time{}); err != nil {
		return fmt.Errorf("sandbox: channel: %w", err)
	}
	if c.hung.Load() {
		if err := c.questions.SetWriteDeadline(time.Unix(1, 0)); err != nil {
			return fmt.Errorf("sandbox: channel: %w", err)
		}
	}
	return nil
}

// lastRead makes sense of an error while the answer was awaited: if the program
// has ended, an answer may still be there.
func (c *Channel) lastRead(err error) error {
	if !c.hung.Load() || !errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("sandbox: channel: %w", err)
	}
	c.n, c.err = 0, io.EOF
	if err := c.rawA.Control(func(fd uintptr) { c.n, c.err = c.read(fd) }); err != nil {
		c.err = err
	}
	if c.err == syscall.EAGAIN {
		c.err = io.EOF
	}
	if c.err != nil {
		return fmt.Errorf("sandbox: channel: %w", c.err)
	}
	return nil
}

// receive completes an answer of which got has been read.
func (c *Channel) receive(got []byte, limit int, into []byte) (Answer, error) {
	for len(got) < HeaderSize {
		n, err := c.answers.Read(c.in[len(got):])
		if err != nil {
			return Answer{}, c.ended(err)
		}
		got = c.in[:len(got)+n]
	}
	h, err := ParseHeader(got, limit)
	if err != nil {
		return Answer{}, err
	}
	got = got[HeaderSize:]
	if h.ID != c.id || len(got) > h.Length && !h.More {
		return Answer{}, fmt.Errorf("sandbox: answer to another question: %w", ErrProtocol)
	}
	c.more = h.More
	if len(got) > h.Length {
		got, c.spare = got[:h.Length], got[h.Length:]
	}
	out := append(into[:0], got...)
	if rest := h.Length - len(got); rest > 0 {
		start := len(out)
		out = grow(out, rest)
		if _, err := io.ReadFull(c.answers, out[start:]); err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return Answer{}, c.ended(err)
		}
	}
	return Answer{Kind: h.Kind, More: h.More, Aux: h.Aux, Body: out}, nil
}

// ended words an error in the midst of an answer.
func (c *Channel) ended(err error) error {
	if c.hung.Load() && errors.Is(err, os.ErrDeadlineExceeded) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("sandbox: channel: %w", err)
}

func grow(b []byte, n int) []byte {
	if cap(b)-len(b) >= n {
		return b[:len(b)+n]
	}
	return append(b, make([]byte, n)...)
}

// hello waits for the program's first frame.
func (c *Channel) hello(deadline time.Time) ([]byte, error) {
	if err := c.answers.SetReadDeadline(deadline); err != nil {
		return nil, fmt.Errorf("sandbox: channel: %w", err)
	}
	salt := c.id
	c.id = ID{}
	a, err := c.receive(nil, chunk, nil)
	c.id = salt
	if err != nil {
		return nil, err
	}
	if a.Kind != KindHello {
		return nil, fmt.Errorf("sandbox: first frame is of kind %d: %w", a.Kind, ErrProtocol)
	}
	return a.Body, nil
}
