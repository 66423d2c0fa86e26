package sandbox

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"
)

// supervisorVar marks a process that was started as a supervisor; its value is
// the directory of the sandboxes.
const supervisorVar = "FURL_SANDBOX_SUPERVISOR"

// maxMessage bounds a message between server and supervisor. The environment
// of a program is the largest part.
const maxMessage = 4 << 20

// order is what the server asks of the supervisor.
type order struct {
	Seq    uint64
	Start  *Command       `json:",omitempty"`
	Signal syscall.Signal `json:",omitempty"`
}

// notice is what the supervisor tells the server about the program of an order.
type notice struct {
	Seq   uint64
	Pid   int           `json:",omitempty"` // it started
	Errno syscall.Errno `json:",omitempty"` // it did not start
	Error string        `json:",omitempty"`
	Exit  *Exit         `json:",omitempty"` // it ended
}

// Supervise is called first in the main of a program that is used as a
// supervisor. It reports whether the process was started as one; then it has
// done all its work, and main must return.
//
// A supervisor starts programs on behalf of the server, whose death it notices
// as the end of its descriptor 3. It then kills everything that it started, and
// everything those programs started.
func Supervise() bool {
	root, ok := os.LookupEnv(supervisorVar)
	if !ok {
		return false
	}
	// Programs started here get the default dispositions, which ignoring the
	// signals would take from them. The server decides when they end, not the
	// terminal or the service manager that signals all processes of a service.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	conn, err := superviseConn()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return true
	}
	runtime.LockOSThread() // see forkThread
	s := &supervisor{root: root, conn: conn, programs: make(map[int]*program)}
	if err := s.run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return true
}

func superviseConn() (*net.UnixConn, error) {
	f := os.NewFile(3, "server")
	defer f.Close()
	conn, err := net.FileConn(f)
	if err != nil {
		return nil, fmt.Errorf("sandbox: a supervisor is started by the server only: %w", err)
	}
	u, ok := conn.(*net.UnixConn)
	if !ok {
		return nil, fmt.Errorf("sandbox: a supervisor is started by the server only")
	}
	return u, nil
}

type program struct {
	seq     uint64
	sandbox string
	mark    uint64
	last    []string
}

// supervisor is the parent of the programs. One goroutine starts, signals and
// reaps, so no process id can be signalled after its process was reaped.
type supervisor struct {
	root     string
	conn     *net.UnixConn
	programs map[int]*program
	// marks are the upper bits of the programs' marks, endings the marked
	// programs that have ended and whose processes may have not.
	marks   uint64
	endings []*ending
}

type delivery struct {
	order order
	files []int
	err   error
}

func (s *supervisor) run() error {
	reaper := becomeReaper()
	closeOnExec()
	children := make(chan os.Signal, 1)
	signal.Notify(children, syscall.SIGCHLD)
	if err := send(s.conn, notice{}, nil); err != nil { // ready
		return err
	}
	orders := make(chan delivery)
	go func() {
		for {
			var d delivery
			d.files, d.err = receive(s.conn, &d.order)
			orders <- d
			if d.err != nil {
				return
			}
		}
	}()
	for {
		var again <-chan time.Time
		if len(s.endings) > 0 {
			again = time.After(roundTime)
		}
		select {
		case <-again:
			s.reap()
		case d := <-orders:
			if d.err != nil {
				s.end()
				if errors.Is(d.err, io.EOF) {
					return reaper
				}
				return d.err
			}
			s.obey(d)
		case <-children:
			s.reap()
		}
	}
}

func (s *supervisor) obey(d delivery) {
	if d.order.Start == nil {
		for pid, p := range s.programs {
			if p.seq == d.order.Seq {
				syscall.Kill(-pid, d.order.Signal)
			}
		}
		return
	}
	s.adopt(d.order.Start.Mark)
	n := notice{Seq: d.order.Seq}
	var fds []uintptr
	for _, fd := range d.files {
		fds = append(fds, uintptr(fd))
	}
	pid, err := 0, error(ErrProtocol)
	if len(fds) > 0 {
		pid, err = forkExec(*d.order.Start, fds)
	}
	for _, fd := range d.files {
		syscall.Close(fd)
	}
	if err != nil {
		n.Error = err.Error()
		errors.As(err, &n.Errno)
	} else {
		n.Pid = pid
		s.programs[pid] = &program{seq: n.Seq, sandbox: d.order.Start.Sandbox, mark: d.order.Start.Mark, last: d.order.Start.Last}
	}
	send(s.conn, n, nil) // an error shows as the end of the orders
}

// reap collects the processes that ended: programs, whose end is told to the
// server and takes the rest of their sandbox along, and orphans.
func (s *supervisor) reap() {
	any := false
	for {
		var ws syscall.WaitStatus
		var ru syscall.Rusage
		pid, err := syscall.Wait4(-1, &ws, syscall.WNOHANG, &ru)
		if err == syscall.EINTR {
			continue
		}
		if err != nil || pid <= 0 {
			break
		}
		any = true
		p, ok := s.programs[pid]
		if !ok {
			continue
		}
		delete(s.programs, pid)
		syscall.Kill(-pid, syscall.SIGKILL)
		exit := exitOf(ws, &ru)
		if p.mark != 0 {
			s.endings = append(s.endings, &ending{program: p, exit: exit})
			continue
		}
		send(s.conn, notice{Seq: p.seq, Exit: &exit}, nil)
	}
	if any {
		s.sweep()
	}
	s.finish()
}

// sweep kills orphans whose sandbox has ended.
func (s *supervisor) sweep() {
	alive := make(map[string]bool, len(s.programs))
	for _, p := range s.programs {
		alive[p.sandbox] = true
	}
	for _, pid := range children() {
		if s.programs[pid] != nil {
			continue
		}
		if sandbox := sandboxOf(pid, s.root); sandbox != "" && !alive[sandbox] {
			syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// end kills every process below the supervisor. The children of a killed one
// become children of the supervisor, so it takes as many rounds as there are
// generations.
func (s *supervisor) end() {
	for pid := range s.programs {
		syscall.Kill(-pid, syscall.SIGKILL)
	}
	begin := time.Now()
	var last map[int]bool
	for time.Since(begin) < killWait {
		if last == nil && time.Since(begin) > lastResort {
			last = s.runAllLast()
		}
		for _, pid := range children() {
			if !last[pid] {
				syscall.Kill(pid, syscall.SIGKILL)
			}
		}
		var ws syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &ws, syscall.WNOHANG, nil)
		if err == syscall.ECHILD {
			break
		}
		if pid == 0 {
			time.Sleep(time.Millisecond)
		}
	}
	RemoveTree(s.root)
}

// send writes one message: its length and its JSON, with descriptors alongside.
func send(conn *net.UnixConn, message any, files []int) error {
	b, err := json.Marshal(message)
	if err != nil {
		return fmt.Errorf("sandbox: supervisor: %w", err)
	}
	b = append(binary.LittleEndian.AppendUint32(nil, uint32(len(b))), b...)
	var rights []byte
	if len(files) > 0 {
		rights = syscall.UnixRights(files...)
	}
	n, _, err := conn.WriteMsgUnix(b, rights, nil)
	if err == nil && n < len(b) {
		_, err = conn.Write(b[n:])
	}
	if err != nil {
		return fmt.Errorf("sandbox: supervisor: %w", err)
	}
	return nil
}

// receive reads one message and the descriptors that came with it.
func receive(conn *net.UnixConn, into any) ([]int, error) {
	var size [4]byte
	oob := make([]byte, 64)
	n, oobn, _, _, err := conn.ReadMsgUnix(size[:], oob)
	if err == nil && n == 0 {
		err = io.EOF
	}
	if err != nil {
		return nil, fmt.Errorf("sandbox: supervisor: %w", err)
	}
	files, err := descriptors(oob[:oobn])
	if err == nil {
		_, err = io.ReadFull(conn, size[n:])
	}
	length := binary.LittleEndian.Uint32(size[:])
	if err == nil && length > maxMessage {
		err = ErrProtocol
	}
	if err == nil {
		b := make([]byte, length)
		if _, err = io.ReadFull(conn, b); err == nil {
			err = json.Unmarshal(b, into)
		}
	}
	if err != nil {
		for _, fd := range files {
			syscall.Close(fd)
		}
		return nil, fmt.Errorf("sandbox: supervisor: %w", err)
	}
	return files, nil
}

func descriptors(oob []byte) ([]int, error) {
	if len(oob) == 0 {
		return nil, nil
	}
	messages, err := syscall.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, err
	}
	var files []int
	for _, m := range messages {
		fds, err := syscall.ParseUnixRights(&m)
		if err != nil {
			return files, err
		}
		for _, fd := range fds {
			syscall.CloseOnExec(fd)
		}
		files = append(files, fds...)
	}
	return files, nil
}

// closeOnExec keeps descriptors that this process inherited from the programs
// it starts. Go marks its own, not those its parent left open.
func closeOnExec() {
	dir, err := os.Open("/dev/fd")
	if err != nil {
		return
	}
	names, _ := dir.Readdirnames(-1)
	dir.Close()
	for _, name := range names {
		var fd int
		if _, err := fmt.Sscan(name, &fd); err == nil && fd > 2 {
			syscall.CloseOnExec(fd)
		}
	}
}
