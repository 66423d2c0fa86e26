package namespace

import "log/slog"

// Options are the choices of the driver. The zero value is usable.
type Options struct {
	// Command is the command line of a program whose main calls Main first; this
	// very program when empty. The program must be linked statically and others
	// must be allowed to execute it.
	Command []string
	// ReadOnly are further files and directories that every sandbox shows, at the
	// same place.
	ReadOnly []string
	// TempSize and TempFiles bound what a sandbox keeps in /tmp: 512 MiB and 65536
	// files when zero.
	TempSize  int64
	TempFiles int
	// Processes is how many processes and threads a sandbox may have; 1024, which
	// is AWS's number, when zero.
	Processes int
	// Cgroup is where the driver makes its cgroups, below each hierarchy's mount
	// point; the server's own cgroup when empty. NoCgroups does without.
	Cgroup    string
	NoCgroups bool
	// FirstUser and Users are the range of user and group ids that sandboxes run as
	// when the server is root: 65536 ids that no distribution assigns when zero.
	FirstUser, Users int

	Logger *slog.Logger
}
