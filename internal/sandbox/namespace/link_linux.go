package namespace

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// errLost: the supervisor went away while it was asked for something.
var errLost = errors.New("namespace: the supervisor is gone")

// link is the connection to one supervisor. When that ends, so has everything it
// started, and the link is of no further use.
type link struct {
	cmd  *exec.Cmd
	conn *net.UnixConn
	lost chan struct{} // closed when no order is taken any more
	done chan struct{} // closed when the supervisor is gone
	// noExit is why sandboxes have no way out of their networks; empty when they do.
	noExit string
	// noProc is whether sandboxes have no /proc: the kernel mounts none where parts
	// of the one that is there are hidden.
	noProc bool

	mu      sync.Mutex
	seq     uint64
	waiting map[uint64]chan answered // nil once lost
	images  map[string]*image
	zygotes map[string]*zygote
}

// image is one that was made or is being made.
type image struct {
	id   uint64
	key  string
	done chan struct{}
	err  error // valid once done is closed

	// Under the link's mutex.
	users int
	bad   bool
}

type answered struct {
	reply reply
	files []*os.File
}

// connect starts a supervisor and waits until it is ready.
func connect(program []string, u users) (*link, error) {
	conn, theirs, err := packetPair()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	cmd := exec.Command(program[0], program[1:]...)
	cmd.Args[0] = "furl-sandboxes"
	cmd.Env = []string{roleVar + "=" + roleSupervisor}
	cmd.Stderr = os.Stderr
	cmd.ExtraFiles = []*os.File{theirs}
	cmd.Dir = "/"
	if err := u.start(cmd, unix.CLONE_NEWNS|unix.CLONE_NEWPID); err != nil {
		conn.Close()
		return nil, fmt.Errorf("namespace: supervisor: %w", err)
	}
	theirs.Close() // or its end would not show as one
	l := &link{cmd: cmd, conn: conn, lost: make(chan struct{}), done: make(chan struct{}),
		waiting: make(map[uint64]chan answered), images: make(map[string]*image),
		zygotes: make(map[string]*zygote)}
	if err := l.hello(); err != nil {
		conn.Close()
		cmd.Process.Kill()
		cmd.Wait() // how it ended says less than err
		return nil, err
	}
	go l.listen()
	return l, nil
}

func (l *link) hello() error {
	if err := l.conn.SetReadDeadline(time.Now().Add(callWait)); err != nil {
		return fmt.Errorf("namespace: supervisor: %w", err)
	}
	var r reply
	_, err := receive(l.conn, make([]byte, maxPacket), &r)
	if errors.Is(err, io.EOF) || errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("namespace: %s does not act as a supervisor; its main must call namespace.Main first", l.cmd.Path)
	}
	if err != nil {
		return err
	}
	if r.Error != "" {
		return r.err()
	}
	l.noExit, l.noProc = r.NoExit, r.NoProc
	if err := l.conn.SetReadDeadline(time.Time{}); err != nil {
		return fmt.Errorf("namespace: supervisor: %w", err)
	}
	return nil
}

// err makes the supervisor's words an error that errors.Is knows.
func (r reply) err() error {
	if r.NoZygote {
		return fmt.Errorf("%w%s", errNoZygote, strings.TrimPrefix(r.Error, errNoZygote.Error()))
	}
	if r.Errno == 0 {
		return errors.New(r.Error)
	}
	return fmt.Errorf("%s: %w", strings.TrimSuffix(r.Error, ": "+r.Errno.Error()), r.Errno)
}

// listen passes on answers until the supervisor is gone.
func (l *link) listen() {
	buf := make([]byte, maxPacket)
	for {
		var r reply
		files, err := receive(l.conn, buf, &r)
		if err != nil {
			break
		}
		l.mu.Lock()
		w := l.waiting[r.Seq]
		delete(l.waiting, r.Seq)
		if w != nil {
			w <- answered{r, files} // there is room; forget looks for it under the mutex
		}
		l.mu.Unlock()
		if w == nil {
			closeAll(files)
		}
	}
	l.mu.Lock()
	waiting := l.waiting
	l.waiting = nil
	l.mu.Unlock()
	close(l.lost)
	l.stopZygotes()
	for _, w := range waiting {
		close(w)
	}
	l.conn.Close()
	l.cmd.Process.Kill()
	l.cmd.Wait() // that it is gone is all that matters
	close(l.done)
}

// call gives an order and waits for its answer, whose descriptors are the
// caller's.
func (l *link) call(ctx context.Context, o order, files ...*os.File) ([]*os.File, error) {
	a, err := l.ask(ctx, o, files...)
	return a.files, err
}

// ask is call with the whole answer.
func (l *link) ask(ctx context.Context, o order, files ...*os.File) (answered, error) {
	w := make(chan answered, 1)
	l.mu.Lock()
	if l.waiting == nil {
		l.mu.Unlock()
		return answered{}, errLost
	}
	l.seq++
	o.Seq = l.seq
	l.waiting[o.Seq] = w
	l.mu.Unlock()
	if err := send(l.conn, o, files...); err != nil {
		l.forget(o.Seq, w)
		return answered{}, fmt.Errorf("%w: %w", errLost, err)
	}
	select {
	case a, ok := <-w:
		switch {
		case !ok:
			return answered{}, errLost
		case a.reply.Error != "":
			closeAll(a.files)
			return answered{}, a.reply.err()
		}
		return a, nil
	case <-ctx.Done():
		l.forget(o.Seq, w)
		return answered{}, fmt.Errorf("namespace: supervisor: %w", ctx.Err())
	}
}

// forget gives up waiting. An answer that has just come has descriptors.
func (l *link) forget(seq uint64, w chan answered) {
	l.mu.Lock()
	delete(l.waiting, seq)
	l.mu.Unlock()
	select {
	case a := <-w:
		closeAll(a.files)
	default:
	}
}

// image is the image of a plan, made when it is wanted for the first time. It is
// the caller's to use until release.
func (l *link) image(ctx context.Context, p plan) (*image, error) {
	key := p.key()
	l.mu.Lock()
	im := l.images[key]
	if im == nil {
		l.seq++
		im = &image{id: l.seq, key: key, users: 1, done: make(chan struct{})}
		l.images[key] = im
		// Others may come to wait for it, so whose context ends does not end it.
		go l.prepareImage(im, p)
	}
	im.users++
	l.mu.Unlock()
	var err error
	select {
	case <-im.done:
		err = im.err
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		l.release(im, false)
		return nil, fmt.Errorf("namespace: image: %w", err)
	}
	return im, nil
}

// prepareImage makes an image for all who wait for it, and is one of its users
// meanwhile. It ends in time, and with the link.
func (l *link) prepareImage(im *image, p plan) {
	ctx, cancel := context.WithTimeout(context.Background(), callWait)
	defer cancel()
	im.err = l.makeImage(ctx, im.id, p)
	close(im.done)
	l.release(im, im.err != nil)
}

// release ends the use of an image. One that is no good is made anew next time;
// sandboxes that run in it keep it.
func (l *link) release(im *image, bad bool) {
	l.mu.Lock()
	im.users--
	im.bad = im.bad || bad
	if im.bad && l.images[im.key] == im {
		delete(l.images, im.key)
	}
	last := im.bad && im.users == 0
	l.mu.Unlock()
	if last {
		ctx, cancel := context.WithTimeout(context.Background(), callWait)
		defer cancel()
		l.call(ctx, order{Drop: im.id}) // if it fails there is no supervisor any more
	}
}

func (l *link) makeImage(ctx context.Context, id uint64, p plan) error {
	var trees []*os.File
	if os.Geteuid() == 0 {
		var err error
		if trees, err = openFiles(p.files); err != nil {
			return err
		}
		defer closeAll(trees)
	}
	_, err := l.call(ctx, order{Image: &imageOrder{ID: id, Files: p.files}}, trees...)
	return err
}

// close ends the supervisor and everything it started.
func (l *link) close() error {
	l.conn.CloseWrite()
	t := time.NewTimer(killWait)
	defer t.Stop()
	select {
	case <-l.done:
		return nil
	case <-t.C:
		l.cmd.Process.Kill()
		<-l.done
		return fmt.Errorf("namespace: supervisor: %w", context.DeadlineExceeded)
	}
}
