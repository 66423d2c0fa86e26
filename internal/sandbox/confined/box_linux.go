package confined

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
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
	spec sandbox.Spec
	dir  string
	mark uint64
	user int // zero: the server's

	group   *cgroup.Group
	channel *sandbox.Channel
	output  *os.File
	// stdout is the writing end of output, kept until the program starts.
	stdout *os.File
	pins   []*os.File
	oom    atomic.Bool
	over   atomic.Bool // it took too much, and is being ended

	retire sync.Once

	mu      sync.Mutex
	program *sandbox.Program
	limits  sandbox.Limits
}

var (
	_ sandbox.Blank       = (*box)(nil)
	_ sandbox.Env         = (*box)(nil)
	_ sandbox.Limiter     = (*box)(nil)
	_ sandbox.OutOfMemory = (*box)(nil)
)

// Layout says where code and temporary files are: nothing is elsewhere than on
// the host.
func (b *box) Layout() sandbox.Layout {
	return sandbox.Layout{Code: filepath.Join(b.dir, "code"), Layers: filepath.Join(b.dir, "layers"), Temp: filepath.Join(b.dir, "tmp")}
}

// open brings the sandbox to where it waits for code.
func (b *box) open(ctx context.Context) error {
	var err error
	if b.user, err = b.d.users.take(); err != nil {
		return err
	}
	if err := b.makeDirs(); err != nil {
		return err
	}
	if b.output, b.stdout, err = sandbox.OutputPipe(); err != nil {
		return err
	}
	if b.d.groups != nil {
		if b.group, err = b.d.groups.Take(); err != nil {
			return err
		}
		if err := b.group.Limit(sandbox.Limits{Processes: b.d.opts.Processes}); err != nil {
			return err
		}
		b.group.OnOOM(b.outOfMemory)
	}
	if b.spec.Path == "" {
		return nil
	}
	args, places, err := b.d.arguments(b.spec.Args)
	if err != nil {
		return err
	}
	var theirs []*os.File
	if b.channel, theirs, err = sandbox.Pipes(); err != nil {
		return err
	}
	defer closeAll(theirs)
	temp := b.Layout().Temp
	err = b.start(ctx, setup{Path: b.spec.Path, Args: args, Dir: temp, Places: places,
		Env: append([]string{"HOME=" + temp, "TMPDIR=" + temp}, b.spec.Env...)}, theirs)
	closeAll(theirs) // or their end would not show as one
	if err != nil {
		return err
	}
	return b.ready(ctx)
}

func (b *box) makeDirs() error {
	if err := os.Mkdir(b.dir, 0o711); err != nil {
		return fmt.Errorf("confined: %w", err)
	}
	l := b.Layout()
	for dir, mode := range map[string]os.FileMode{b.dir: 0o711, l.Code: 0o755, l.Layers: 0o755, l.Temp: 0o700} {
		err := os.Mkdir(dir, mode)
		if err == nil || dir == b.dir {
			err = os.Chmod(dir, mode) // whatever the umask is
		}
		if err == nil && dir == l.Temp && b.user != 0 {
			err = os.Chown(dir, b.user, b.user)
		}
		if err != nil {
			return fmt.Errorf("confined: %w", err)
		}
	}
	return nil
}

// start has the supervisor start the program. channel are the program's
// descriptors from 3 on.
func (b *box) start(ctx context.Context, s setup, channel []*os.File) error {
	var programs []place
	var err error
	if s.Path, programs, err = b.d.program(s.Path); err != nil {
		return err
	}
	l := b.Layout()
	s.Places = append(s.Places, b.d.base...)
	s.Places = append(append(s.Places, programs...), place{Path: l.Code}, place{Path: l.Layers}, place{Path: l.Temp, Write: true})
	s.User, s.Limits, s.Landlock, s.Filter = b.user, b.resources(), b.d.landlock, b.d.filter
	r := remains{User: b.user}
	if b.group != nil {
		s.Groups = b.group.Dirs()
		r.Groups = s.Groups
	}
	end, err := r.environment()
	if err != nil {
		return err
	}
	text, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("confined: setup: %w", err)
	}
	ours, theirs, err := sandbox.SocketPair()
	if err != nil {
		return err
	}
	defer theirs.Close()
	conn, err := net.FileConn(ours)
	ours.Close()
	if err != nil {
		return fmt.Errorf("confined: setup: %w", err)
	}
	defer conn.Close()
	files := append([]*os.File{b.stdout}, channel...)
	command := b.d.opts.Command
	program, err := b.d.procs.Start(sandbox.Command{
		Path: command[0], Args: command[1:], Dir: "/", Sandbox: b.dir, Mark: b.mark, Last: end,
		Env: []string{roleVar + "=" + roleEnter, setupVar + "=" + strconv.Itoa(3+len(channel)), "GOMAXPROCS=1"},
	}, append(files, theirs), b.gone)
	if err != nil {
		return fmt.Errorf("confined: %w", err)
	}
	theirs.Close()
	b.stdout.Close()
	b.mu.Lock()
	b.program = program
	b.mu.Unlock()
	b.pins = pin(processFiles(strconv.Itoa(program.Pid()))...)
	return hand(ctx, conn.(*net.UnixConn), text)
}

// hand gives a process its setup and returns when it has become the program.
func hand(ctx context.Context, conn *net.UnixConn, text []byte) error {
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	_, err := conn.Write(text)
	if err == nil {
		err = conn.CloseWrite()
	}
	var answer []byte
	if err == nil {
		answer, err = io.ReadAll(conn)
	}
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("confined: is not ready: %w", ctx.Err())
	case errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.ECONNRESET):
		return nil // it has ended, which shows as such
	case err != nil:
		return fmt.Errorf("confined: setup: %w", err)
	case len(answer) == 0:
		return nil
	}
	var r refusal
	if err := json.Unmarshal(answer, &r); err != nil {
		return fmt.Errorf("confined: setup: %w", err)
	}
	return r.err()
}

func (r refusal) err() error {
	if r.Errno == 0 {
		return errors.New(r.Text)
	}
	return &refused{text: r.Text, errno: r.Errno}
}

// refused is a refusal that errors.Is finds the errno in.
type refused struct {
	text  string
	errno syscall.Errno
}

func (e *refused) Error() string { return e.text }
func (e *refused) Unwrap() error { return e.errno }

// gone is called at the program's end.
func (b *box) gone() {
	if b.group != nil && b.group.RanOut() {
		b.oom.Store(true)
	}
	if b.channel != nil {
		b.channel.HangUp()
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
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("is not ready: %w", ctx.Err())
	}
	b.await(lastWords) // mostly it ends by itself
	b.signal(syscall.SIGKILL)
	b.await(killWait)
	if err := b.output.SetReadDeadline(time.Now().Add(lastWords)); err != nil {
		return fmt.Errorf("is not ready: %w", err)
	}
	said := make([]byte, 2048)
	n, _ := io.ReadFull(b.output, said) // nothing is no error
	return fmt.Errorf("is not ready: %w (%v)\n%s", err, b.Exit(), said[:n])
}

// Listen opens a listener on the loopback interface, which sandboxes share with
// the server.
func (b *box) Listen(ctx context.Context) (net.Listener, error) {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("confined: %w", err)
	}
	return ln, nil
}

// Assign makes the code appear in the sandbox and, if no program runs there yet,
// starts it.
func (b *box) Assign(ctx context.Context, a sandbox.Assignment) (sandbox.Env, error) {
	if err := b.assign(ctx, a); err != nil {
		b.Retire(0)
		return nil, err
	}
	return b, nil
}

func (b *box) assign(ctx context.Context, a sandbox.Assignment) error {
	l := b.Layout()
	if err := mirror(a.Code, l.Code, true); err != nil {
		return err
	}
	if a.Layers != "" {
		if err := mirror(a.Layers, l.Layers, true); err != nil {
			return err
		}
	}
	if b.group != nil {
		if err := b.group.Weight(1); err != nil {
			return err
		}
	}
	if b.spec.Path != "" {
		return nil
	}
	launch := a.Launch(l)
	err := b.start(ctx, setup{Path: launch.Path, Args: launch.Args, Env: launch.Env, Dir: l.Code}, nil)
	if e, ok := errors.AsType[*refused](err); ok {
		return &os.PathError{Op: "start", Path: launch.Path, Err: e.errno}
	}
	return err
}

func (b *box) Discard()                  { b.Retire(0) }
func (b *box) Channel() *sandbox.Channel { return b.channel }
func (b *box) Output() *os.File          { return b.output }

// running is the program, or nil before it was started.
func (b *box) running() *sandbox.Program {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.program
}

// Exited is never closed while no program runs.
func (b *box) Exited() <-chan struct{} {
	if p := b.running(); p != nil {
		return p.Exited()
	}
	return nil
}

func (b *box) Exit() sandbox.Exit {
	if p := b.running(); p != nil {
		return p.Exit()
	}
	return sandbox.Exit{Lost: true}
}

// Stats measures the program.
func (b *box) Stats() (sandbox.Stats, error) {
	if p := b.running(); p != nil {
		return p.Stats()
	}
	return sandbox.Stats{}, nil
}

// signal reaches the program's process group.
func (b *box) signal(sig syscall.Signal) {
	if p := b.running(); p != nil {
		b.d.procs.Signal(p, sig)
	}
}

func (b *box) await(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-b.Exited():
	case <-t.C:
	}
}

// kill ends the program and with it everything in the sandbox.
func (b *box) kill() {
	b.signal(unix.SIGKILL)
	if b.group != nil {
		if err := b.group.LetDie(); err != nil {
			b.d.log.Warn("a sandbox stays frozen", "err", err)
		}
	}
}

// Retire ends everything in the sandbox.
func (b *box) Retire(grace time.Duration) {
	b.retire.Do(func() {
		if b.running() != nil {
			if grace > 0 {
				b.signal(syscall.SIGTERM)
				b.await(grace)
			}
			b.kill()
			b.await(killWait)
		}
		if b.channel != nil {
			b.channel.Close()
		}
		if b.output != nil {
			b.output.Close()
			b.stdout.Close()
		}
		closeAll(b.pins)
		b.recycle()
		b.d.remove(b)
	})
}

// recycle gives back what the next sandbox can use.
func (b *box) recycle() {
	if err := sandbox.RemoveTree(b.dir); err != nil {
		b.d.log.Warn("a sandbox's directory was not removed", "err", err)
	}
	if b.running() != nil {
		select {
		case <-b.Exited():
		default: // nobody else may have what a process still uses
			b.d.log.Error("a sandbox that was killed has not ended", "pid", b.running().Pid())
			return
		}
		if b.Exit().Strays {
			b.d.log.Error("processes of a sandbox that was killed have not ended", "user", b.user)
			return
		}
	}
	b.d.users.give(b.user)
	if b.group != nil {
		if err := b.d.groups.Give(b.group); err != nil {
			b.d.log.Warn("a cgroup cannot be used again", "err", err)
		}
	}
}
