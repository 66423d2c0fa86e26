package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// little is less free space than a server should have: logs alone may take a
// gigabyte.
const little = 2 << 30

// addresses tries to listen where the server would.
func addresses(ctx context.Context, o Options) []Check {
	var checks []Check
	for _, addr := range o.Listen {
		checks = append(checks, address(ctx, addr, "--listen", o.Served))
	}
	if o.Metrics != "" {
		checks = append(checks, address(ctx, o.Metrics, "--metrics", o.Served))
	}
	return checks
}

// address tries one, which a flag chooses.
func address(ctx context.Context, addr, flag string, served bool) Check {
	c := Check{Name: "listen on " + addr, State: OK}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", addr)
	switch {
	case err == nil:
		l.Close() // nothing came of it
	case errors.Is(err, syscall.EADDRINUSE) && served:
		c.Detail = "the server of this data directory runs"
	default:
		c.State, c.Detail, c.Hint = Missing, reason(err), listenHint(err, flag)
	}
	return c
}

// reason is the system's word in an error.
func reason(err error) string {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno.Error()
	}
	return err.Error()
}

func listenHint(err error, flag string) string {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return "another program serves on it: stop that one or choose another address with " + flag
	case errors.Is(err, syscall.EACCES):
		return "ports below 1024 need a privilege: run as root, or grant it with setcap cap_net_bind_service=+ep, or choose another port with " + flag
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return "this machine does not have the address: choose another one with " + flag
	}
	return ""
}

// dataDirectory looks whether the server could keep its data. It does not make
// the directory: of one that is not there its nearest parent counts.
func dataDirectory(dir string) Check {
	c := Check{Name: "data directory " + dir, State: OK}
	info, err := os.Stat(dir)
	place := dir
	for err != nil && errors.Is(err, fs.ErrNotExist) && place != filepath.Dir(place) {
		place = filepath.Dir(place)
		_, err = os.Stat(place)
	}
	switch {
	case err != nil:
		c.State, c.Detail, c.Hint = Missing, err.Error(), "choose another one with --data-dir"
		return c
	case info != nil && !info.IsDir():
		c.State, c.Detail, c.Hint = Missing, "is not a directory", "choose another one with --data-dir"
		return c
	}
	if err := unix.Access(place, unix.W_OK|unix.X_OK); err != nil {
		c.State, c.Detail = Missing, fmt.Sprintf("%s cannot be written: %v", place, err)
		c.Hint = "give it to the user who runs furl, or choose another one with --data-dir"
		return c
	}
	free, err := freeSpace(place)
	if err != nil {
		c.State, c.Detail = Without, fmt.Sprintf("the free space is not known: %v", err)
		return c
	}
	c.Detail = fmt.Sprintf("%.1f GiB free", float64(free)/(1<<30))
	switch {
	case info != nil && info.Mode().Perm()&0o077 != 0:
		c.State = Without
		c.Detail += fmt.Sprintf(", open to others (mode %04o)", info.Mode().Perm())
		c.Hint = "close it: chmod 700 " + dir
	case free < little:
		c.State, c.Hint = Without, "functions' logs may take 1 GiB, their code more: make room, or choose another one with --data-dir"
	}
	return c
}

func freeSpace(dir string) (uint64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, err
	}
	return s.Bavail * uint64(s.Bsize), nil
}
