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
// and process namespace of its own: with a range of user ids that nobody else has,
// as root or by newuidmap, else with the server's user as the only one. The rest is the same for
// both. The supervisor holds no secrets and is told only what it must start; it
// alone has privileges over the sandboxes, and none over the host. When the server
// is gone it ends, and with it, by the rule for a process namespace's first
// process, everything it started.
//
// A sandbox starts as this program too (see build), which completes its root,
// gives up every privilege and becomes the sandbox's first process (see guard). That one
// starts the program, reaps what the program leaves behind and reports its end over
// a socket to the server. For the last two it turns, where that is written for the
// machine, into a program of a few instructions that takes 8 KB (see reaper). Between
// server and program is only their channel: the supervisor is not on the way of an
// invocation.
//
// How a sandbox is completed and gives up its privileges is a list of system calls
// (see completion) which the server writes down, and which any process can go through.
//
// # Zygotes
//
// With Spec.Zygote a blank is forked rather than started. The supervisor starts the
// program with those arguments, in the image that its sandboxes have, without a
// network, in a cgroup of its own, with the environment of a program that waits for code,
// and with four capabilities over the supervisor's user namespace and none over the
// host. This zygote imports what functions may need; it never sees code, secrets or
// input of a tenant, and only the supervisor speaks to it. Forked programs share its
// addresses and its secret of hashes, so there is one for each Spec.Owner, and each is
// replaced after a thousand forks and ended after ten idle minutes.
//
// The wire is a SOCK_SEQPACKET socket at the zygote's descriptor 3, with JSON messages.
//
//	supervisor → zygote  {"Steps": […], "Dir": "/tmp"}   the first message; see zygoteSetup
//	zygote → supervisor  {}                              it is ready
//	supervisor → zygote  {"Channel": true, "Born": true} make a sandbox; see fork
//	zygote → supervisor  {} with a pidfd, or {"Error": "…", "Errno": 1}
//
// A request's descriptors are the network namespace, standard output, the socket to the
// server, with Channel the program's two ends of its channel, files of cgroups of
// version 1 to write "0" to, and with Born the cgroup of version 2 to be born in. The
// process that the zygote makes is in new namespaces and a child of the supervisor, so
// that it outlives the zygote and the supervisor collects it. It enters cgroups and
// network, reads a setup from the server, takes the steps, and when it reads a command
// it starts the program at descriptors 0 to 4 and becomes the guard. What it tells the
// server are news, like any other guard. Where it turns into the reaper, it leaves its
// memory to the program, which has not to be copied again then (see bequest).
//
// That command comes when a blank is wanted. Before, the sandbox is a seedling: complete
// but for its program. The driver keeps one for each zygote, so that who wants a
// blank at once waits for one fork, and for nothing that takes a lock of the kernel's.
//
// A zygote takes the time of a hundred forks to start. Who wants a blank meanwhile gets
// one that is started, and so does everybody when the zygote does not start, as in an
// interpreter without ctypes, or when the first sandbox it makes fails: a line
// in the log says why, and after ten minutes it is tried again.
//
// # What a program sees
//
// Read-only: /usr, /bin, /lib and their like, the directories that the
// interpreter is installed in, a few files of /etc, the furl program
// as /var/runtime/init, and the function's code at /var/task, which Assign mounts into the
// waiting sandbox. Writable: /tmp, of limited size, gone with the sandbox. An
// argument in Spec.Args that is an existing directory is shown under /var/runtime, and
// the argument changed accordingly. The network is the sandbox's own loopback
// interface, with a listener on 127.0.0.1:9001 where one was asked for, and a way out.
//
// # The way out
//
// A sandbox's network namespace has no interface but loopback. A route makes every
// address of IPv4 and IPv6 a local one, and nf_tables rules lead TCP connections, except
// those to the sandbox's own addresses, to a listener that the supervisor opened in the
// namespace and gave to the server; so it is with datagrams to port 53, whatever name
// server they are meant for. The server hands connections, with the address that was
// meant, to Assignment.Network, and questions likewise; it serves questions over TCP
// for 169.254.100.5, the name server of /etc/resolv.conf. All other datagrams are
// refused by the kernel, as at a closed port. So is everything when there is no
// Network. Nothing leaves the namespace by itself: no address of the host is
// reachable, no forwarding, firewall or interface of the host is touched, and none of
// it takes root.
//
// A connection that the Network refuses succeeds first and is then reset: the kernel
// has accepted it before anybody was asked. A sandbox has up to 512 connections and 64
// questions served at once, and begins up to 1000 a second. Their sender is
// 169.254.100.6, or whatever a program binds to. There is no address for IPv6 but
// loopback's, so that programs prefer IPv4 where they have the choice.
//
// Namespaces are used again, after a rest unless nothing was left in them. The sockets are not: they are opened for each sandbox and
// closed with it, and with them ends what waited there. Where the kernel cannot do
// this, sandboxes have loopback alone; Report's feature "egress" says why.
//
// # What is not there
//
// Ways out for datagrams other than to name servers, and for ICMP. Layers. Sandboxes of
// a server that is neither root nor has subordinate user ids (see subids_linux.go) have
// one user, and are kept apart by their namespaces only.
// Memory limits for all processes together where cgroups cannot be written: each
// process is then limited by itself. As on AWS there is no /dev/shm.
package namespace
