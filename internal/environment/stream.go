package environment

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"furl/internal/sandbox"
)

// maxFrame is how many bytes of a stream a frame has at most. Runtimes cut what is
// longer.
const maxFrame = 64 << 10

// freeOfRate is how much of a stream StreamRate does not hold up.
const freeOfRate = 6 << 20

// errStreamTooLong: a stream exceeded Options.MaxStream.
var errStreamTooLong = errors.New("environment: the streamed answer is too long")

// delivery takes what one invocation streams to where it belongs: its Stream or,
// when there is none, collected, where its Result has it.
type delivery struct {
	to         Stream
	most, rate int64
	stopping   <-chan struct{} // closed when the pool waits for nothing any more

	begun       bool
	contentType string
	sent        int64 // or discarded
	refused     bool  // by to: the rest is discarded
	// collected is what there is no Stream for, tooMuch whether it was more than an
	// answer may have.
	collected []byte
	tooMuch   bool
	unhurried time.Time // when StreamRate began to count
}

func (e *environment) deliver(inv *Invocation) delivery {
	o := &e.pool.opts
	return delivery{to: inv.Stream, most: o.MaxStream, rate: o.StreamRate, stopping: e.pool.ctx.Done()}
}

func (d *delivery) begin(contentType string) {
	d.begun, d.contentType = true, contentType
	if d.to != nil {
		d.refused = d.to.Begin(contentType) != nil
	}
}

// write passes on the next bytes, or discards them. The error is errStreamTooLong.
func (d *delivery) write(p []byte, deadline time.Time) error {
	if d.sent += int64(len(p)); d.sent > d.most {
		return errStreamTooLong
	}
	switch {
	case d.to == nil && len(d.collected)+len(p) > maxPayload:
		d.tooMuch, d.collected = true, nil
	case d.to == nil && !d.tooMuch:
		d.collected = append(d.collected, p...)
	case d.to != nil && !d.refused && len(p) > 0:
		d.pace(deadline)
		d.refused = d.pass(p, deadline) != nil
	}
	return nil
}

// pass hands bytes to the Stream. A client that takes nothing must not keep the
// environment for longer than the function may run.
func (d *delivery) pass(p []byte, deadline time.Time) error {
	if c, ok := d.to.(Cutter); ok {
		cut := make(chan struct{})
		t := time.AfterFunc(time.Until(deadline), func() {
			c.Cut()
			close(cut)
		})
		defer func() {
			if !t.Stop() {
				<-cut
			}
		}()
	}
	_, err := d.to.Write(p)
	return err
}

// pace waits until StreamRate allows what was sent so far.
func (d *delivery) pace(deadline time.Time) {
	if d.rate <= 0 || d.sent <= freeOfRate {
		return
	}
	now := time.Now()
	if d.unhurried.IsZero() {
		d.unhurried = now
	}
	due := d.unhurried.Add(time.Duration(float64(d.sent-freeOfRate) / float64(d.rate) * float64(time.Second)))
	if due.After(deadline) {
		due = deadline
	}
	if !due.After(now) {
		return
	}
	t := time.NewTimer(due.Sub(now))
	defer t.Stop()
	select {
	case <-t.C:
	case <-d.stopping:
	}
}

// answered completes the answer of a function that streamed.
func (d *delivery) answered(a answer) answer {
	a.streamed, a.contentType = true, d.contentType
	if a.errorType != "" {
		return a
	}
	if d.tooMuch {
		f := tooLargeFailure(maxPayload)
		a.payload, a.errorType = f.payload, f.errorType
		return a
	}
	a.payload = d.collected
	return a
}

// follow passes on the stream that began with a frame, until its last one. When its
// client has left, or ctx ends, the runtime is told.
func (f *framed) follow(ctx context.Context, first sandbox.Answer, d *delivery, deadline time.Time) (answer, error) {
	contentType, data, ok := bytes.Cut(first.Body, []byte("\n"))
	if !ok || !first.More {
		return answer{}, fmt.Errorf("environment: a stream begins wrong: %w", sandbox.ErrProtocol)
	}
	told := false
	if d.to != nil {
		done := make(chan struct{})
		stop := context.AfterFunc(ctx, func() {
			f.channel.Interject(kindGone)
			close(done)
		})
		defer func() {
			if !stop() {
				<-done // or the word would get among the frames of the next question
			}
		}()
	}
	d.begin(string(contentType))
	for {
		if err := d.write(data, deadline); err != nil {
			return answer{}, err
		}
		if d.refused && !told {
			told = true
			f.channel.Interject(kindGone)
		}
		a, err := f.channel.Next(2 * maxPayload)
		if err != nil {
			return answer{}, whatHappened(err)
		}
		if a.Kind == kindData {
			if !a.More || len(a.Body) > maxFrame {
				return answer{}, fmt.Errorf("environment: a stream goes on wrong: %w", sandbox.ErrProtocol)
			}
			data = a.Body
			continue
		}
		a.Body = bytes.Clone(a.Body)
		last, err := answerOf(a)
		return d.answered(last), err
	}
}
