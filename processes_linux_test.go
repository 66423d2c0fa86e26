package furl_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// process names one process for good: ids are used again, an id with its start time is not.
type process struct {
	pid     int
	started string
}

// procStat is what the kernel says of a process; ok is false when there is none, or only a zombie that nobody has
// collected yet.
type procStat struct {
	process
	parent int
	name   string
}

// stat reads /proc/PID/stat. The name is in parentheses and may hold any character.
func stat(pid int) (s procStat, ok bool) {
	data, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return s, false
	}
	text := string(data)
	open, end := strings.IndexByte(text, '('), strings.LastIndexByte(text, ')')
	if open < 0 || end < open {
		return s, false
	}
	fields := strings.Fields(text[end+1:])
	if len(fields) < 20 || fields[0] == "Z" || fields[0] == "X" {
		return s, false
	}
	parent, err := strconv.Atoi(fields[1])
	if err != nil {
		return s, false
	}
	return procStat{process{pid, fields[19]}, parent, text[open+1 : end]}, true
}

// processes lists every living process of the machine.
func processes() []procStat {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var all []procStat
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if s, ok := stat(pid); ok {
			all = append(all, s)
		}
	}
	return all
}

// alive reports whether p still runs.
func (p process) alive() bool {
	s, ok := stat(p.pid)
	return ok && s.started == p.started
}

// refersTo reports whether a process shows dir anywhere: in its command line, environment, directory, root, program or
// open files.
func refersTo(pid int, dir string) bool {
	dir = strings.TrimSuffix(dir, "/")
	inDir := func(path string) bool { return path == dir || strings.HasPrefix(path, dir+"/") }
	at := filepath.Join("/proc", strconv.Itoa(pid))
	for _, name := range []string{"cmdline", "environ"} {
		if data, err := os.ReadFile(filepath.Join(at, name)); err == nil && (strings.Contains(string(data), dir+"/") || strings.Contains(string(data), dir+"\x00")) {
			return true
		}
	}
	links := []string{"cwd", "root", "exe"}
	if fds, err := os.ReadDir(filepath.Join(at, "fd")); err == nil {
		for _, fd := range fds {
			links = append(links, filepath.Join("fd", fd.Name()))
		}
	}
	for _, name := range links {
		if target, err := os.Readlink(filepath.Join(at, name)); err == nil && inDir(target) {
			return true
		}
	}
	return false
}
