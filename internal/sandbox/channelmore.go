package sandbox

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
)

// Next returns the next frame of an answer that had More. Its Body is good until
// the next call of any method. Errors are those of Exchange; a program that went
// away was heard out before. While nobody calls Next the pipe fills up, and then
// the program waits.
func (c *Channel) Next(limit int) (Answer, error) {
	if !c.more {
		return Answer{}, fmt.Errorf("sandbox: the answer has ended: %w", ErrProtocol)
	}
	if err := c.fill(HeaderSize); err != nil {
		return Answer{}, err
	}
	h, err := ParseHeader(c.spare, limit)
	if err != nil {
		return Answer{}, err
	}
	if !c.wide && h.Length >= chunk/2 {
		c.wide = true
		// A program that sends this much can prepare the next frame while this
		// one is read. It works without, too.
		c.rawA.Control(func(fd uintptr) { widen(fd, 4*chunk) })
	}
	if err := c.fill(HeaderSize + h.Length); err != nil {
		return Answer{}, err
	}
	body, rest := c.spare[HeaderSize:HeaderSize+h.Length], c.spare[HeaderSize+h.Length:]
	if h.ID != c.id || len(rest) > 0 && !h.More {
		return Answer{}, fmt.Errorf("sandbox: answer to another question: %w", ErrProtocol)
	}
	c.more, c.spare = h.More, rest
	return Answer{Kind: h.Kind, More: h.More, Aux: h.Aux, Body: body}, nil
}

// fill reads until spare has n bytes.
func (c *Channel) fill(n int) error {
	if len(c.spare) >= n {
		return nil
	}
	room := c.in
	if n > len(room) {
		room = make([]byte, max(n, chunk+HeaderSize))
	}
	have := copy(room, c.spare)
	c.in = room
	for have < n {
		m, err := c.readOn(room[have:])
		if err != nil {
			return err
		}
		have += m
	}
	c.spare = room[:have]
	return nil
}

// readOn reads what comes next of an answer that has begun. What a program wrote
// before it ended is read to its end.
func (c *Channel) readOn(p []byte) (int, error) {
	n, err := c.answers.Read(p)
	if c.hung.Load() && errors.Is(err, os.ErrDeadlineExceeded) {
		var last error
		err = c.rawA.Control(func(fd uintptr) { n, last = syscall.Read(int(fd), p) })
		if err == nil && (last != nil || n == 0) {
			err = io.ErrUnexpectedEOF
		}
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return 0, fmt.Errorf("sandbox: channel: %w", err)
	}
	return n, nil
}

// Interject sends a frame without a body in the midst of an answer, with the id of
// the question. It is for a word that need not arrive: a program that does not read
// does not get it. It may be called while another goroutine is in Next, but not once
// the answer has ended.
func (c *Channel) Interject(kind byte) {
	var room [HeaderSize]byte
	frame := AppendHeader(room[:0], Header{Kind: kind, ID: c.id})
	c.rawQ.Write(func(fd uintptr) bool {
		syscall.Write(int(fd), frame) // all or nothing: a pipe takes so little at once
		return true
	})
}
