package namespace

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Messages are JSON, one to a packet of a SOCK_SEQPACKET socket, with
// descriptors alongside. There are two kinds of sockets: one from server to
// supervisor, and one from server to each sandbox's first process.

const (
	// maxPacket is more than the kernel's default socket buffer takes at once.
	maxPacket = 256 << 10
	maxRights = 253 // the kernel's SCM_MAX_FD
)

// order is what the server asks of the supervisor; one of the fields is set.
type order struct {
	Seq       uint64
	Image     *imageOrder  `json:",omitempty"`
	Zygote    *zygoteOrder `json:",omitempty"`
	Start     *startOrder  `json:",omitempty"`
	Attach    *attachOrder `json:",omitempty"`
	Resize    *resizeOrder `json:",omitempty"`
	Listen    uint64       `json:",omitempty"` // a sandbox
	Free      uint64       `json:",omitempty"` // a sandbox that has ended
	Drop      uint64       `json:",omitempty"` // an image
	EndZygote uint64       `json:",omitempty"` // a zygote
}

// reply answers an order, perhaps with descriptors. The first one, whose Seq is
// zero, says that the supervisor is ready.
type reply struct {
	Seq   uint64
	Error string        `json:",omitempty"`
	Errno syscall.Errno `json:",omitempty"`
	// Forked: the sandbox was made by a zygote and enters its cgroups of version 1
	// by itself. Born: it was born in that of version 2. NoZygote: the zygote is gone.
	Forked   bool `json:",omitempty"`
	Born     bool `json:",omitempty"`
	NoZygote bool `json:",omitempty"`
	// NoExit is why sandboxes have no way out of their networks. In the first reply.
	NoExit string `json:",omitempty"`
	// NoProc is whether sandboxes have no /proc. In the first reply.
	NoProc bool `json:",omitempty"`
}

// imageOrder makes a root to start sandboxes in. A file of kind mounted takes the
// next descriptor of the message, if the message has any.
type imageOrder struct {
	ID    uint64
	Files []file
}

// zygoteOrder starts a zygote: a program in an image. The answer has its pidfd.
type zygoteOrder struct {
	ID    uint64
	Image uint64
	Path  string
	Args  []string
	Env   []string
	Setup zygoteSetup
}

// zygoteSetup is the first message to a zygote: what completes its sandboxes, and where and
// how their programs start.
type zygoteSetup struct {
	Steps   []syscallStep
	Dir     string
	Bequest []byte `json:",omitempty"` // code to fork programs by; see bequest
}

// startOrder starts a sandbox: as this program in an image, or by a zygote.
// Descriptors: standard output, control socket, if it has a channel the program's
// two ends of that; for a zygote's the files to enter cgroups of version 1 by, and
// with Born that in which it is to be born. The answer has the first process's pidfd
// and the sockets of the way out, see exitSockets.
type startOrder struct {
	ID      uint64
	Image   uint64 `json:",omitempty"`
	Zygote  uint64 `json:",omitempty"`
	Channel bool   `json:",omitempty"`
	Born    bool   `json:",omitempty"`
}

// fork is what the supervisor asks of a zygote. Descriptors: the network namespace,
// then those of startOrder.
type fork struct{ Channel, Born bool }

// forked is a zygote's answer, with the pidfd of the process that it made. The
// first answer, which nobody asked for, says that it is ready and has none.
type forked struct {
	Error string
	Errno syscall.Errno
}

// attachOrder mounts a function's code into a waiting sandbox, and its layers if there
// are any: the trees that come as descriptors, or the directories. Then it sends the
// program a question, if there is one, by the descriptor that comes last.
type attachOrder struct {
	ID       uint64
	Path     string `json:",omitempty"`
	Layers   string `json:",omitempty"`
	Question []byte `json:",omitempty"`
}

// resizeOrder changes the size of a sandbox's /tmp.
type resizeOrder struct {
	ID    uint64
	Bytes int64
}

// setup is the first message to a sandbox: what completes it, and for which user. One
// that is forked has the steps from its zygote.
type setup struct {
	Steps []syscallStep `json:",omitempty"`
	User  int
}

// command is what the guard is told when there is a program. One that was forked
// knows which, and is only told that it may start it.
type command struct {
	Start *program `json:",omitempty"`
}

type program struct {
	Path string
	Args []string
	Env  []string
	Dir  string
	// Channel is whether the program gets the channel.
	Channel bool
}

// news is what a sandbox tells the server.
type news struct {
	Error   string        `json:",omitempty"` // the sandbox could not be set up
	Errno   syscall.Errno `json:",omitempty"` // the program could not be started
	Ready   bool          `json:",omitempty"` // it is complete
	Started bool          `json:",omitempty"` // the program is
	End     *end          `json:",omitempty"`
}

// end is how the program ended.
type end struct {
	Status uint32 // as wait reports it
	MaxRSS int64  // bytes
	CPU    int64  // nanoseconds
}

// endSize is the length of a reaper's last message: a zero, the status, and of struct
// rusage the user time, the system time and the most memory in KB. Its first one is
// a zero byte.
const endSize = 48

func parseEnd(b []byte) *end {
	at := func(i int) int64 { return int64(binary.NativeEndian.Uint64(b[i:])) }
	seconds, micros := at(8)+at(24), at(16)+at(32)
	return &end{Status: binary.NativeEndian.Uint32(b[4:]), MaxRSS: at(40) << 10, CPU: seconds*1e9 + micros*1e3}
}

// packetPair makes a socket pair for messages; both ends are closed on exec.
func packetPair() (ours *net.UnixConn, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("namespace: %w", os.NewSyscallError("socketpair", err))
	}
	theirs = os.NewFile(uintptr(fds[1]), "messages")
	ours, err = packetConn(fds[0])
	if err != nil {
		theirs.Close()
		return nil, nil, err
	}
	return ours, theirs, nil
}

// packetConn takes over fd.
func packetConn(fd int) (*net.UnixConn, error) {
	f := os.NewFile(uintptr(fd), "messages")
	defer f.Close()
	conn, err := net.FileConn(f)
	if err != nil {
		return nil, fmt.Errorf("namespace: %w", err)
	}
	u, ok := conn.(*net.UnixConn)
	if !ok {
		conn.Close()
		return nil, fmt.Errorf("namespace: descriptor %d is not a Unix socket", fd)
	}
	return u, nil
}

// send writes one message. It may be called from several goroutines.
func send(conn *net.UnixConn, message any, files ...*os.File) error {
	b, err := json.Marshal(message)
	if err != nil {
		return fmt.Errorf("namespace: message: %w", err)
	}
	var rights []byte
	if len(files) > 0 {
		fds := make([]int, len(files))
		for i, f := range files {
			fds[i] = int(f.Fd())
		}
		rights = unix.UnixRights(fds...)
	}
	if _, _, err := conn.WriteMsgUnix(b, rights, nil); err != nil {
		return fmt.Errorf("namespace: message: %w", err)
	}
	return nil
}

// receive reads one message into v and returns the descriptors that came along.
// The other side's leaving is io.EOF.
func receive(conn *net.UnixConn, buf []byte, v any) ([]*os.File, error) {
	oob := make([]byte, unix.CmsgSpace(4*maxRights))
	n, oobn, flags, _, err := conn.ReadMsgUnix(buf, oob)
	if err != nil {
		return nil, fmt.Errorf("namespace: message: %w", err)
	}
	files, err := rights(oob[:oobn])
	switch {
	case err != nil:
	case n == 0:
		err = io.EOF
	case flags&(unix.MSG_TRUNC|unix.MSG_CTRUNC) != 0:
		err = fmt.Errorf("namespace: message is too long")
	default:
		err = decode(buf[:n], v)
	}
	if err != nil {
		closeAll(files)
		return nil, err
	}
	return files, nil
}

func rights(oob []byte) ([]*os.File, error) {
	if len(oob) == 0 {
		return nil, nil
	}
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, fmt.Errorf("namespace: message: %w", err)
	}
	var files []*os.File
	for _, m := range messages {
		fds, err := unix.ParseUnixRights(&m)
		if err != nil {
			return files, fmt.Errorf("namespace: message: %w", err)
		}
		for _, fd := range fds {
			unix.CloseOnExec(fd)
			files = append(files, os.NewFile(uintptr(fd), "received"))
		}
	}
	return files, nil
}

func decode(b []byte, v any) error {
	if n, ok := v.(*news); ok && b[0] == 0 { // from a reaper
		switch len(b) {
		case 1:
			n.Started = true
			return nil
		case endSize:
			n.End = parseEnd(b)
			return nil
		}
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("namespace: message: %w", err)
	}
	return nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		if f != nil {
			f.Close()
		}
	}
}

// tell and hear are send and receive for the sandbox's first process, which
// does without Go's poller and without descriptors.
func tell(fd int, message any) error {
	b, err := json.Marshal(message)
	if err != nil {
		return fmt.Errorf("namespace: message: %w", err)
	}
	if err := unix.Sendto(fd, b, unix.MSG_NOSIGNAL, nil); err != nil {
		return fmt.Errorf("namespace: message: %w", err)
	}
	return nil
}

func hear(fd int, v any) error {
	buf := make([]byte, maxPacket)
	for {
		n, err := unix.Read(fd, buf)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return fmt.Errorf("namespace: message: %w", err)
		case n == 0:
			return io.EOF
		}
		return decode(buf[:n], v)
	}
}
