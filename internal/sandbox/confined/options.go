package confined

import "log/slog"

// Options are the choices of the driver. The zero value is usable.
type Options struct {
	// Command is the command line of a program whose main calls Main and then
	// sandbox.Supervise before anything else; this very program when empty.
	Command []string
	// Dir is where the sandboxes' directories are made; the system's directory for
	// temporary files when empty, or when sandboxes' users cannot enter it. On the
	// same file system as the functions' code it spares copies.
	Dir string
	// ReadOnly are further files and directories that every sandbox may read.
	ReadOnly []string
	// TempSize and TempFiles bound what a sandbox keeps in its temporary
	// directory: 512 MiB and 65536 files when zero. Directories that are more than 256
	// deep in one another are too many, too.
	TempSize  int64
	TempFiles int
	// Processes is how many processes and threads a sandbox may have; 1024, which
	// is AWS's number, when zero.
	Processes int
	// Cgroup is where the driver makes its cgroups, below each hierarchy's mount
	// point; the server's own cgroup when empty. NoCgroups does without.
	Cgroup    string
	NoCgroups bool
	// FirstUser and Users are the range of user and group ids of which a server that
	// is root takes a part: 65536 ids that no distribution assigns when zero. With
	// OneUser sandboxes run as the server's user even so.
	FirstUser, Users int
	OneUser          bool

	Logger *slog.Logger
}
