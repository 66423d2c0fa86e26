package namespace

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// zygoteProcess is the supervisor's side of a zygote.
type zygoteProcess struct {
	conn  *net.UnixConn
	pidfd *os.File
	said  *os.File // what it prints
	ended chan struct{}

	mu  sync.Mutex // held for one fork at a time
	buf []byte
}

// errNoZygote: a zygote is gone, or was never ready.
var errNoZygote = errors.New("namespace: the zygote is gone")

// startZygote starts a zygote, in the image's mounts and with no network, waits until it
// is ready and returns its pidfd, which stays the supervisor's.
func (s *supervisor) startZygote(o *zygoteOrder) (*os.File, error) {
	s.mu.Lock()
	image := s.images[o.Image]
	s.mu.Unlock()
	if image == nil {
		return nil, errors.New("namespace: zygote: no image")
	}
	m, err := s.spawnZygote(o, image)
	if err != nil {
		return nil, err
	}
	if err := m.ready(&o.Setup); err != nil {
		m.end()
		return nil, err
	}
	s.mu.Lock()
	s.zygotes[o.ID] = m
	s.mu.Unlock()
	return m.pidfd, nil
}

// spawnZygote starts a zygote's process.
func (s *supervisor) spawnZygote(o *zygoteOrder, image *os.File) (*zygoteProcess, error) {
	conn, theirs, err := packetPair()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	said, stdout, err := os.Pipe()
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("namespace: zygote: %w", err)
	}
	defer stdout.Close()
	pidfd := -1
	err = s.starter.do(func() error {
		if err := enter(image, unix.CLONE_NEWNS); err != nil {
			return err
		}
		_, err := syscall.ForkExec(o.Path, append([]string{o.Path}, o.Args...), &syscall.ProcAttr{
			Dir: "/", Env: o.Env, Files: []uintptr{s.null.Fd(), stdout.Fd(), stdout.Fd(), theirs.Fd()},
			Sys: &syscall.SysProcAttr{PidFD: &pidfd, Setsid: true,
				Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWNET | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS},
		})
		return err
	})
	if err != nil {
		conn.Close()
		said.Close()
		return nil, fmt.Errorf("namespace: zygote %s: %w", o.Path, err)
	}
	m := &zygoteProcess{conn: conn, said: said, pidfd: os.NewFile(uintptr(pidfd), "zygote"),
		ended: make(chan struct{}), buf: make([]byte, maxPacket)}
	go follow(m.pidfd, m.ended)
	return m, nil
}

// ready tells the zygote what it makes and waits until it takes requests.
func (m *zygoteProcess) ready(b *zygoteSetup) error {
	if err := send(m.conn, b); err != nil {
		return err
	}
	if err := m.conn.SetReadDeadline(time.Now().Add(zygoteWait)); err != nil {
		return fmt.Errorf("namespace: zygote: %w", err)
	}
	var r forked
	if _, err := receive(m.conn, m.buf, &r); err != nil {
		return fmt.Errorf("namespace: zygote: it is not ready: %w: %s", err, m.lastWords())
	}
	if err := m.conn.SetReadDeadline(time.Time{}); err != nil {
		return fmt.Errorf("namespace: zygote: %w", err)
	}
	return nil
}

// lastWords is the last line that the zygote printed.
func (m *zygoteProcess) lastWords() string {
	if err := m.said.SetReadDeadline(time.Now().Add(farewell)); err != nil {
		return err.Error()
	}
	b, _ := io.ReadAll(io.LimitReader(m.said, 16<<10)) // what there is
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return lines[len(lines)-1]
}

// fork has the zygote make the first process of a sandbox and returns its pidfd.
func (m *zygoteProcess) fork(r fork, files []*os.File) (*os.File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := send(m.conn, r, files...); err != nil {
		return nil, fmt.Errorf("%w: %w", errNoZygote, err)
	}
	var answer forked
	got, err := receive(m.conn, m.buf, &answer)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", errNoZygote, err)
	case answer.Error != "":
		closeAll(got)
		return nil, fmt.Errorf("namespace: fork: %w", answer.Errno)
	case len(got) != 1:
		closeAll(got)
		return nil, fmt.Errorf("%w: it answered with %d descriptors", errNoZygote, len(got))
	}
	return got[0], nil
}

// end ends a zygote. Its children live on.
func (m *zygoteProcess) end() {
	m.conn.Close()
	// It fails when the zygote has ended already.
	unix.PidfdSendSignal(int(m.pidfd.Fd()), unix.SIGKILL, nil, 0)
	<-m.ended
	m.pidfd.Close()
	m.said.Close()
}

func (s *supervisor) zygoteProcess(id uint64) *zygoteProcess {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.zygotes[id]
}

// endZygote ends a zygote.
func (s *supervisor) endZygote(id uint64) {
	s.mu.Lock()
	m := s.zygotes[id]
	delete(s.zygotes, id)
	s.mu.Unlock()
	if m != nil {
		m.end()
	}
}

// fork starts a sandbox by a zygote. Its files are those of startOrder.
func (s *supervisor) fork(o *startOrder, n *network, files []*os.File) (pidfd *os.File, born bool, err error) {
	m := s.zygoteProcess(o.Zygote)
	if m == nil {
		return nil, false, errNoZygote
	}
	r := fork{Channel: o.Channel, Born: o.Born}
	all := append([]*os.File{n.ns}, files...)
	if pidfd, err = m.fork(r, all); err == nil || !o.Born || errors.Is(err, errNoZygote) {
		return pidfd, o.Born, err
	}
	// It may not be allowed to be born in its cgroup.
	r.Born = false
	pidfd, err = m.fork(r, all[:len(all)-1])
	return pidfd, false, err
}

// follow closes ended once a process has ended.
func follow(pidfd *os.File, ended chan<- struct{}) {
	defer close(ended)
	fd, err := unix.FcntlInt(pidfd.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return // nor could anything else be done here
	}
	waiting, err := pollable(os.NewFile(uintptr(fd), "pidfd"))
	if err != nil {
		return
	}
	defer waiting.Close()
	awaitEnd(waiting) // it fails as the above
}

// reap collects what has ended: sandboxes, zygotes, and what a zygote made before it
// could tell. Their ends show at their pidfds.
func reap() {
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGCHLD)
	go func() {
		for range ended {
			for {
				pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
				if pid <= 0 && err != syscall.EINTR {
					break
				}
			}
		}
	}()
}
