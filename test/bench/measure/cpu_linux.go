package measure

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// clockTick is the unit of /proc/PID/stat's times: USER_HZ, which is 100 on every Linux that Go runs on.
const clockTick = 10 * time.Millisecond

// TreeCPU returns the processor time that a process and everything below it have used, user and system: by the clock of
// each process, which counts nanoseconds, and for children that have ended by what their parent was told, in ticks.
func TreeCPU(pid int) (time.Duration, error) {
	used := map[int]time.Duration{}
	tree, err := walk(pid, func(p int, waited time.Duration) bool {
		own, err := processClock(p)
		used[p] = own + waited
		return err == nil // else it has ended meanwhile
	})
	if err != nil {
		return 0, err
	}
	var sum time.Duration
	for _, p := range tree {
		sum += used[p]
	}
	return sum, nil
}

// Tree returns a process and everything below it.
func Tree(pid int) ([]int, error) { return walk(pid, func(int, time.Duration) bool { return true }) }

// walk shows each process of the machine, with the time of the children that it has waited for, and returns those of the
// tree below pid that see takes.
func walk(pid int, see func(pid int, waited time.Duration) bool) ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	children := map[int][]int{}
	alive := false
	for _, e := range entries {
		p, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		parent, waited, err := readStat(p)
		if err != nil || !see(p, waited) {
			continue // it has ended meanwhile
		}
		children[parent] = append(children[parent], p)
		alive = alive || p == pid
	}
	if !alive {
		return nil, fmt.Errorf("process %d is gone", pid)
	}
	tree := []int{pid}
	for i := 0; i < len(tree); i++ {
		tree = append(tree, children[tree[i]]...)
	}
	return tree, nil
}

// processClock reads the CPU clock of a process, ended threads included. Its id is made as clock_getcpuclockid(3) makes it.
func processClock(pid int) (time.Duration, error) {
	const schedClock = 2
	var ts unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|schedClock), &ts); err != nil {
		return 0, err
	}
	return time.Duration(ts.Nano()), nil
}

// readStat reads the parent, and cutime and cstime, from /proc/PID/stat.
func readStat(pid int) (parent int, waited time.Duration, err error) {
	data, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return 0, 0, err
	}
	text := string(data)
	f := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(f) < 15 {
		return 0, 0, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(f))
	}
	if parent, err = strconv.Atoi(f[1]); err != nil {
		return 0, 0, err
	}
	for _, s := range f[13:15] {
		ticks, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return 0, 0, err
		}
		waited += time.Duration(ticks) * clockTick
	}
	return parent, waited, nil
}
