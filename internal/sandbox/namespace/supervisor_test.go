//go:build linux

package namespace

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// A sandbox that is given up before it has begun is forgotten all the same.
func TestSupervisorForgets(t *testing.T) {
	for name, begin := range map[string]func(*testing.T) *os.File{
		"started":     endedProcess,
		"not started": func(*testing.T) *os.File { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			s := &supervisor{boxes: make(map[uint64]*inmate)}
			s.nets.closed = errors.New("there are none here")
			s.expect(7)
			freed := make(chan struct{})
			go func() { s.free(7); close(freed) }()
			select {
			case <-freed:
				t.Fatal("it was forgotten before it began")
			case <-time.After(20 * time.Millisecond):
			}
			if _, err := s.inmate(7); err == nil {
				t.Error("it can be used before it began")
			}
			null, err := os.Open(os.DevNull)
			if err != nil {
				t.Fatal(err)
			}
			defer null.Close()
			s.begin(7, begin(t), &network{ns: null})
			<-freed
			if len(s.boxes) != 0 {
				t.Error("it is not forgotten")
			}
			s.free(7) // which nobody knows
		})
	}
}

// endedProcess is the pidfd of one.
func endedProcess(t *testing.T) *os.File {
	t.Helper()
	fd := -1
	cmd := exec.Command("true")
	cmd.SysProcAttr = &syscall.SysProcAttr{PidFD: &fd}
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	return os.NewFile(uintptr(fd), "ended")
}

// Who gives up waiting for an image takes it from nobody.
func TestImageIsForAll(t *testing.T) {
	conn, theirs, err := packetPair()
	if err != nil {
		t.Fatal(err)
	}
	other, err := net.FileConn(theirs)
	if err != nil {
		t.Fatal(err)
	}
	theirs.Close()
	supervisor := other.(*net.UnixConn)
	cmd := exec.Command("true")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	l := &link{cmd: cmd, conn: conn, lost: make(chan struct{}), done: make(chan struct{}),
		waiting: make(map[uint64]chan answered), images: make(map[string]*image), zygotes: make(map[string]*zygote)}
	go l.listen()
	hasty, cancel := context.WithCancel(context.Background())
	first := make(chan error)
	go func() { _, err := l.image(hasty, plan{}); first <- err }()
	var o order
	if _, err := receive(supervisor, make([]byte, maxPacket), &o); err != nil || o.Image == nil {
		t.Fatal(o, err)
	}
	cancel()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	second := make(chan error)
	go func() { _, err := l.image(context.Background(), plan{}); second <- err }()
	if err := send(supervisor, reply{Seq: o.Seq}); err != nil {
		t.Fatal(err)
	}
	if err := <-second; err != nil {
		t.Error(err)
	}
	supervisor.Close()
	<-l.done
}
