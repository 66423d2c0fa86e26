// Package namespace is the sandbox driver that isolates with the kernel's own
// means: every sandbox has its own mount, process, network, IPC, host-name and
// cgroup namespaces, an unprivileged user of its own without a single capability,
// a read-only root that holds the interpreter and nothing of the host's data, a
// system call filter, and limits by cgroup. It knows nothing of Lambda and keeps no
// pool; its user decides how many blanks wait.
//
// # Processes
//
// The server starts this very program again as the supervisor, in a user, mount
// and process namespace of its own: as root with a range of user ids that nobody
// else has, else with the server's user as the only one. The rest is the same for
// both. The supervisor holds no secrets and is told only what it must start; it
// alone has privileges over the sandboxes, and none over the host. When the server
// is gone it ends, and with it, by the rule for a process namespace's first
// process, everything it started.
//
// A sandbox starts as this program too (see build), which completes its root,
// gives up every privilege and becomes the sandbox's first process (see guard). That one
// starts the program, reaps what the program leaves behind and reports its end over
// a socket to the server. Between server and program is only their channel: the
// supervisor is not on the way of an invocation.
//
// # What a program sees
//
// Read-only: /usr, /bin, /lib and their like, the directories that the
// interpreter is installed in, a few files of /etc, the furl program
// as /var/runtime/init, and the function's code at /var/task, which Assign mounts into the
// waiting sandbox. Writable: /tmp, of limited size, gone with the sandbox. An
// argument in Spec.Args that is an existing directory is shown under /var/runtime, and
// the argument changed accordingly. The network is the sandbox's own loopback
// interface, with a listener on 127.0.0.1:9001 where one was asked for.
//
// # What is not there
//
// Egress: a sandbox reaches nothing outside of itself. Blanks by fork from a
// warmed interpreter. Layers. Rootless with a range of subordinate user ids:
// without root there is one user, so sandboxes are kept apart by namespaces only.
// Memory limits for all processes together where cgroups cannot be written: each
// process is then limited by itself. As on AWS there is no /dev/shm.
package namespace
