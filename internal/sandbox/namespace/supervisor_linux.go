package namespace

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
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

	starter *worker // starts sandboxes
	mounter *worker // mounts into them
	nets    networks

	mu     sync.Mutex
	images map[uint64]*os.File // mount namespaces
	boxes  map[uint64]*inmate
}

// inmate is what the supervisor knows of a sandbox.
type inmate struct {
	pidfd *os.File
	net   *os.File
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
	s := &supervisor{conn: conn, images: make(map[uint64]*os.File), boxes: make(map[uint64]*inmate)}
	if err := s.settle(); err != nil {
		send(conn, failed(0, err)) // the server may be gone: then nobody cares
		return err
	}
	if err := send(conn, reply{}); err != nil { // ready
		return err
	}
	buf := make([]byte, maxPacket)
	for {
		var o order
		files, err := receive(conn, buf, &o)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		go s.obey(o, files)
	}
}

// settle makes the mount namespace the supervisor's own.
func (s *supervisor) settle() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("namespace: mount: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("namespace: mount /proc: %w", err)
	}
	var err error
	if s.null, err = os.Open(os.DevNull); err != nil {
		return fmt.Errorf("namespace: %w", err)
	}
	if s.home, err = ownNamespace("mnt"); err != nil {
		return err
	}
	if s.starter, err = newWorker(); err != nil {
		return err
	}
	s.mounter, err = newWorker()
	return err
}

// obey does what one order says and answers it.
func (s *supervisor) obey(o order, files []*os.File) {
	defer func() { closeAll(files) }()
	var out *os.File
	var err error
	switch {
	case o.Image != nil:
		err = s.image(o.Image, files)
	case o.Start != nil:
		out, err = s.start(o.Start, files)
	case o.Attach != nil:
		err = s.attach(o.Attach, files)
	case o.Resize != nil:
		err = s.resize(o.Resize)
	case o.Listen != 0:
		out, err = s.listen(o.Listen)
		defer func() { closeAll([]*os.File{out}) }()
	case o.Free != 0:
		s.free(o.Free)
	case o.Drop != 0:
		s.drop(o.Drop)
	}
	switch {
	case err != nil:
		send(s.conn, failed(o.Seq, err))
	case out != nil:
		send(s.conn, reply{Seq: o.Seq}, out)
	default:
		send(s.conn, reply{Seq: o.Seq})
	}
	// An answer that cannot be sent is the end of the server, which shows as the end
	// of its orders.
}

func failed(seq uint64, err error) reply {
	r := reply{Seq: seq, Error: err.Error()}
	errors.As(err, &r.Errno)
	return r
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

// start begins a sandbox and returns its pidfd, which stays the supervisor's.
func (s *supervisor) start(o *startOrder, files []*os.File) (*os.File, error) {
	s.mu.Lock()
	image := s.images[o.Image]
	s.mu.Unlock()
	if image == nil || len(files) < 2 {
		return nil, fmt.Errorf("namespace: start: no image or no descriptors")
	}
	n, err := s.nets.take()
	if err != nil {
		return nil, err
	}
	questions, answers := ^uintptr(0), ^uintptr(0) // none
	if len(files) == 4 {
		questions, answers = files[2].Fd(), files[3].Fd()
	}
	fds := []uintptr{s.null.Fd(), files[0].Fd(), files[0].Fd(), questions, answers, files[1].Fd()}
	var pid, pidfd int
	err = s.starter.do(func() error {
		if err := enter(n, unix.CLONE_NEWNET); err != nil {
			return err
		}
		if err := enter(image, unix.CLONE_NEWNS); err != nil {
			return err
		}
		var err error
		pid, err = syscall.ForkExec(guardPath, []string{"furl-sandbox"}, &syscall.ProcAttr{
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
		s.nets.give(n)
		return nil, err
	}
	m := &inmate{pidfd: os.NewFile(uintptr(pidfd), "sandbox"), net: n, ended: make(chan struct{})}
	s.mu.Lock()
	s.boxes[o.ID] = m
	s.mu.Unlock()
	go reap(pid, m.ended)
	return m.pidfd, nil
}

// reap collects a sandbox that has ended.
func reap(pid int, ended chan<- struct{}) {
	for {
		if _, err := syscall.Wait4(pid, nil, 0, nil); err != syscall.EINTR {
			close(ended)
			return
		}
	}
}

func (s *supervisor) inmate(id uint64) (*inmate, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.boxes[id]
	if m == nil {
		return nil, fmt.Errorf("namespace: sandbox %d is not known", id)
	}
	return m, nil
}

// inside runs f in the mount namespace of a sandbox.
func (s *supervisor) inside(id uint64, f func() error) error {
	m, err := s.inmate(id)
	if err != nil {
		return err
	}
	return s.mounter.do(func() error {
		if err := enter(m.pidfd, unix.CLONE_NEWNS); err != nil {
			return err
		}
		// To stay there would keep the sandbox's mounts after its end.
		return errors.Join(f(), enter(s.home, unix.CLONE_NEWNS))
	})
}

func (s *supervisor) attach(o *attachOrder, trees []*os.File) error {
	if len(trees) == 0 {
		tree, err := openTree(o.Path, shown, false)
		if err != nil {
			return err
		}
		defer tree.Close()
		trees = []*os.File{tree}
	}
	return s.inside(o.ID, func() error { return attach(trees[0], codeDir) })
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
	return listenIn(m.net)
}

// free forgets a sandbox once it has ended; its network is for the next one.
func (s *supervisor) free(id uint64) {
	m, err := s.inmate(id)
	if err != nil {
		return
	}
	<-m.ended
	s.mu.Lock()
	delete(s.boxes, id)
	s.mu.Unlock()
	m.pidfd.Close()
	s.nets.give(m.net)
}
