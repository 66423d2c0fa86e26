package namespace

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// supervisor is the first process of the user and process namespaces in which
// all sandboxes live. It does for the server what takes privileges over them.
type supervisor struct {
	conn *net.UnixConn
	null *os.File
	home *os.File // the mount namespace to return to
	// noProc is whether the kernel refuses another /proc than the one that is there.
	noProc bool

	starter *worker // starts sandboxes
	nets    networks

	mu      sync.Mutex
	images  map[uint64]*os.File // mount namespaces
	boxes   map[uint64]*inmate
	zygotes map[uint64]*zygoteProcess
}

// inmate is what the supervisor knows of a sandbox.
type inmate struct {
	// begun is closed when the sandbox was started, or could not be. Before that, and
	// then, the others are nil.
	begun chan struct{}
	pidfd *os.File
	net   *network
	ended chan struct{}
}

// supervise serves the server at descriptor 3 until it is gone.
func supervise() error {
	// What the server's parent left open is no business of the sandboxes.
	if err := unix.CloseRange(4, ^uint(0), unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return fmt.Errorf("namespace: supervisor: %w", os.NewSyscallError("close_range", err))
	}
	unix.Umask(0o022)
	unix.CloseOnExec(3)
	conn, err := packetConn(3)
	if err != nil {
		return err
	}
	defer conn.Close()
	s := &supervisor{conn: conn, images: make(map[uint64]*os.File), boxes: make(map[uint64]*inmate),
		zygotes: make(map[uint64]*zygoteProcess)}
	reap()
	if err := s.settle(); err != nil {
		var r reply
		r.fail(err)
		return send(conn, r) // the server tells of it
	}
	if err := send(conn, s.ready()); err != nil {
		return err
	}
	return s.serve()
}

// settle makes the mount namespace the supervisor's own.
func (s *supervisor) settle() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("namespace: mount: %w", err)
	}
	err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "")
	if s.noProc = errors.Is(err, unix.EPERM); err != nil && !s.noProc {
		return fmt.Errorf("namespace: mount /proc: %w", err)
	}
	if err := s.restrain(); err != nil {
		return err
	}
	if s.null, err = os.Open(os.DevNull); err != nil {
		return fmt.Errorf("namespace: %w", err)
	}
	if s.home, err = ownNamespace("mnt"); err != nil {
		return err
	}
	if err := s.nets.start(); err != nil {
		return err
	}
	s.starter, err = newWorker()
	return err
}

// restrain has the kernel allow each user of the sandboxes a part of what it counts,
// beyond that, as that of the user who runs the server: one sandbox would else take
// it from all, and from the host.
func (s *supervisor) restrain() error {
	if s.noProc { // nor can it be written
		return nil
	}
	if _, users, err := largestRange("/proc/self/uid_map"); err != nil || users == 1 {
		return err // what is for one user is for all sandboxes
	}
	for name, most := range map[string]string{"max_inotify_instances": "16", "max_inotify_watches": "8192"} {
		err := os.WriteFile("/proc/sys/user/"+name, []byte(most), 0)
		if err != nil && !unwritable(err) {
			return fmt.Errorf("namespace: %w", err)
		}
	}
	return nil
}

// serve obeys orders until the server is gone. Those that mount into a sandbox are
// what a cold start waits for, so they are carried out where they are read, on this
// very thread, which sleeps in the kernel between them: to wake another one would take
// as long as the mount.
func (s *supervisor) serve() error {
	runtime.LockOSThread() // never unlocked: its mount namespace changes
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return fmt.Errorf("namespace: supervisor: %w", os.NewSyscallError("unshare", err))
	}
	raw, err := s.conn.SyscallConn()
	if err != nil {
		return fmt.Errorf("namespace: supervisor: %w", err)
	}
	buf := make([]byte, maxPacket)
	for {
		if err := raw.Read(awaitMessage); err != nil {
			return fmt.Errorf("namespace: supervisor: %w", err)
		}
		var o order
		files, err := receive(s.conn, buf, &o)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case o.Attach != nil || o.Resize != nil:
			s.obey(o, files)
		default:
			if o.Start != nil {
				s.expect(o.Start.ID)
			}
			go s.obey(o, files)
		}
	}
}

// awaitMessage waits until a socket can be read, or is closed.
func awaitMessage(fd uintptr) bool {
	for {
		if _, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, -1); err != unix.EINTR {
			return true
		}
	}
}

// obey does what one order says and answers it.
func (s *supervisor) obey(o order, files []*os.File) {
	defer func() { closeAll(files) }()
	answer := reply{Seq: o.Seq}
	var out []*os.File
	var err error
	switch {
	case o.Image != nil:
		err = s.image(o.Image, files)
	case o.Zygote != nil:
		var pidfd *os.File
		if pidfd, err = s.startZygote(o.Zygote); err == nil {
			out = []*os.File{pidfd}
		}
	case o.Start != nil:
		if out, answer.Born, err = s.start(o.Start, files); err == nil {
			defer closeAll(out[1:])
		}
		answer.Forked, answer.NoZygote = o.Start.Zygote != 0, errors.Is(err, errNoZygote)
	case o.Attach != nil:
		err = s.attach(o.Attach, files)
	case o.Resize != nil:
		err = s.resize(o.Resize)
	case o.Listen != 0:
		var ln *os.File
		if ln, err = s.listen(o.Listen); err == nil {
			out = []*os.File{ln}
			defer ln.Close()
		}
	case o.Free != 0:
		s.free(o.Free)
	case o.Drop != 0:
		s.drop(o.Drop)
	case o.EndZygote != 0:
		s.endZygote(o.EndZygote)
	}
	if err != nil {
		answer.fail(err)
		out = nil
	}
	send(s.conn, answer, out...)
	// An answer that cannot be sent is the end of the server, which shows as the end
	// of its orders.
}

// ready says that the supervisor takes orders.
func (s *supervisor) ready() reply {
	r := reply{NoProc: s.noProc}
	if n := &s.nets; n.closed != nil {
		r.NoExit = n.closed.Error()
	}
	return r
}

func (r *reply) fail(err error) {
	r.Error = err.Error()
	errors.As(err, &r.Errno)
}

func (s *supervisor) image(o *imageOrder, trees []*os.File) error {
	if len(trees) == 0 { // the server has no privileges of its own
		var err error
		if trees, err = openFiles(o.Files); err != nil {
			return err
		}
		defer closeAll(trees)
	}
	ns, err := newImage(o.Files, trees)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.images[o.ID] = ns
	s.mu.Unlock()
	return nil
}

func (s *supervisor) drop(id uint64) {
	s.mu.Lock()
	ns := s.images[id]
	delete(s.images, id)
	s.mu.Unlock()
	if ns != nil {
		ns.Close()
	}
}

// start begins a sandbox and returns its pidfd, which stays the supervisor's, and
// its network's sockets, which the caller closes once the server has them. It also
// tells whether the sandbox was born in its cgroup.
func (s *supervisor) start(o *startOrder, files []*os.File) (out []*os.File, born bool, err error) {
	var pidfd *os.File
	var n *network
	defer func() { s.begin(o.ID, pidfd, n) }()
	if n, err = s.nets.take(); err != nil {
		return nil, false, err
	}
	if o.Zygote != 0 {
		pidfd, born, err = s.fork(o, n, files)
	} else {
		pidfd, err = s.exec(o, n, files)
	}
	if err != nil {
		s.nets.give(n)
		return nil, false, err
	}
	out = append([]*os.File{pidfd}, n.sockets...)
	n.sockets = nil
	return out, born, nil
}

// expect notes a sandbox that is to be started before anything else is heard of it:
// the server may give it up before it has begun.
func (s *supervisor) expect(id uint64) {
	s.mu.Lock()
	s.boxes[id] = &inmate{begun: make(chan struct{})}
	s.mu.Unlock()
}

// begin notes that an expected sandbox was started, or without a pidfd that it was not.
func (s *supervisor) begin(id uint64, pidfd *os.File, n *network) {
	s.mu.Lock()
	m := s.boxes[id]
	if pidfd != nil {
		m.pidfd, m.net, m.ended = pidfd, n, make(chan struct{})
		go follow(m.pidfd, m.ended)
	} else {
		delete(s.boxes, id)
	}
	s.mu.Unlock()
	close(m.begun)
}

// exec starts a sandbox as this program.
func (s *supervisor) exec(o *startOrder, n *network, files []*os.File) (*os.File, error) {
	s.mu.Lock()
	image := s.images[o.Image]
	s.mu.Unlock()
	if image == nil || len(files) < 2 {
		return nil, fmt.Errorf("namespace: start: no image or no descriptors")
	}
	questions, answers := ^uintptr(0), ^uintptr(0) // none
	if o.Channel && len(files) >= 4 {
		questions, answers = files[2].Fd(), files[3].Fd()
	}
	fds := []uintptr{s.null.Fd(), files[0].Fd(), files[0].Fd(), questions, answers, files[1].Fd()}
	var pidfd int
	err := s.starter.do(func() error {
		if err := enter(n.ns, unix.CLONE_NEWNET); err != nil {
			return err
		}
		if err := enter(image, unix.CLONE_NEWNS); err != nil {
			return err
		}
		_, err := syscall.ForkExec(guardPath, []string{"furl-sandbox"}, &syscall.ProcAttr{
			Env: []string{roleVar + "=" + roleBuild, "GOMAXPROCS=1"}, Files: fds,
			Sys: &syscall.SysProcAttr{PidFD: &pidfd, Setsid: true,
				Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS},
		})
		if err != nil {
			return fmt.Errorf("namespace: start: %w", err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(pidfd), "sandbox"), nil
}

func (s *supervisor) inmate(id uint64) (*inmate, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.boxes[id]
	if m == nil || m.pidfd == nil {
		return nil, fmt.Errorf("namespace: sandbox %d is not known", id)
	}
	return m, nil
}

// inside runs f in the mount namespace of a sandbox. It is for serve's thread only.
func (s *supervisor) inside(id uint64, f func() error) error {
	m, err := s.inmate(id)
	if err != nil {
		return err
	}
	if err := enter(m.pidfd, unix.CLONE_NEWNS); err != nil {
		return err
	}
	// To stay there would keep the sandbox's mounts after its end.
	return errors.Join(f(), enter(s.home, unix.CLONE_NEWNS))
}

func (s *supervisor) attach(o *attachOrder, trees []*os.File) error {
	var questions *os.File
	if o.Question != nil {
		if len(trees) == 0 {
			return fmt.Errorf("namespace: attach: no descriptor to ask by")
		}
		last := len(trees) - 1
		trees, questions = trees[:last], trees[last]
	}
	if len(trees) == 0 {
		opened, err := openTrees(o.Path, o.Layers)
		defer closeAll(opened)
		if err != nil {
			return err
		}
		trees = opened
	}
	return s.inside(o.ID, func() error {
		if len(trees) > 1 {
			if err := attachLayers(trees[1]); err != nil {
				return err
			}
		}
		if err := attach(trees[0], codeDir); err != nil || questions == nil {
			return err
		}
		// To have the server ask, when it hears of the end, would wake it first.
		_, err := unix.Write(int(questions.Fd()), o.Question)
		return os.NewSyscallError("write", err)
	})
}

func (s *supervisor) resize(o *resizeOrder) error {
	return s.inside(o.ID, func() error {
		err := unix.Mount("", tempDir, "", unix.MS_REMOUNT|unix.MS_NOSUID|unix.MS_NODEV, fmt.Sprintf("size=%d", o.Bytes))
		if err != nil {
			return &os.PathError{Op: "remount", Path: tempDir, Err: err}
		}
		return nil
	})
}

func (s *supervisor) listen(id uint64) (*os.File, error) {
	m, err := s.inmate(id)
	if err != nil {
		return nil, err
	}
	return listenIn(m.net.ns)
}

// free forgets a sandbox once it has ended; its network is for the next one.
func (s *supervisor) free(id uint64) {
	s.mu.Lock()
	m := s.boxes[id]
	s.mu.Unlock()
	if m == nil {
		return
	}
	<-m.begun
	if m.pidfd == nil {
		return
	}
	<-m.ended
	s.mu.Lock()
	delete(s.boxes, id)
	s.mu.Unlock()
	m.pidfd.Close()
	s.nets.give(m.net)
}
