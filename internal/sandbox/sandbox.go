// Package sandbox runs programs in isolated process trees: it starts them,
// carries frames to and from them, collects what they print, measures them and
// ends them with everything they started. It knows nothing of Lambda and does
// not interpret frames or output.
//
// A Driver makes a Blank: a program that has started and waits, without any
// function's code. Assign shows it one function's code; from then on it is an
// Env, whose user sends the first frame and which serves that code until it is
// retired.
package sandbox

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"
)

// A Driver makes sandboxes of one kind.
type Driver interface {
	// Name is the driver's name in configuration and messages.
	Name() string
	// Probe tries the things the driver needs and reports each of them.
	Probe(context.Context) Report
	// Blank starts a sandbox that holds no code. It returns once the program
	// said that it is ready; ctx bounds that wait and nothing after it.
	Blank(context.Context, Spec) (Blank, error)
	// Close ends every sandbox that is left and frees what the driver holds.
	Close() error
}

// A Blank is a sandbox without code. Exactly one of Assign and Discard ends it.
type Blank interface {
	// Listen opens a TCP listener that programs inside the sandbox reach at
	// the listener's own address.
	Listen(context.Context) (net.Listener, error)
	// Assign shows the sandbox a function's code and starts its use. After an
	// error the blank is gone.
	Assign(context.Context, Assignment) (Env, error)
	// Exited is closed when the program has died.
	Exited() <-chan struct{}
	// Discard ends the sandbox.
	Discard()
}

// An Env is a sandbox that was assigned code.
type Env interface {
	// Layout is where code and working directory are inside the sandbox.
	Layout() Layout
	// Channel carries frames to and from the program. It is nil when Spec
	// named no program.
	Channel() *Channel
	// Output is what the program and its children print, standard output and
	// standard error in the order they were written. It is non-blocking and
	// belongs to the Env, which closes it in Retire.
	Output() *os.File
	// Freeze stops all of the sandbox's processes, Thaw lets them run on.
	// Drivers that cannot freeze return ErrUnsupported.
	Freeze() error
	Thaw() error
	// Stats measures the sandbox while it lives.
	Stats() (Stats, error)
	// Exited is closed when the program has ended; Exit then says how.
	Exited() <-chan struct{}
	Exit() Exit
	// Retire ends the sandbox and everything that runs in it, and returns when
	// that is done. With a grace it asks first (SIGTERM) and waits that long.
	Retire(grace time.Duration)
}

// Spec is the program of a sandbox.
type Spec struct {
	// Name is for messages.
	Name string
	// Path and Args (without the program's name) say what a Blank runs. The
	// program reads frames from descriptor 3 and writes them to descriptor 4,
	// or to 3 as well when that is a socket. It sends a KindHello frame when it
	// is ready. With an empty Path nothing runs before Assign.
	Path string
	Args []string
	// Env is the program's environment. The driver adds HOME and TMPDIR; of
	// the server's own environment nothing is passed on.
	Env []string
	// Zygote are the arguments with which the program becomes a zygote: a process
	// that holds no code and makes finished programs by fork, as doc comment of
	// package sandbox/namespace describes. Empty when it cannot, or must not.
	// Blanks that were forked from one process share what it had in memory, so a
	// zygote serves a single Owner. Drivers that do not fork start Path with Args.
	Zygote []string
	Owner  string
}

// Assignment is what turns a Blank into an Env.
type Assignment struct {
	// Code is the directory of the function's code.
	Code string
	// Layers is a directory that is shown beside it, where Layout says; empty for none.
	Layers string
	// Launch names the program to start, given where the code is inside the
	// sandbox. It is called when the Spec named none, and only then.
	Launch func(Layout) Launch
	// Network is what lies beyond the sandbox. Nil: nothing. Drivers that do not
	// isolate the network ignore it.
	Network Network
}

// A Network answers what programs in a sandbox send beyond it. Its methods are
// called from several goroutines.
type Network interface {
	// Connect serves a TCP connection that a program opened to an address. The
	// connection is the Network's, which closes it; Connect returns when it is
	// done. To refuse, it resets the connection. ctx ends with the sandbox.
	Connect(ctx context.Context, conn *net.TCPConn, to netip.AddrPort)
	// Resolve answers one DNS message, in wire format and at most 64 KiB. Nil is
	// no answer. ctx ends with the sandbox.
	Resolve(ctx context.Context, query []byte) []byte
}

// Layout is where things are, as the program in the sandbox sees them.
type Layout struct {
	Code string // the function's code
	// Layers is where Assignment.Layers is, and nothing is where there are none.
	Layers string
	Temp   string // writable, private, empty at first
}

// Launch is a program that starts when code is assigned. It runs in the code's
// directory and has no channel.
type Launch struct {
	Path string
	Args []string // without the program's name
	Env  []string // complete; nothing is added
}

// Report is what a driver found out about the machine.
type Report struct {
	Driver   string
	Features []Feature
}

// Feature is one thing that a driver can use.
type Feature struct {
	Name string
	// OK is whether it works here. Detail says more, Hint how to get it.
	OK           bool
	Detail, Hint string
	// Optional is what the driver does without where it is missing.
	Optional bool
}

// Works reports whether the driver makes sandboxes here: everything that it
// cannot do without is there.
func (r Report) Works() bool {
	for _, f := range r.Features {
		if !f.OK && !f.Optional {
			return false
		}
	}
	return len(r.Features) > 0
}

// Stats are figures of a living sandbox. A figure that the system does not
// give is zero.
type Stats struct {
	MaxRSS int64 // peak resident memory of the program in bytes
	CPU    time.Duration
}

// Exit is how a program ended.
type Exit struct {
	Code   int            // exit status, when it exited by itself
	Signal syscall.Signal // the signal that killed it, or 0
	// Lost is set when the system did not tell.
	Lost bool
	// Strays is set when processes that the program left behind were killed, but
	// have not ended yet.
	Strays bool
	MaxRSS int64 // bytes
	CPU    time.Duration
}

// String words the end as package os does: "exit status 1", "signal: killed".
func (e Exit) String() string {
	switch {
	case e.Lost:
		return "lost"
	case e.Signal != 0:
		return "signal: " + e.Signal.String()
	}
	return fmt.Sprintf("exit status %d", e.Code)
}

// Errors that callers branch on.
var (
	// ErrUnsupported: the driver or the system cannot do this.
	ErrUnsupported = errors.New("not supported here")
	// ErrClosed: the driver was closed.
	ErrClosed = errors.New("sandbox driver is closed")
	// ErrProtocol: the program sent something that no program of ours sends.
	// The sandbox is of no further use.
	ErrProtocol = errors.New("unexpected data on the channel")
	// ErrNotSent: the frame did not reach the program, so nothing was run.
	ErrNotSent = errors.New("frame was not sent")
)
