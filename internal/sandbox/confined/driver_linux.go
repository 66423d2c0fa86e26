package confined

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"furl/internal/sandbox"
	"furl/internal/sandbox/cgroup"
	"furl/internal/sandbox/seccomp"
)

// Driver makes confined sandboxes.
type Driver struct {
	opts  Options
	log   *slog.Logger
	root  string // the sandboxes' directories are in it
	lock  *os.File
	procs *sandbox.Programs
	marks uint64 // upper bits
	// threads is what the server's user runs, where sandboxes share the user.
	threads atomic.Int64
	filter  []byte
	base    []place
	pins    []*os.File
	// landlock is the version of the kernel's interface.
	landlock int
	// users is nil where sandboxes run as the server's user; usersErr then says why.
	users    *users
	usersErr error
	// groups is nil where no cgroup can be made; groupsErr then says why.
	groups    *cgroup.Groups
	groupsErr error

	mirroring sync.Mutex
	mirrors   []mirrored

	stop    context.CancelFunc
	watches sync.WaitGroup

	mu     sync.Mutex
	closed bool
	seq    uint64
	live   map[*box]struct{}
}

var (
	_ sandbox.Driver = (*Driver)(nil)
	_ sandbox.Forker = (*Driver)(nil)
)

// New prepares the driver. An error means that sandboxes cannot be made here;
// Diagnose says why and what helps.
func New(opts Options) (*Driver, error) {
	if _, nested := os.LookupEnv(roleVar); nested {
		return nil, fmt.Errorf("confined: main must call confined.Main before anything else")
	}
	opts.complete()
	d := &Driver{opts: opts, log: opts.Logger, live: make(map[*box]struct{}), stop: func() {}}
	if err := d.prepare(); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	ctx, stop := context.WithCancel(context.Background())
	d.stop = stop
	d.watches.Go(func() { d.watchMemory(ctx) })
	d.watches.Go(func() { d.watchTemp(ctx) })
	d.watches.Go(d.sweep)
	return d, nil
}

func (d *Driver) prepare() error {
	var err error
	if d.landlock, err = landlockVersion(); err != nil {
		return err
	}
	if d.users, d.usersErr = chooseUsers(&d.opts); errors.Is(d.usersErr, errTaken) {
		return d.usersErr
	} else if d.usersErr != nil {
		d.log.Warn("sandboxes have no users of their own", "err", d.usersErr)
	}
	filter, err := seccomp.Build(seccomp.Options{
		IPC: true, User: d.users == nil, LocalSockets: d.users == nil && d.landlock < 9,
	})
	if err != nil {
		return err
	}
	d.filter = packFilter(filter)
	if d.base, err = basePlaces(d.opts.ReadOnly); err != nil {
		return err
	}
	d.pins = pin(procFiles[:]...)
	var random [8]byte
	rand.Read(random[:])
	// Not zero, and far from what anybody would set as a limit.
	d.marks = 1<<40 | binary.LittleEndian.Uint64(random[:])>>24
	if d.root, err = d.makeRoot(); err != nil {
		return err
	}
	// As long as somebody has a lock on it, no service that tidies up touches it.
	if d.lock, err = os.Open(d.root); err == nil {
		err = unix.Flock(int(d.lock.Fd()), unix.LOCK_SH)
	}
	if err != nil {
		return fmt.Errorf("confined: directories: %w", err)
	}
	// Before the supervisor starts: where the server shares its cgroup with another
	// process, it cannot make room in it for those of sandboxes.
	d.groupsErr = errors.New("confined: cgroups are turned off")
	if !d.opts.NoCgroups {
		if d.groups, d.groupsErr = cgroup.Open(d.opts.Cgroup); d.groupsErr != nil {
			d.log.Warn("sandboxes' memory is watched, there are no cgroups", "err", d.groupsErr, "remedy", cgroup.Hint)
		}
	}
	d.countThreads()
	d.procs, err = sandbox.NewPrograms(d.opts.Command, d.root)
	return err
}

// chooseUsers takes a share of the ids if a process can become one of them.
func chooseUsers(o *Options) (*users, error) {
	switch {
	case o.OneUser:
		return nil, errors.New("confined: it was asked for one user")
	case os.Geteuid() != 0:
		return nil, errors.New("confined: the server is not root")
	}
	u, err := newUsers(o)
	if err != nil || u == nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), stepWait)
	defer cancel()
	if err := tryStep(ctx, o.Command, stepUser, strconv.Itoa(u.first)); err != nil {
		return nil, errors.Join(err, u.close())
	}
	return u, nil
}

// makeRoot makes the directory of the sandboxes' directories where their users can
// get to.
func (d *Driver) makeRoot() (string, error) {
	dir := d.opts.Dir
	if dir == "" {
		dir = os.TempDir()
	}
	mode := os.FileMode(0o700)
	if d.users != nil {
		mode = 0o711
		ok, err := enterable(dir)
		if err != nil {
			return "", err
		}
		if !ok {
			dir = os.TempDir()
			if ok, err = enterable(dir); err != nil {
				return "", err
			} else if !ok {
				return "", fmt.Errorf("confined: other users than the server's cannot enter %s", dir)
			}
		}
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("confined: %w", err)
	}
	root, err := os.MkdirTemp(dir, rootPrefix)
	if err == nil {
		err = os.Chmod(root, mode)
	}
	if err == nil {
		root, err = filepath.EvalSymlinks(root)
	}
	if err != nil {
		return "", fmt.Errorf("confined: directories: %w", err)
	}
	return root, nil
}

// rootPrefix begins the names of servers' directories.
const rootPrefix = "furl-confined-"

// sweep removes what servers left beside our directory that were killed together with
// their supervisors: directories whose lock nobody holds. One that is new may not
// be locked yet.
func (d *Driver) sweep() {
	parent := filepath.Dir(d.root)
	entries, err := os.ReadDir(parent)
	if err != nil {
		d.log.Warn("directories of servers that were killed are not looked for", "err", err)
		return
	}
	for _, e := range entries {
		if !e.IsDir() || !strings.HasPrefix(e.Name(), rootPrefix) {
			continue
		}
		if err := removeLeft(filepath.Join(parent, e.Name())); err != nil {
			d.log.Warn("the directory of a server that was killed is left", "err", err)
		}
	}
}

func removeLeft(dir string) error {
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err == unix.ENOENT || err == unix.EACCES {
		return nil // it was removed, or is another user's
	}
	if err != nil {
		return &os.PathError{Op: "open", Path: dir, Err: err}
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return &os.PathError{Op: "stat", Path: dir, Err: err}
	}
	made := time.Unix(st.Mtim.Unix())
	if int(st.Uid) != os.Geteuid() || time.Since(made) < leftAfter || unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) != nil {
		return nil
	}
	return sandbox.RemoveTree(dir)
}

// Name is "confined".
func (d *Driver) Name() string { return "confined" }

// Forks is false.
func (d *Driver) Forks() bool { return false }

// Close ends all sandboxes and removes their directories and cgroups.
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
	d.stop()
	d.watches.Wait()
	var wg sync.WaitGroup
	for _, b := range live {
		wg.Go(func() { b.Retire(0) })
	}
	wg.Wait()
	var errs []error
	if d.procs != nil {
		errs = append(errs, d.procs.Close())
	}
	if d.groups != nil {
		errs = append(errs, d.groups.Close())
	}
	closeAll(d.pins)
	if d.lock != nil {
		d.lock.Close()
	}
	if d.root != "" {
		errs = append(errs, sandbox.RemoveTree(d.root))
	}
	return errors.Join(append(errs, d.users.close())...)
}

// add makes an empty sandbox with its directories.
func (d *Driver) add(spec sandbox.Spec) (*box, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil, sandbox.ErrClosed
	}
	d.seq++
	b := &box{d: d, spec: spec, dir: filepath.Join(d.root, strconv.FormatUint(d.seq, 10)),
		mark: d.marks<<sandbox.MarkBits | d.seq%(1<<sandbox.MarkBits)}
	b.limits = sandbox.Limits{Temp: d.opts.TempSize, Processes: d.opts.Processes}
	d.live[b] = struct{}{}
	return b, nil
}

func (d *Driver) remove(b *box) {
	d.mu.Lock()
	delete(d.live, b)
	d.mu.Unlock()
}

// boxes are the living sandboxes.
func (d *Driver) boxes() []*box {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := make([]*box, 0, len(d.live))
	for b := range d.live {
		all = append(all, b)
	}
	return all
}

// Blank makes a sandbox and, if spec names a program, starts it there and waits
// until it is ready.
func (d *Driver) Blank(ctx context.Context, spec sandbox.Spec) (sandbox.Blank, error) {
	b, err := d.add(spec)
	if err == nil {
		if err = b.open(ctx); err == nil {
			return b, nil
		}
		b.Retire(0)
	}
	return nil, fmt.Errorf("%s: %w", spec.Name, err)
}
