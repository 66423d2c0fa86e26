package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"
)

const (
	// killWait is how long the end of a killed program is waited for.
	killWait = 5 * time.Second
	// exitOutputWait is how long the last words of one that ended are.
	exitOutputWait = 100 * time.Millisecond
)

// ProcessOptions are the choices of the process driver.
type ProcessOptions struct {
	// Dir is where the sandboxes' working directories are made; the system's
	// directory for temporary files when empty.
	Dir string
	// Supervisor is the command line of a program whose main calls Supervise
	// first. It becomes the parent of every sandbox's processes and ends them
	// all when this process is gone, however it went. Without one the
	// driver is the parent itself, and processes that functions left in the
	// background may outlive a server that was killed.
	Supervisor []string
}

// Process is the driver that isolates with what every Unix has: a session and
// process group, a clean environment, a private working directory and resource
// limits. Functions run as the server's user and can read what it can read.
type Process struct {
	root  string
	procs spawner

	mu     sync.Mutex
	seq    int
	closed bool
	live   map[*process]struct{}
}

var (
	_ Driver = (*Process)(nil)
	_ Forker = (*Process)(nil)
)

// NewProcess prepares the process driver.
func NewProcess(opts ProcessOptions) (*Process, error) {
	root, err := os.MkdirTemp(opts.Dir, "furl-sandbox-")
	if err != nil {
		return nil, fmt.Errorf("sandbox: working directories: %w", err)
	}
	d := &Process{root: root, live: make(map[*process]struct{})}
	if len(opts.Supervisor) == 0 {
		d.procs = newLocal()
		return d, nil
	}
	d.procs, err = newRemote(opts.Supervisor, root)
	if err != nil {
		os.RemoveAll(root)
		return nil, err
	}
	return d, nil
}

// Name is "process".
func (d *Process) Name() string { return "process" }

// Forks is false.
func (d *Process) Forks() bool { return false }

// Probe starts and ends a sandbox and names what this driver does not isolate.
func (d *Process) Probe(ctx context.Context) Report {
	r := Report{Driver: d.Name()}
	start := Feature{Name: "start a process", OK: true}
	b, err := d.Blank(ctx, Spec{Name: "probe"})
	if err == nil {
		var env Env
		env, err = b.Assign(ctx, Assignment{Code: d.root, Launch: func(Layout) Launch {
			return Launch{Path: "/bin/sh", Args: []string{"-c", "exit 0"}}
		}})
		if err == nil {
			env.Retire(time.Second)
		}
	}
	if err != nil {
		start.OK, start.Detail = false, err.Error()
	}
	_, supervised := d.procs.(*remote)
	r.Features = append(r.Features, start,
		Feature{Name: "nothing outlives the server", OK: supervised, Optional: true,
			Hint: "start the driver with a supervisor"},
		Feature{Name: "own file system, network and user", Optional: true,
			Detail: "functions run as the server's user, in its network and files",
			Hint:   "use a stronger driver for code that you do not trust"},
		Feature{Name: "memory and CPU limits", Optional: true})
	return r
}

// Close ends all sandboxes and removes their working directories.
func (d *Process) Close() error {
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		return nil
	}
	d.closed = true
	live := make([]*process, 0, len(d.live))
	for p := range d.live {
		live = append(live, p)
	}
	d.mu.Unlock()
	var wg sync.WaitGroup
	for _, p := range live {
		wg.Go(func() { p.Retire(0) })
	}
	wg.Wait()
	return errors.Join(d.procs.close(), RemoveTree(d.root))
}

// add makes an empty sandbox with its working directory.
func (d *Process) add(spec Spec) (*process, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil, ErrClosed
	}
	d.seq++
	p := &process{d: d, spec: spec, dir: filepath.Join(d.root, strconv.Itoa(d.seq))}
	if err := os.Mkdir(p.dir, 0o700); err != nil {
		return nil, fmt.Errorf("sandbox: working directory: %w", err)
	}
	d.live[p] = struct{}{}
	return p, nil
}

func (d *Process) remove(p *process) {
	d.mu.Lock()
	delete(d.live, p)
	d.mu.Unlock()
}

// Blank starts the program of spec and waits until it is ready.
func (d *Process) Blank(ctx context.Context, spec Spec) (Blank, error) {
	p, err := d.add(spec)
	if err != nil {
		return nil, err
	}
	if err := p.start(ctx); err != nil {
		p.Retire(0)
		return nil, fmt.Errorf("sandbox: %s: %w", spec.Name, err)
	}
	return p, nil
}

// process is one sandbox of the process driver: a Blank, then an Env.
type process struct {
	d       *Process
	spec    Spec
	dir     string
	layout  Layout
	channel *Channel
	output  *os.File
	// stdout is the writing end of output, kept until the program starts.
	stdout *os.File
	child  *Program

	retire sync.Once
}

func (p *process) start(ctx context.Context) error {
	var err error
	if p.output, p.stdout, err = outputPipe(); err != nil {
		return err
	}
	if p.spec.Path == "" {
		return nil
	}
	var theirs []*os.File
	if p.channel, theirs, err = channelPipes(); err != nil {
		return err
	}
	env := append([]string{"HOME=" + p.dir, "TMPDIR=" + p.dir}, p.spec.Env...)
	p.child, err = p.d.procs.start(Command{
		Path: p.spec.Path, Args: p.spec.Args, Env: env, Dir: p.dir, Sandbox: p.dir,
	}, append([]*os.File{p.stdout}, theirs...), p.channel.hangUp)
	closeAll(theirs) // or their end would not show as one
	p.stdout.Close()
	if err != nil {
		return err
	}
	return p.ready(ctx)
}

// ready waits for the program's hello. A program that cannot start says why on
// its output, so that becomes part of the error.
func (p *process) ready(ctx context.Context) error {
	deadline, _ := ctx.Deadline()
	stop := context.AfterFunc(ctx, func() { p.channel.Close() })
	_, err := p.channel.hello(deadline)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err == nil {
		return nil
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = context.DeadlineExceeded // a moment before ctx itself notices
	} else if ctx.Err() != nil {
		err = ctx.Err()
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return fmt.Errorf("is not ready: %w", err)
	}
	p.d.procs.signal(p.child, syscall.SIGKILL)
	p.await(killWait)
	p.output.SetReadDeadline(time.Now().Add(exitOutputWait)) // a process it left may hold the other end
	said := make([]byte, 2048)
	n, _ := io.ReadFull(p.output, said)
	return fmt.Errorf("is not ready: %w (%v)\n%s", err, p.Exit(), said[:n])
}

// Listen opens a listener on the loopback interface, which the process driver
// shares with the functions.
func (p *process) Listen(ctx context.Context) (net.Listener, error) {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	return ln, nil
}

func (p *process) Assign(ctx context.Context, a Assignment) (Env, error) {
	p.layout = Layout{Code: a.Code, Layers: a.Layers, Temp: p.dir}
	if p.spec.Path != "" {
		return p, nil
	}
	l := a.Launch(p.layout)
	var err error
	p.child, err = p.d.procs.start(Command{
		Path: l.Path, Args: l.Args, Env: l.Env, Dir: a.Code, Sandbox: p.dir,
	}, []*os.File{p.stdout}, nil)
	p.stdout.Close()
	if err != nil {
		p.Retire(0)
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	return p, nil
}

func (p *process) Discard()          { p.Retire(0) }
func (p *process) Layout() Layout    { return p.layout }
func (p *process) Channel() *Channel { return p.channel }
func (p *process) Output() *os.File  { return p.output }
func (p *process) Freeze() error     { return ErrUnsupported }
func (p *process) Thaw() error       { return ErrUnsupported }

// Exited is never closed while no program runs.
func (p *process) Exited() <-chan struct{} {
	if p.child == nil {
		return nil
	}
	return p.child.exited
}

func (p *process) Exit() Exit {
	if p.child == nil {
		return Exit{Lost: true}
	}
	select {
	case <-p.child.exited:
		return p.child.exit
	default:
		return Exit{Lost: true}
	}
}

func (p *process) Stats() (Stats, error) {
	if p.child == nil {
		return Stats{}, nil
	}
	return processStats(p.child.pid)
}

// Retire kills the process group, and what left it as far as the system lets
// us find it.
func (p *process) Retire(grace time.Duration) {
	p.retire.Do(func() {
		if p.child != nil {
			if grace > 0 {
				p.d.procs.signal(p.child, syscall.SIGTERM)
				p.await(grace)
			}
			p.d.procs.signal(p.child, syscall.SIGKILL)
			p.await(killWait)
		}
		if p.channel != nil {
			p.channel.Close()
		}
		if p.output != nil {
			p.output.Close()
			p.stdout.Close()
		}
		RemoveTree(p.dir)
		p.d.remove(p)
	})
}

func (p *process) await(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-p.child.exited:
	case <-t.C:
	}
}

// SelfSupervisor is the command line that runs this very program as the
// supervisor.
func SelfSupervisor() ([]string, error) {
	if runtime.GOOS == "linux" {
		return []string{"/proc/self/exe"}, nil // the running program even when its file was replaced
	}
	exe, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	return []string{exe}, nil
}
