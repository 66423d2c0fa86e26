package sandbox

import (
	"errors"
	"os"
	"sync"
	"syscall"
	"time"
)

// Command is a program to start. Besides the process driver, drivers in other
// packages use it; see Programs.
type Command struct {
	Path string
	Args []string // without the program's name
	Env  []string
	Dir  string
	// Sandbox is the working directory of the sandbox. It stands in the
	// environment of its processes and so identifies strays.
	Sandbox string
	// Mark, when it is not zero, is the number by which the processes of the sandbox
	// are known instead: the program has it as its hard limit RLIMIT_RTTIME, and
	// cannot change that. Its upper bits, above MarkBits, are the same for all
	// programs of a server.
	Mark uint64 `json:",omitempty"`
	// Last is the environment with which the supervisor starts its own program
	// once more when processes that a marked program left outrun it: that one
	// knows a way to end all of them at once.
	Last []string `json:",omitempty"`
}

// MarkBits is how many lower bits of a Mark tell a server's programs apart.
const MarkBits = 20

// Program is a started program, the leader of its session.
type Program struct {
	pid    int
	seq    uint64
	gone   func() // called at its end, may be nil
	exited chan struct{}
	exit   Exit // valid once exited is closed
}

// end notes how the program ended.
func (c *Program) end(e Exit) {
	c.exit = e
	if c.gone != nil {
		c.gone()
	}
	close(c.exited)
}

// A spawner starts programs and ends them.
type spawner interface {
	// start runs a program whose standard output and error are the first of
	// files, and whose descriptors from 3 on are the others. When it has ended,
	// gone is called; it must not block.
	start(l Command, files []*os.File, gone func()) (*Program, error)
	// signal reaches the program's whole process group. After the program's
	// end it does nothing.
	signal(*Program, syscall.Signal)
	close() error
}

// forkExec starts a program in a session of its own.
func forkExec(l Command, fds []uintptr) (int, error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return 0, err
	}
	defer null.Close()
	files := append([]uintptr{null.Fd(), fds[0]}, fds...)
	env := l.Env
	if env == nil {
		env = []string{} // nil would mean ours
	}
	pid, err := syscall.ForkExec(l.Path, append([]string{l.Path}, l.Args...), &syscall.ProcAttr{
		Dir: l.Dir, Env: env, Files: files, Sys: childAttr(),
	})
	if err != nil {
		return 0, &os.PathError{Op: "start", Path: l.Path, Err: err}
	}
	limit(pid)
	return pid, nil
}

func exitOf(ws syscall.WaitStatus, ru *syscall.Rusage) Exit {
	e := Exit{MaxRSS: maxRSS(ru), CPU: time.Duration(ru.Utime.Nano() + ru.Stime.Nano())}
	if ws.Signaled() {
		e.Signal = ws.Signal()
	} else {
		e.Code = ws.ExitStatus()
	}
	return e
}

// local starts programs as children of this process.
type local struct {
	fork chan func()
	wg   sync.WaitGroup

	mu     sync.Mutex
	closed bool
	alive  map[*Program]struct{}
}

// newLocal prepares to start programs. Descriptors that this process inherited
// are no longer passed on, by whatever it starts.
func newLocal() *local {
	closeOnExec()
	s := &local{fork: make(chan func()), alive: make(map[*Program]struct{})}
	go forkThread(s.fork)
	return s
}

func (s *local) start(l Command, files []*os.File, gone func()) (*Program, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	var fds []uintptr
	for _, f := range files {
		fds = append(fds, f.Fd())
	}
	c := &Program{exited: make(chan struct{}), gone: gone}
	done := make(chan error)
	s.fork <- func() {
		var err error
		c.pid, err = forkExec(l, fds)
		done <- err
	}
	if err := <-done; err != nil {
		return nil, err
	}
	s.alive[c] = struct{}{}
	s.wg.Go(func() { s.wait(c) })
	return c, nil
}

// wait reaps c and ends what is left of its group.
func (s *local) wait(c *Program) {
	var ws syscall.WaitStatus
	var ru syscall.Rusage
	exit := Exit{Lost: true}
	for {
		_, err := syscall.Wait4(c.pid, &ws, 0, &ru)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err == nil {
			exit = exitOf(ws, &ru)
		}
		break
	}
	syscall.Kill(-c.pid, syscall.SIGKILL)
	s.mu.Lock()
	delete(s.alive, c)
	s.mu.Unlock()
	c.end(exit)
}

func (s *local) signal(c *Program, sig syscall.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.alive[c]; ok {
		syscall.Kill(-c.pid, sig)
	}
}

func (s *local) close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	for c := range s.alive {
		syscall.Kill(-c.pid, syscall.SIGKILL)
	}
	s.mu.Unlock()
	s.wg.Wait()
	close(s.fork)
	return nil
}

// errLost: the supervisor went away while it was asked for something.
var errLost = errors.New("supervisor is gone")
