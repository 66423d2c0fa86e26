package namespace

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"furl/internal/sandbox"
	"furl/internal/sandbox/cgroup"
	"furl/internal/sandbox/seccomp"
)

// Driver makes sandboxes of namespaces.
type Driver struct {
	opts    Options
	command []string
	filter  []unix.SockFilter
	users   users
	log     *slog.Logger
	// groups is nil where no cgroup can be made; groupsErr then says why.
	groups    *cgroup.Groups
	groupsErr error

	connecting sync.Mutex // held while a supervisor starts or ends
	link       *link
	shut       bool

	forks  int            // after how many a zygote is replaced
	making sync.WaitGroup // sandboxes
	wg     sync.WaitGroup // zygotes that start or end

	mu     sync.Mutex
	closed bool
	seq    uint64
	live   map[*box]struct{}
}

var _ sandbox.Driver = (*Driver)(nil)

// selfProgram is this very program, even when its file was replaced.
const selfProgram = "/proc/self/exe"

// New prepares the driver and starts its supervisor. An error means that
// sandboxes cannot be made here; Diagnose says why and what helps.
func New(opts Options) (*Driver, error) {
	if _, nested := os.LookupEnv(roleVar); nested {
		return nil, fmt.Errorf("namespace: main must call namespace.Main before anything else")
	}
	opts.complete()
	d := &Driver{opts: opts, command: opts.Command, log: opts.Logger, forks: manyForks, live: make(map[*box]struct{})}
	if len(d.command) == 0 {
		d.command = []string{selfProgram}
	}
	var err error
	if d.filter, err = seccomp.Build(seccomp.Options{}); err != nil {
		return nil, err
	}
	if d.users, err = newUsers(&opts, d.command); err != nil {
		return nil, err
	}
	// Before the supervisor starts: where the server shares its cgroup with another
	// process, it cannot make room in it for those of sandboxes.
	d.groupsErr = errors.New("namespace: cgroups are turned off")
	if !opts.NoCgroups {
		d.groups, d.groupsErr = cgroup.Open(opts.Cgroup)
	}
	if d.link, err = connect(d.command, d.users); err != nil {
		if d.groups != nil {
			err = errors.Join(err, d.groups.Close())
		}
		return nil, err
	}
	if d.link.noExit != "" {
		d.log.Warn("sandboxes reach nothing but themselves", "err", d.link.noExit)
	}
	switch {
	case opts.NoCgroups:
	case d.groupsErr != nil:
		d.log.Warn("sandboxes have no limits of memory and CPU", "err", d.groupsErr, "remedy", cgroup.Hint)
	default:
		if err := d.groups.Admit(d.users.first); err != nil {
			d.log.Warn("sandboxes enter their cgroups the slow way", "err", err)
		}
	}
	return d, nil
}

// Name is "namespace".
func (d *Driver) Name() string { return "namespace" }

// Close ends all sandboxes and the supervisor, and removes their cgroups.
func (d *Driver) Close() error {
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		return nil
	}
	d.closed = true
	live := make([]*box, 0, len(d.live))
	for b := range d.live {
		live = append(live, b)
	}
	d.mu.Unlock()
	var wg sync.WaitGroup
	for _, b := range live {
		wg.Go(func() { b.Retire(0) })
	}
	wg.Wait()
	d.connecting.Lock()
	d.shut = true
	err := d.link.close()
	d.connecting.Unlock()
	d.making.Wait() // without a supervisor, that does not take long
	d.wg.Wait()
	if d.groups != nil {
		err = errors.Join(err, d.groups.Close())
	}
	return err
}

// current is the link to a living supervisor.
func (d *Driver) current() (*link, error) {
	d.connecting.Lock()
	defer d.connecting.Unlock()
	if d.shut {
		return nil, sandbox.ErrClosed
	}
	select {
	case <-d.link.lost:
		<-d.link.done
		d.log.Warn("the sandboxes' supervisor ended; another one is started")
		l, err := connect(d.command, d.users)
		if err != nil {
			return nil, err
		}
		d.link = l
	default:
	}
	return d.link, nil
}

// add makes room for a sandbox that is to be made. After no error, the caller calls
// making.Done when it is kept or was retired.
func (d *Driver) add(b *box) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return sandbox.ErrClosed
	}
	d.seq++
	b.id = d.seq
	d.making.Add(1)
	return nil
}

// keep has Close retire a sandbox that was made.
func (d *Driver) keep(b *box) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return sandbox.ErrClosed
	}
	d.live[b] = struct{}{}
	return nil
}

func (d *Driver) remove(b *box) {
	d.mu.Lock()
	delete(d.live, b)
	d.mu.Unlock()
}

// Blank makes a sandbox and, if spec names a program, starts it there and waits
// until it is ready.
func (d *Driver) Blank(ctx context.Context, spec sandbox.Spec) (sandbox.Blank, error) {
	b, err := d.blank(ctx, spec)
	// The supervisor was killed: once more, with another one. Or so was a zygote, or
	// it does not work for this program: once more, without one.
	if errors.Is(err, errLost) || errors.Is(err, errNoZygote) {
		b, err = d.blank(ctx, spec)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", spec.Name, err)
	}
	return b, nil
}

func (d *Driver) blank(ctx context.Context, spec sandbox.Spec) (*box, error) {
	b := newBox(d)
	if err := d.add(b); err != nil {
		return nil, err
	}
	defer d.making.Done()
	made, err := b.make(ctx, spec)
	if err == nil {
		err = d.keep(made)
	}
	if err != nil {
		made.Retire(0)
	}
	if err != nil || made != b {
		b.Retire(0) // perhaps once more
	}
	return made, err
}

// guardFile is the program that becomes the first process of a sandbox.
func (d *Driver) guardFile() (string, error) {
	path := d.command[0]
	if path == selfProgram && os.Geteuid() != 0 {
		// The supervisor is to show it, and cannot look through another one's /proc.
		self, err := os.Executable()
		if err != nil {
			return "", fmt.Errorf("namespace: %w", err)
		}
		path = self
	}
	if !strings.HasPrefix(path, "/proc/") {
		abs, err := filepath.Abs(path)
		if err != nil {
			return "", fmt.Errorf("namespace: %w", err)
		}
		path = abs
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("namespace: %w", err)
	}
	if d.users.count > 0 && info.Mode()&0o5 != 0o5 {
		return "", fmt.Errorf("namespace: sandboxes cannot execute %s; chmod o+rx it", path)
	}
	return path, nil
}

// Forks says that blanks with a zygote share memory.
func (d *Driver) Forks() bool { return true }
