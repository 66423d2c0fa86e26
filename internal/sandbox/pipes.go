package sandbox

import (
	"fmt"
	"os"
	"syscall"
)

// outputPipe makes the pipe for a program's output. Our end waits in the
// poller; the program's must block, or what it prints fast would be lost.
func outputPipe() (ours, theirs *os.File, err error) {
	r, w, err := pipe()
	if err == nil {
		ours, err = pollable(r, "output")
	}
	if err != nil {
		return nil, nil, fmt.Errorf("output: %w", err)
	}
	return ours, os.NewFile(uintptr(w), "stdout"), nil
}

// channelPipes makes a channel and the program's ends of it, which become its
// descriptors 3 and 4.
func channelPipes() (*Channel, []*os.File, error) {
	theirs, questions, err := pipe()
	if err != nil {
		return nil, nil, fmt.Errorf("channel: %w", err)
	}
	files := []*os.File{os.NewFile(uintptr(theirs), "questions")}
	q, err := pollable(questions, "questions")
	if err != nil {
		closeAll(files)
		return nil, nil, fmt.Errorf("channel: %w", err)
	}
	answers, theirs, err := pipe()
	if err != nil {
		closeAll(append(files, q))
		return nil, nil, fmt.Errorf("channel: %w", err)
	}
	files = append(files, os.NewFile(uintptr(theirs), "answers"))
	a, err := pollable(answers, "answers")
	if err != nil {
		closeAll(append(files, q))
		return nil, nil, fmt.Errorf("channel: %w", err)
	}
	c, err := newChannel(q, a)
	if err != nil {
		closeAll(files)
		return nil, nil, err
	}
	return c, files, nil
}

// duplex makes a channel of one end of a socket pair.
func duplex(f *os.File) (*Channel, error) {
	defer f.Close()
	syscall.ForkLock.RLock()
	fd, err := syscall.Dup(int(f.Fd()))
	if err == nil {
		syscall.CloseOnExec(fd)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, fmt.Errorf("channel: %w", os.NewSyscallError("dup", err))
	}
	ours, err := pollable(fd, "channel")
	if err != nil {
		return nil, fmt.Errorf("channel: %w", err)
	}
	return newChannel(ours, ours)
}

// pipe makes a pipe whose ends are closed on exec.
func pipe() (r, w int, err error) {
	var fds [2]int
	syscall.ForkLock.RLock()
	if err = syscall.Pipe(fds[:]); err == nil {
		syscall.CloseOnExec(fds[0])
		syscall.CloseOnExec(fds[1])
	}
	syscall.ForkLock.RUnlock()
	return fds[0], fds[1], os.NewSyscallError("pipe", err)
}

// socketPair makes two connected sockets, which are closed on exec.
func socketPair() (ours, theirs *os.File, err error) {
	syscall.ForkLock.RLock()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fds[0])
		syscall.CloseOnExec(fds[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, fmt.Errorf("channel: %w", os.NewSyscallError("socketpair", err))
	}
	return os.NewFile(uintptr(fds[0]), "channel"), os.NewFile(uintptr(fds[1]), "channel"), nil
}

// pollable makes a file that waits in the runtime's poller, or closes fd.
func pollable(fd int, name string) (*os.File, error) {
	if err := syscall.SetNonblock(fd, true); err != nil {
		syscall.Close(fd)
		return nil, os.NewSyscallError("setnonblock", err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}
