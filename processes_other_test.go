//go:build !linux

package furl_test

import (
	"os/exec"
	"strconv"
	"strings"
)

// process names one process for good: ids are used again, an id with its start time is not.
type process struct {
	pid     int
	started string
}

// procStat is what ps says of a process.
type procStat struct {
	process
	parent  int
	name    string
	command string
}

// processes lists every living process of the machine; zombies are left out.
func processes() []procStat {
	out, err := exec.Command("ps", "-axww", "-o", "pid=,ppid=,stat=,lstart=,command=").Output()
	if err != nil {
		return nil
	}
	var all []procStat
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		if len(f) < 9 || strings.HasPrefix(f[2], "Z") {
			continue
		}
		pid, err := strconv.Atoi(f[0])
		if err != nil {
			continue
		}
		parent, err := strconv.Atoi(f[1])
		if err != nil {
			continue
		}
		all = append(all, procStat{process{pid, strings.Join(f[3:8], " ")}, parent, f[8], strings.Join(f[8:], " ")})
	}
	return all
}

// alive reports whether p still runs.
func (p process) alive() bool {
	for _, s := range processes() {
		if s.process == p {
			return true
		}
	}
	return false
}

// refersTo reports whether a process shows dir in its command line.
func refersTo(pid int, dir string) bool {
	for _, s := range processes() {
		if s.pid == pid {
			return strings.Contains(s.command, dir)
		}
	}
	return false
}
