package sandbox

import (
	"slices"
	"syscall"
	"time"
)

// What a program leaves behind when it ends: processes that lost their parent and
// so became the supervisor's. Those of marked programs are known by their mark.

const (
	// roundTime is between two looks for processes that are being killed,
	// lastResort how long signals are tried alone, and after giveUp the program's
	// end is told even so.
	roundTime  = 2 * time.Millisecond
	lastResort = 100 * time.Millisecond
	giveUp     = killWait
)

// ending is a marked program that has ended.
type ending struct {
	program *program
	exit    Exit
	since   time.Time
	asked   bool
}

// finish kills what marked programs left behind, and tells the end of those that
// left nothing more.
func (s *supervisor) finish() {
	if len(s.endings) == 0 {
		return
	}
	strays := s.strays()
	if len(strays) == 0 {
		strays = s.strays() // the kernel's list may miss one while others end
	}
	now := time.Now()
	s.endings = slices.DeleteFunc(s.endings, func(e *ending) bool {
		if e.since.IsZero() {
			e.since = now
		}
		age := now.Sub(e.since)
		left := strays[e.program.mark]
		if !left || age > giveUp {
			e.exit.Strays = left
			send(s.conn, notice{Seq: e.program.seq, Exit: &e.exit}, nil)
			return true
		}
		if !e.asked && age > lastResort {
			e.asked = true
			runLast(e.program.last)
		}
		return false
	})
}

// runAllLast has every sandbox ended that there was, and returns the processes
// that do so.
func (s *supervisor) runAllLast() map[int]bool {
	started := make(map[int]bool)
	for _, p := range s.programs {
		started[runLast(p.last)] = true
	}
	for _, e := range s.endings {
		started[runLast(e.program.last)] = true
	}
	return started
}

// strays kills the supervisor's children that belong to no living program, and
// returns their marks. They are children, so no process id can be another's by
// now; their own children become the supervisor's in turn.
func (s *supervisor) strays() map[uint64]bool {
	alive := make(map[uint64]bool, len(s.programs))
	for _, p := range s.programs {
		alive[p.mark] = true
	}
	found := make(map[uint64]bool)
	for _, pid := range ownChildren() {
		if s.programs[pid] != nil {
			continue
		}
		if mark := markOf(pid); mark>>MarkBits == s.marks && !alive[mark] {
			syscall.Kill(pid, syscall.SIGKILL)
			found[mark] = true
		}
	}
	return found
}

// adopt learns the server's marks from the first order that has one. What an
// earlier supervisor of the server left, which must have been killed, is ended.
func (s *supervisor) adopt(mark uint64) {
	if mark == 0 || s.marks != 0 {
		return
	}
	s.marks = mark >> MarkBits
	killMarked(s.marks)
}
