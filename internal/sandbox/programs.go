package sandbox

import (
	"os"
	"slices"
	"syscall"
)

// Programs starts programs and ends them with everything they started, for
// drivers in other packages. Between it and the programs is a supervisor, so
// nothing outlives this process, however it ends.
type Programs struct{ procs *remote }

// NewPrograms starts a supervisor: a command line of a program whose main calls
// Supervise first. root is a directory that it removes when this process is gone.
func NewPrograms(supervisor []string, root string) (*Programs, error) {
	r, err := newRemote(supervisor, root)
	if err != nil {
		return nil, err
	}
	return &Programs{procs: r}, nil
}

// Start runs a program whose standard output and error are the first of files,
// and whose descriptors from 3 on are the others. When it has ended, gone is
// called, which must not block and may be nil.
func (p *Programs) Start(c Command, files []*os.File, gone func()) (*Program, error) {
	return p.procs.start(c, files, gone)
}

// Signal reaches the program's whole process group. After the program's end it
// does nothing.
func (p *Programs) Signal(c *Program, sig syscall.Signal) { p.procs.signal(c, sig) }

// Processes are the living processes of marked programs, and those that they
// started, by mark.
func (p *Programs) Processes() map[uint64][]int {
	p.procs.mu.Lock()
	supervisor := p.procs.link.cmd.Process.Pid
	p.procs.mu.Unlock()
	found := make(map[uint64][]int)
	for _, pid := range descendants(supervisor) {
		if mark := markOf(pid); mark != 0 {
			found[mark] = append(found[mark], pid)
		}
	}
	return found
}

// SignalMarked reaches every process with a mark, whatever group it is in, but for
// those that are started meanwhile. It returns their ids in order.
func (p *Programs) SignalMarked(mark uint64, sig syscall.Signal) []int {
	pids := p.Processes()[mark]
	slices.Sort(pids)
	for _, pid := range pids {
		signalMarked(pid, mark, sig)
	}
	return pids
}

// Close ends the supervisor and everything it started.
func (p *Programs) Close() error { return p.procs.close() }

// Pid is the program's process id.
func (c *Program) Pid() int { return c.pid }

// Exited is closed when the program has ended, and with it, if it has a mark,
// everything that it started, unless Exit tells of strays.
func (c *Program) Exited() <-chan struct{} { return c.exited }

// Exit is how the program ended.
func (c *Program) Exit() Exit {
	select {
	case <-c.exited:
		return c.exit
	default:
		return Exit{Lost: true}
	}
}

// Stats measures the program while it lives.
func (c *Program) Stats() (Stats, error) { return processStats(c.pid) }
