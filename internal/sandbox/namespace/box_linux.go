package namespace

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"furl/internal/sandbox"
	"furl/internal/sandbox/cgroup"
)

// box is one sandbox: a Blank, then an Env.
type box struct {
	d    *Driver
	id   uint64
	spec sandbox.Spec

	link    *link
	control *net.UnixConn
	pidfd   *os.File
	pid     int // of the first process, on the host
	group   *cgroup.Group
	channel *sandbox.Channel
	output  *os.File
	egress  *egress // nil before the sandbox has started
	temp    int64   // the size of /tmp

	// complete is closed when a sandbox without a program waits for one, and started
	// when the program runs and the first process has become what it stays: while it
	// executes something else the kernel refuses to enter its namespaces.
	complete, started chan struct{}
	exited            chan struct{} // closed when nothing runs any more
	failure           error         // why there is no program; valid once exited is closed
	exit              sandbox.Exit  // the same
	oom               atomic.Bool
	found             atomic.Int64 // the program's process id on the host, 0 before anybody asked

	retire sync.Once

	ahead net.Listener // made before anybody asked, nil once it is handed out

	mu        sync.Mutex
	listeners []net.Listener
	closed    bool // pidfd is, and the cgroup may be another one's
}

var (
	_ sandbox.Blank       = (*box)(nil)
	_ sandbox.Env         = (*box)(nil)
	_ sandbox.Early       = (*box)(nil)
	_ sandbox.Limiter     = (*box)(nil)
	_ sandbox.OutOfMemory = (*box)(nil)
)

func newBox(d *Driver) *box {
	return &box{d: d, temp: d.opts.TempSize, complete: make(chan struct{}), started: make(chan struct{}), exited: make(chan struct{})}
}

// make brings the sandbox to where it waits for code. It returns the one that does:
// that may be another one, which had been prepared for it.
func (b *box) make(ctx context.Context, spec sandbox.Spec) (*box, error) {
	b.spec = spec
	guard, err := b.d.guardFile()
	if err != nil {
		return b, err
	}
	if b.link, err = b.d.current(); err != nil {
		return b, err
	}
	p, err := newPlan(spec, guard, b.d.opts.ReadOnly, b.link.noExit == "")
	if err != nil {
		return b, err
	}
	im, err := b.link.image(ctx, p)
	if err != nil {
		return b, err
	}
	made := b
	if z := b.borrow(im, p); z != nil {
		made, err = b.grow(ctx, z)
		err = b.giveBack(ctx, z, err)
	} else {
		err = b.open(ctx, p, im.id)
	}
	// Perhaps it shows directories that were replaced meanwhile.
	b.link.release(im, err != nil && ctx.Err() == nil && !errors.Is(err, errNoZygote))
	return made, err
}

// open starts the sandbox in its image, and the program in the sandbox.
func (b *box) open(ctx context.Context, p plan, image uint64) error {
	err := b.begin(func(files []*os.File) (answered, error) {
		return b.link.ask(ctx, order{Start: &startOrder{ID: b.id, Image: image, Channel: b.spec.Path != ""}}, files...)
	})
	if err != nil {
		return err
	}
	if b.spec.Path == "" {
		if err := b.reach(ctx, b.complete); err != nil {
			return err
		}
		// Programs that come with the code are mostly asked through it.
		b.ahead, err = b.listen(ctx)
		return err
	}
	start := program{Path: b.spec.Path, Args: p.args, Env: environment(b.spec), Dir: tempDir, Channel: true}
	if err := send(b.control, command{Start: &start}); err != nil {
		return err
	}
	return b.ready(ctx)
}

// begin has the supervisor start the sandbox's first process, in the way that is
// given, and puts the sandbox under its limits.
func (b *box) begin(start func([]*os.File) (answered, error)) error {
	var err error
	if b.d.groups != nil {
		if b.group, err = b.d.groups.Take(); err != nil {
			return err
		}
	}
	var stdout *os.File
	if b.output, stdout, err = sandbox.OutputPipe(); err != nil {
		return err
	}
	defer stdout.Close()
	var control *os.File
	if b.control, control, err = packetPair(); err != nil {
		return err
	}
	defer control.Close()
	files := []*os.File{stdout, control}
	if b.spec.Path != "" {
		var theirs []*os.File
		if b.channel, theirs, err = sandbox.Pipes(); err != nil {
			return err
		}
		defer closeAll(theirs)
		files = append(files, theirs...)
	}
	got, err := start(files)
	if err != nil {
		return err
	}
	if len(got.files) == 0 {
		return fmt.Errorf("namespace: supervisor answered with no descriptors")
	}
	if b.egress, err = newEgress(got.files[1:], b.d.log); err != nil {
		got.files[0].Close()
		return err
	}
	if b.pidfd, err = pollable(got.files[0]); err != nil {
		return err
	}
	go b.watch()
	if b.pid, err = pidOf(b.pidfd); err != nil {
		return err
	}
	return b.confine(got.reply)
}

// signal reports whether a signal was sent to the sandbox's first process.
func (b *box) signal(sig syscall.Signal) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.closed && unix.PidfdSendSignal(int(b.pidfd.Fd()), sig, nil, 0) == nil
}

func (b *box) kill() {
	b.signal(syscall.SIGKILL) // unless there is nothing left to kill
	if b.group != nil {
		if err := b.group.LetDie(); err != nil {
			b.d.log.Warn("a sandbox stays frozen", "err", err)
		}
	}
}

// ready waits for the program's hello. A program that cannot start says why on
// its output, so that becomes part of the error.
func (b *box) ready(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { b.channel.Close() })
	_, err := b.channel.Hello(time.Time{})
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err == nil {
		return b.reach(ctx, b.started)
	}
	if ctx.Err() != nil {
		return fmt.Errorf("is not ready: %w", ctx.Err())
	}
	b.await(farewell) // mostly it ends by itself
	b.kill()
	b.await(killWait)
	if failure := b.failed(); failure != nil {
		return failure
	}
	said := make([]byte, 2048)
	n, _ := io.ReadFull(b.output, said)
	return fmt.Errorf("is not ready: %w (%v)\n%s", err, b.Exit(), said[:n])
}

// reach waits for a state of the sandbox.
func (b *box) reach(ctx context.Context, state <-chan struct{}) error {
	select {
	case <-state:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("is not ready: %w", ctx.Err())
	case <-b.exited:
		if b.failure != nil {
			return b.failure
		}
		return fmt.Errorf("is not ready: %v", b.exit)
	}
}

// failed is why the sandbox has no program, if it has ended for that.
func (b *box) failed() error {
	select {
	case <-b.exited:
		return b.failure
	default:
		return nil
	}
}

// watch follows the sandbox to its end.
func (b *box) watch() {
	buf := make([]byte, 4<<10)
	var last *end
	var failure error
	for {
		var n news
		files, err := receive(b.control, buf, &n)
		closeAll(files) // nobody sends any
		if err != nil {
			break
		}
		switch {
		case n.Error != "":
			failure = n.err()
		case n.Ready:
			announce(b.complete)
		case n.Started:
			announce(b.started)
		case n.End != nil:
			last = n.End
			b.hangUp()
		}
	}
	if err := awaitEnd(b.pidfd); err != nil {
		b.d.log.Error("the end of a sandbox was not seen", "err", err)
	}
	b.egress.stop()
	if b.group != nil && b.group.RanOut() {
		b.oom.Store(true)
	}
	b.hangUp()
	b.failure = failure
	b.exit = last.exit()
	close(b.exited)
}

// announce closes a channel, once: it is a sandbox that says how often.
func announce(state chan struct{}) {
	select {
	case <-state:
	default:
		close(state)
	}
}

// hangUp ends what waits for the program.
func (b *box) hangUp() {
	if b.channel != nil {
		b.channel.HangUp()
	}
}

// err is an error that errors.As finds a *startError in when the program could
// not be started.
func (n news) err() error {
	if n.Errno != 0 {
		return &startError{text: n.Error, errno: n.Errno}
	}
	return errors.New(n.Error)
}

// startError is a program that could not be started.
type startError struct {
	text  string
	errno syscall.Errno
}

func (e *startError) Error() string { return e.text }

// exit is how the program ended. A sandbox that did not tell was killed as a
// whole.
func (e *end) exit() sandbox.Exit {
	if e == nil {
		return sandbox.Exit{Signal: syscall.SIGKILL}
	}
	x := sandbox.Exit{MaxRSS: e.MaxRSS, CPU: time.Duration(e.CPU)}
	if ws := syscall.WaitStatus(e.Status); ws.Signaled() {
		x.Signal = ws.Signal()
	} else {
		x.Code = ws.ExitStatus()
	}
	return x
}

// Layout is the same for every sandbox.
func (b *box) Layout() sandbox.Layout {
	return sandbox.Layout{Code: codeDir, Layers: layersDir, Temp: tempDir}
}

func (b *box) Channel() *sandbox.Channel { return b.channel }
func (b *box) Output() *os.File          { return b.output }
func (b *box) Exited() <-chan struct{}   { return b.exited }
func (b *box) Discard()                  { b.Retire(0) }

// Exit says how the program ended.
func (b *box) Exit() sandbox.Exit {
	select {
	case <-b.exited:
		return b.exit
	default:
		return sandbox.Exit{Lost: true}
	}
}

// Retire ends the sandbox with everything in it.
func (b *box) Retire(grace time.Duration) {
	b.retire.Do(func() {
		if b.pidfd != nil {
			b.end(grace)
		}
		if b.egress != nil {
			b.egress.close()
		}
		b.mu.Lock()
		listeners := b.listeners
		b.mu.Unlock()
		for _, ln := range listeners {
			ln.Close() // perhaps once more
		}
		if b.control != nil {
			b.control.Close()
		}
		if b.channel != nil {
			b.channel.Close()
		}
		if b.output != nil {
			b.output.Close()
		}
		b.recycle()
		b.d.remove(b)
	})
}

func (b *box) end(grace time.Duration) {
	if grace > 0 {
		if b.signal(syscall.SIGTERM) { // the guard passes it on
			b.await(grace)
		}
	}
	b.kill()
	b.await(killWait)
}

// recycle gives back what the next sandbox can use.
func (b *box) recycle() {
	select {
	case <-b.exited:
	default:
		if b.pidfd != nil { // nobody else may have what a process still uses
			b.d.log.Error("a sandbox that was killed has not ended", "pid", b.pid)
			return
		}
	}
	if b.control != nil { // so the supervisor may know of it
		ctx, cancel := context.WithTimeout(context.Background(), callWait)
		defer cancel()
		if _, err := b.link.call(ctx, order{Free: b.id}); err != nil && !errors.Is(err, errLost) {
			b.d.log.Warn("a sandbox was not given back", "err", err)
		}
	}
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	if b.pidfd != nil {
		b.pidfd.Close()
	}
	if b.group != nil {
		if err := b.d.groups.Give(b.group); err != nil {
			b.d.log.Warn("a cgroup cannot be used again", "err", err)
		}
	}
}

func (b *box) await(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-b.exited:
	case <-t.C:
	}
}
