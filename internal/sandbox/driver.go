package sandbox

import (
	"context"
	"fmt"
	"os"
	"time"
)

// What follows is for drivers in other packages: the pieces that every kind of
// sandbox has, and interfaces that only some can offer. A user asks for one of
// those with a type assertion and does without where it is missing.

// Limits bound what a sandbox may use. A figure of zero leaves the driver's
// default.
type Limits struct {
	// Memory is for all processes of the sandbox together, with what they write
	// to Layout.Temp; in bytes. A sandbox that needs more is ended.
	Memory int64
	// CPU is how many cores the sandbox may keep busy, measured over a tenth of a
	// second, and its share when cores are scarce.
	CPU float64
	// Temp is the size of Layout.Temp in bytes.
	Temp int64
	// Processes is how many processes and threads there may be at once.
	Processes int
}

// A Limiter is a Blank or an Env whose limits can be set: Memory, Temp and
// Processes before Assign, CPU at any time. Limits that the system cannot
// enforce are left out; the driver's Report says which.
type Limiter interface {
	Limit(Limits) error
}

// An Early is a Blank of which it is known before Assign where the code will be,
// and whose program can be told of it. It can tell the program by itself when the
// code is there, which then need not wait for its user.
type Early interface {
	Layout() Layout
	Channel() *Channel
	// AssignAsking is Assign that ends by sending the program a question, one that
	// its Channel prepared. The answer may be there before AssignAsking returns.
	AssignAsking(ctx context.Context, a Assignment, question []byte) (Env, error)
}

// An OutOfMemory is an Env that knows why it was ended.
type OutOfMemory interface {
	// OutOfMemory reports, once Exited is closed, whether the sandbox was ended
	// because it needed more memory than Limits.Memory.
	OutOfMemory() bool
}

// A Forker is a Driver that says whether it makes Blanks by fork, which
// Spec.Zygote is for. One that does not say may do so.
type Forker interface {
	Forks() bool
}

// Pipes makes a channel and the program's two ends of it, which must become its
// descriptors 3 and 4. The caller closes them once the program has them.
func Pipes() (*Channel, []*os.File, error) {
	c, theirs, err := channelPipes()
	if err != nil {
		return nil, nil, fmt.Errorf("sandbox: %w", err)
	}
	return c, theirs, nil
}

// NewChannel makes a channel of one end of a socket pair, which it takes over.
// The other end must become the program's descriptor 3. Pipes are cheaper to
// use by far.
func NewChannel(f *os.File) (*Channel, error) {
	c, err := duplex(f)
	if err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	return c, nil
}

// HangUp tells the channel that the program has ended, so that no exchange
// waits for it, even if a process that it left behind holds its ends. An answer
// that was written before still arrives.
func (c *Channel) HangUp() { c.hangUp() }

// Hello waits for the program's first frame, which must be of KindHello, and
// returns its body. A zero deadline is none.
func (c *Channel) Hello(deadline time.Time) ([]byte, error) { return c.hello(deadline) }

// SocketPair makes the two ends of a channel for NewChannel: the server's and the
// program's.
func SocketPair() (ours, theirs *os.File, err error) {
	ours, theirs, err = socketPair()
	if err != nil {
		return nil, nil, fmt.Errorf("sandbox: %w", err)
	}
	return ours, theirs, nil
}

// OutputPipe makes the pipe for what a program prints: the end that is
// Env.Output, and the program's.
func OutputPipe() (ours, theirs *os.File, err error) {
	ours, theirs, err = outputPipe()
	if err != nil {
		return nil, nil, fmt.Errorf("sandbox: %w", err)
	}
	return ours, theirs, nil
}
