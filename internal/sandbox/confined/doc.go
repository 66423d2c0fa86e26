// Package confined is the sandbox driver for machines that allow no namespaces,
// containers above all: it needs no privilege. Every sandbox is confined by Landlock
// to the files it needs, by a system call filter, by resource limits and by what else
// is there: a user of its own when the server is root, cgroups where they can be
// written. It knows nothing of Lambda and keeps no pool.
//
// # Processes
//
// A supervisor (sandbox.Programs) starts this very program again for each sandbox.
// That one joins its cgroups, lowers its limits, becomes its user, enters its Landlock
// domain, installs the filter and executes the program (see enter): nothing of ours stays
// beside the program. Its processes are known by a resource limit that nobody
// can change (sandbox.Command.Mark), wherever they hang and whatever session they
// are in; when the program ends, so do they.
//
// # What a program sees
//
// The host's file system, of which it may read the system's directories, its
// interpreter's installation, a few files of /etc and of /proc, and the function's
// code, and write its own temporary directory, which TMPDIR and HOME name: there is no
// /tmp for it. The code is a tree of hard links to the directory that was assigned,
// or of copies where a link cannot be made. Of /proc it sees the
// machine's figures and the files about itself; its children not even the latter. There is no /dev/shm and no System V IPC.
//
// # What is not there
//
// A network of its own: functions reach what the server's user reaches, and
// Assignment.Network is ignored. They cannot listen on a TCP port of their choice
// (since Linux 6.7); to which addresses they connect cannot be limited. Names,
// sizes and rights of files can be looked up everywhere, as far as the user may; without
// a user of its own a sandbox can even change rights, owners' attributes and times of the
// server's user's files. Memory without cgroups is watched, ten times a second, and so is
// the temporary directory once a second: who takes too much is ended, after the fact.
package confined
