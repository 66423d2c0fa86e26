package sandbox

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// helloWait bounds the start of the supervisor.
const helloWait = 10 * time.Second

// remote starts programs through a supervisor. When the supervisor dies, its
// programs are dead too (the system kills them), and the next start begins with
// a new supervisor.
type remote struct {
	command []string
	root    string

	mu     sync.Mutex
	closed bool
	link   *link
}

// link is the connection to one supervisor process.
type link struct {
	cmd  *exec.Cmd
	conn *net.UnixConn
	done chan struct{} // closed when the supervisor is gone

	sending sync.Mutex // one message at a time

	mu       sync.Mutex
	lost     bool
	seq      uint64
	starting map[uint64]chan notice
	alive    map[uint64]*Program
}

func newRemote(command []string, root string) (*remote, error) {
	if _, nested := os.LookupEnv(supervisorVar); nested {
		return nil, fmt.Errorf("sandbox: main must call sandbox.Supervise before anything else")
	}
	r := &remote{command: command, root: root}
	l, err := r.connect()
	if err != nil {
		return nil, err
	}
	r.link = l
	return r, nil
}

// connect starts a supervisor and waits for its first notice.
func (r *remote) connect() (*link, error) {
	ours, theirs, err := socketPair()
	if err != nil {
		return nil, fmt.Errorf("sandbox: supervisor: %w", err)
	}
	generic, err := net.FileConn(ours)
	ours.Close()
	if err != nil {
		theirs.Close()
		return nil, fmt.Errorf("sandbox: supervisor: %w", err)
	}
	conn := generic.(*net.UnixConn)
	cmd := exec.Command(r.command[0], r.command[1:]...)
	cmd.Args[0] = "furl-supervisor"
	cmd.Env = []string{supervisorVar + "=" + r.root}
	cmd.Stderr = os.Stderr
	cmd.ExtraFiles = []*os.File{theirs}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = cmd.Start()
	theirs.Close() // or its end would not show as one
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("sandbox: supervisor: %w", err)
	}
	l := &link{cmd: cmd, conn: conn, done: make(chan struct{}),
		starting: make(map[uint64]chan notice), alive: make(map[uint64]*Program)}
	conn.SetReadDeadline(time.Now().Add(helloWait))
	var n notice
	if _, err := receive(conn, &n); err != nil {
		conn.Close()
		cmd.Process.Kill()
		cmd.Wait()
		return nil, fmt.Errorf("sandbox: %s does not act as a supervisor; its main must call sandbox.Supervise: %w", r.command[0], err)
	}
	conn.SetReadDeadline(time.Time{})
	go l.listen()
	return l, nil
}

// current is the link to a living supervisor.
func (r *remote) current() (*link, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, ErrClosed
	}
	if r.link.isLost() {
		<-r.link.done // what it had started has been told its end before that
		l, err := r.connect()
		if err != nil {
			return nil, err
		}
		r.link = l
	}
	return r.link, nil
}

func (r *remote) start(l Command, files []*os.File, gone func()) (*Program, error) {
	link, err := r.current()
	if err != nil {
		return nil, err
	}
	return link.start(l, files, gone)
}

func (r *remote) signal(c *Program, sig syscall.Signal) {
	r.mu.Lock()
	link := r.link
	r.mu.Unlock()
	link.signal(c, sig)
}

func (r *remote) close() error {
	r.mu.Lock()
	r.closed = true
	link := r.link
	r.mu.Unlock()
	link.conn.CloseWrite()
	select {
	case <-link.done:
		return nil
	case <-time.After(2 * killWait):
		link.cmd.Process.Kill()
		<-link.done
		return fmt.Errorf("sandbox: supervisor: %w", context.DeadlineExceeded)
	}
}

func (l *link) start(what Command, files []*os.File, gone func()) (*Program, error) {
	var fds []int
	for _, f := range files {
		fds = append(fds, int(f.Fd()))
	}
	answer := make(chan notice, 1)
	l.mu.Lock()
	if l.lost {
		l.mu.Unlock()
		return nil, errLost
	}
	l.seq++
	c := &Program{seq: l.seq, exited: make(chan struct{}), gone: gone}
	l.starting[c.seq] = answer
	l.alive[c.seq] = c
	l.mu.Unlock()
	if err := l.send(order{Seq: c.seq, Start: &what}, fds); err != nil {
		l.forget(c)
		return nil, err
	}
	n, ok := <-answer
	switch {
	case !ok:
		return nil, errLost
	case n.Errno != 0:
		l.forget(c)
		return nil, &os.PathError{Op: "start", Path: what.Path, Err: n.Errno}
	case n.Error != "":
		l.forget(c)
		return nil, fmt.Errorf("start %s: %s", what.Path, n.Error)
	}
	return c, nil
}

// isLost reports whether the supervisor takes no more orders.
func (l *link) isLost() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lost
}

func (l *link) forget(c *Program) {
	l.mu.Lock()
	delete(l.starting, c.seq)
	delete(l.alive, c.seq)
	l.mu.Unlock()
}

func (l *link) signal(c *Program, sig syscall.Signal) {
	l.mu.Lock()
	alive := l.alive[c.seq] == c
	l.mu.Unlock()
	if alive {
		l.send(order{Seq: c.seq, Signal: sig}, nil)
	}
}

func (l *link) send(o order, files []int) error {
	l.sending.Lock()
	defer l.sending.Unlock()
	return send(l.conn, o, files)
}

// listen passes on notices until the supervisor is gone; then everything that
// it had started has ended.
func (l *link) listen() {
	for {
		var n notice
		if _, err := receive(l.conn, &n); err != nil {
			break
		}
		l.note(n)
	}
	l.mu.Lock()
	l.lost = true
	for _, answer := range l.starting {
		close(answer)
	}
	clear(l.starting)
	for _, c := range l.alive {
		if c.pid != 0 {
			syscall.Kill(-c.pid, syscall.SIGKILL)
		}
		c.end(Exit{Lost: true})
	}
	clear(l.alive)
	l.mu.Unlock()
	l.conn.Close()
	l.cmd.Wait()
	close(l.done)
}

func (l *link) note(n notice) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n.Exit != nil {
		if c := l.alive[n.Seq]; c != nil {
			delete(l.alive, n.Seq)
			c.end(*n.Exit)
		}
		return
	}
	if answer := l.starting[n.Seq]; answer != nil {
		delete(l.starting, n.Seq)
		if c := l.alive[n.Seq]; c != nil {
			c.pid = n.Pid
		}
		answer <- n
	}
}
