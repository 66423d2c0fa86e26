package confined

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"furl/internal/sandbox"
	"furl/internal/sandbox/view"
)

// hostFiles are, beyond what every sandbox shows, those of a sandbox that shares
// the host's network and users.
var hostFiles = [...]string{
	"/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/host.conf", "/etc/gai.conf", "/etc/hostname",
	"/etc/passwd", "/etc/group",
}

// procFiles tell about the machine. Other processes' directories are not shown.
var procFiles = [...]string{
	"/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/loadavg", "/proc/uptime", "/proc/version", "/proc/filesystems",
	"/proc/sys/kernel/cap_last_cap", "/proc/sys/kernel/hostname", "/proc/sys/kernel/ngroups_max", "/proc/sys/kernel/osrelease",
	"/proc/sys/kernel/ostype", "/proc/sys/kernel/pid_max", "/proc/sys/kernel/random/boot_id", "/proc/sys/kernel/random/uuid",
	"/proc/sys/kernel/threads-max", "/proc/sys/kernel/version", "/proc/sys/net/core/somaxconn",
	"/proc/sys/vm/max_map_count", "/proc/sys/vm/overcommit_memory",
}

// ownFiles are those of /proc/self. Of the rest much tells about the host: what is
// mounted where, and who is connected to whom.
var ownFiles = [...]string{
	"cmdline", "fd", "fdinfo", "limits", "maps", "smaps", "smaps_rollup", "stat", "statm", "status",
}

// processFiles are the files of ownFiles of a process.
func processFiles(pid string) []string {
	var names []string
	for _, name := range ownFiles {
		names = append(names, "/proc/"+pid+"/"+name)
	}
	return names
}

// basePlaces are those of every sandbox.
func basePlaces(readOnly []string) ([]place, error) {
	files, err := view.SystemFiles()
	if err != nil {
		return nil, err
	}
	for _, name := range readOnly {
		if _, err := os.Stat(name); err != nil {
			return nil, fmt.Errorf("confined: %w", err)
		}
	}
	var places []place
	for _, names := range [][]string{view.SystemDirs(), files, hostFiles[:], procFiles[:], readOnly, processFiles("self")} {
		for _, name := range names {
			places = append(places, place{Path: name})
		}
	}
	for _, name := range view.Devices() {
		places = append(places, place{Path: name, Device: true})
	}
	return places, nil
}

// pin holds on to files of /proc. What a domain allows is an object of the
// kernel, and those of /proc are forgotten and made anew when nobody uses them.
func pin(names ...string) []*os.File {
	var pins []*os.File
	for _, name := range names {
		if fd, err := unix.Open(name, unix.O_PATH|unix.O_CLOEXEC, 0); err == nil { // else it is not there
			pins = append(pins, os.NewFile(uintptr(fd), name))
		}
	}
	return pins
}

func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}

// reachable reports whether every user may enter a directory, or read a file, on
// all ways there: by its name and by where its links lead.
func reachable(path string) (bool, error) {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return false, fmt.Errorf("confined: %w", err)
	}
	for _, name := range []string{filepath.Clean(path), real} {
		info, err := os.Stat(name)
		if err != nil {
			return false, fmt.Errorf("confined: %w", err)
		}
		if info.Mode()&0o4 == 0 || info.IsDir() && info.Mode()&0o1 == 0 {
			return false, nil
		}
		if ok, err := enterable(filepath.Dir(name)); !ok {
			return false, err
		}
	}
	return true, nil
}

// enterable reports whether every user may go through a directory to what is
// in it.
func enterable(dir string) (bool, error) {
	for {
		info, err := os.Stat(dir)
		if err != nil {
			return false, fmt.Errorf("confined: %w", err)
		}
		if info.Mode()&0o1 == 0 {
			return false, nil
		}
		if dir == "/" {
			return true, nil
		}
		dir = filepath.Dir(dir)
	}
}

// program is where sandboxes find a program, and where it is installed. One that
// other users cannot get to is mirrored, with its installation.
func (d *Driver) program(path string) (string, []place, error) {
	dirs, err := view.Installations(path)
	if err != nil {
		return "", nil, err
	}
	all := true
	var places []place
	for _, dir := range dirs {
		ok := true
		if d.users != nil {
			if ok, err = reachable(dir); err != nil {
				return "", nil, err
			}
		}
		all = all && ok
		places = append(places, place{Path: dir})
	}
	if all {
		return path, places, nil
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", nil, fmt.Errorf("confined: %w", err)
	}
	home := dirs[len(dirs)-1] // the installation of the program itself
	to, err := d.shown(home, false)
	if err != nil {
		return "", nil, fmt.Errorf("%w; other users than the server's cannot get to %s: install the program elsewhere, or chmod o+rx the directories on the way", err, home)
	}
	return to + strings.TrimPrefix(real, home), []place{{Path: to}}, nil
}

// arguments shows the directories among a program's arguments, and returns the
// arguments as they are in the sandbox.
func (d *Driver) arguments(args []string) ([]string, []place, error) {
	args = slices.Clone(args)
	var places []place
	for i, arg := range args {
		if !filepath.IsAbs(arg) {
			continue
		}
		if info, err := os.Stat(arg); err != nil || !info.IsDir() {
			continue
		}
		to, err := d.shown(arg, true)
		if err != nil {
			return nil, nil, err
		}
		args[i] = to
		places = append(places, place{Path: to})
	}
	return args, places, nil
}

// shown is a directory where sandboxes' users can read it: where it is, or a
// mirror of it that is made once, where necessary by copying if that is allowed.
func (d *Driver) shown(dir string, copies bool) (string, error) {
	if d.users == nil {
		return dir, nil
	}
	if ok, err := reachable(dir); ok || err != nil {
		return dir, err
	}
	info, err := os.Stat(dir)
	if err != nil {
		return "", fmt.Errorf("confined: %w", err)
	}
	d.mirroring.Lock()
	defer d.mirroring.Unlock()
	for _, m := range d.mirrors {
		if m.of == dir && os.SameFile(m.info, info) {
			return m.path, nil
		}
	}
	m := mirrored{of: dir, info: info, path: filepath.Join(d.root, "shown", fmt.Sprint(len(d.mirrors)), filepath.Base(dir))}
	if err := os.MkdirAll(filepath.Dir(m.path), 0o711); err != nil {
		return "", fmt.Errorf("confined: %w", err)
	}
	if err := mirror(dir, m.path, copies); err != nil {
		return "", errors.Join(err, sandbox.RemoveTree(filepath.Dir(m.path)))
	}
	d.mirrors = append(d.mirrors, m)
	return m.path, nil
}

// mirrored is a directory that was mirrored for sandboxes to see.
type mirrored struct {
	of   string
	info os.FileInfo
	path string
}
