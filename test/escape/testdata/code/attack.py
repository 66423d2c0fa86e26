"""Ways out of a sandbox, each tried for real, and none that would harm a machine on
which it works: what an attack changes is its own, and what it attacks belongs to
the test.

An attack returns whether it got through, or raises why it did not. ARGS are the
test's targets.
"""

import ctypes
import errno
import json
import os
import platform
import resource
import signal
import socket
import subprocess
import tempfile

ATTACKS = []
ARGS = {}

libc = ctypes.CDLL(None, use_errno=True)

# System call numbers that the C library has no function for: x86-64, arm64.
NUMBERS = {
    "acct": (163, 89),
    "add_key": (248, 217),
    "bpf": (321, 280),
    "clone3": (435, 435),
    "delete_module": (176, 106),
    "fanotify_init": (300, 262),
    "fsopen": (430, 430),
    "get_mempolicy": (239, 236),
    "io_uring_setup": (425, 425),
    "kcmp": (312, 272),
    "kexec_load": (246, 104),
    "keyctl": (250, 219),
    "lookup_dcookie": (212, 18),
    "mount_setattr": (442, 442),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "open_tree": (428, 428),
    "perf_event_open": (298, 241),
    "personality": (135, 92),
    "pidfd_getfd": (438, 438),
    "pidfd_open": (434, 434),
    "process_madvise": (440, 440),
    "process_vm_readv": (310, 270),
    "ptrace": (101, 117),
    "quotactl": (179, 60),
    "reboot": (169, 142),
    "request_key": (249, 218),
    "setns": (308, 268),
    "swapoff": (168, 225),
    "syslog": (103, 116),
    "unshare": (272, 97),
    "userfaultfd": (323, 282),
    "iopl": (172, None),
}
COLUMN = 0 if platform.machine() == "x86_64" else 1


class Nothing(Exception):
    """The attack has nothing to attack on this machine."""


def syscall(name, *args):
    number = NUMBERS[name][COLUMN]
    if number is None:
        raise Nothing(name)
    fixed = [ctypes.c_long(a) if isinstance(a, int) else a for a in args]
    got = libc.syscall(ctypes.c_long(number), *fixed)
    if got < 0:
        e = ctypes.get_errno()
        raise OSError(e, os.strerror(e))
    return got


def attack(f):
    ATTACKS.append(f)
    return f


def apart(f):
    """Run f in a process of its own, which f may spoil."""
    r, w = os.pipe()
    pid = os.fork()
    if pid == 0:
        text = b"closed"
        try:
            if f():
                text = b"OPEN"
        except BaseException as e:
            text = ("closed %s" % describe(e)).encode()
        os.write(w, text)
        os._exit(0)
    os.close(w)
    text = os.read(r, 4096).decode()
    os.close(r)
    os.waitpid(pid, 0)
    if text == "OPEN":
        return True
    raise PermissionError(text or "killed")


def refused(*names):
    """An errno of these is the answer of somebody who would not do it."""

    def wrap(f):
        def tried():
            try:
                f()
            except OSError as e:
                if errno.errorcode.get(e.errno) in names:
                    raise
                return True  # the kernel went on to look at our nonsense
            return True

        tried.__name__ = f.__name__
        ATTACKS.append(tried)
        return tried

    return wrap


NO = ("EPERM", "EACCES", "ENOSYS")


def describe(e):
    if isinstance(e, OSError) and e.errno:
        return errno.errorcode.get(e.errno, str(e.errno))
    return "%s: %s" % (type(e).__name__, e)


def content(path):
    with open(path, "rb") as f:
        return f.read()


def can_write(path):
    os.close(os.open(path, os.O_WRONLY))  # and leave it as it is
    return True


# --- Files of the host and of others ---


@attack
def read_shadow():
    return content("/etc/shadow")


@attack
def read_host_secret():
    return ARGS["secret"].encode() in content(ARGS["secret_file"])


@attack
def list_host_directory():
    return os.listdir(os.path.dirname(ARGS["secret_file"]))


@attack
def read_victims_code():
    return content(os.path.join(ARGS["victim_code"], "secret.txt"))


@attack
def list_home():
    return os.listdir("/root")


@attack
def list_var_lib():
    return os.listdir("/var/lib")


@attack
def list_sys():
    return os.listdir("/sys/kernel")


@attack
def read_cgroups():
    return os.listdir("/sys/fs/cgroup")


@attack
def read_host_mounts():
    # Apart from what is shown, a line for the host's root would mean that it is here.
    for line in content("/proc/self/mountinfo").decode().splitlines():
        fields = line.split()
        if fields[3] == "/" and fields[4] == "/" and "tmpfs" not in line:
            return True
    return False


@attack
def mounts_honour_setuid():
    lines = content("/proc/self/mountinfo").decode().splitlines()
    return [l for l in lines if "nosuid" not in l.split()[5]]


@attack
def root_by_dotdot():
    fd = os.open("/", os.O_RDONLY)
    for _ in range(20):
        up = os.open("..", os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = up
    names = os.listdir(fd)
    os.close(fd)
    return "home" in names or "root" in names


@attack
def write_code():
    with open(os.path.join(ARGS["code"], "planted"), "w"):
        os.unlink(os.path.join(ARGS["code"], "planted"))
    return True


def plant(directory):
    path = os.path.join(directory, ".furl-escape-" + ARGS["token"])
    with open(path, "w"):
        pass
    os.unlink(path)
    return True


@attack
def write_usr():
    return plant("/usr/lib")


@attack
def write_etc():
    return plant("/etc")


@attack
def write_root():
    return plant("/")


@attack
def write_dev():
    return plant("/dev")


@attack
def write_var():
    return plant("/var")


@attack
def write_passwd():
    return can_write("/etc/passwd")


@attack
def write_core_pattern():
    return can_write("/proc/sys/kernel/core_pattern")


@attack
def write_sysrq():
    return can_write("/proc/sysrq-trigger")


@attack
def write_release_agent():
    for base in ("/sys/fs/cgroup/memory", "/sys/fs/cgroup/unified", "/sys/fs/cgroup"):
        for name in ("release_agent", "cgroup.procs"):
            try:
                return can_write(os.path.join(base, name))
            except OSError as e:
                last = e
    raise last


@attack
def write_guard_program():
    return can_write("/proc/%d/exe" % os.getppid())


@attack
def write_shown_program():
    return can_write("/var/runtime/init")


@attack
def write_interpreter():
    return can_write("/proc/self/exe")


@attack
def open_disk():
    for name in os.listdir("/dev"):
        if name.startswith(("vd", "sd", "nvme", "dm-", "loop")):
            os.close(os.open("/dev/" + name, os.O_RDONLY))
            return True
    raise Nothing("no disk")


@attack
def open_kernel_memory():
    os.close(os.open("/dev/mem", os.O_RDONLY))
    return True


@attack
def open_kernel_log():
    os.close(os.open("/dev/kmsg", os.O_RDONLY))
    return True


@attack
def make_device():
    path = os.path.join(tempfile.gettempdir(), "null")
    os.mknod(path, 0o666 | 0o020000, os.makedev(1, 3))
    try:
        os.close(os.open(path, os.O_RDONLY))
        return True
    finally:
        os.unlink(path)


@attack
def change_owner():
    with tempfile.NamedTemporaryFile() as f:
        os.chown(f.name, os.getuid() + 1, -1)
    return True


@attack
def look_up_host_file():
    return os.stat(ARGS["secret_file"]).st_size > 0


@attack
def change_mode_of_host_file():
    os.chmod(ARGS["secret_file"], 0o600)  # which it has
    return True


@attack
def change_times_of_host_file():
    os.utime(ARGS["secret_file"])
    return True


@attack
def empty_host_file():
    size = os.path.getsize(ARGS["empty_file"])
    os.truncate(ARGS["empty_file"], size)
    return True


@attack
def watch_host_directory():
    fd = libc.inotify_init1(0)
    try:
        path = os.path.dirname(ARGS["secret_file"]).encode()
        if libc.inotify_add_watch(fd, path, 2) < 0:
            e = ctypes.get_errno()
            raise OSError(e, os.strerror(e))
    finally:
        os.close(fd)
    return True


# --- Other processes ---


@attack
def see_other_processes():
    pids = [int(n) for n in os.listdir("/proc") if n.isdigit()]
    return [p for p in pids if p not in (1, os.getpid())]


@attack
def read_parents_environment():
    return content("/proc/%d/environ" % os.getppid())


@attack
def find_secret_in_environments():
    for n in os.listdir("/proc"):
        if n.isdigit():
            try:
                if ARGS["secret"].encode() in content("/proc/%s/environ" % n):
                    return True
            except OSError:
                pass
    return False


@attack
def look_through_parents_root():
    return os.listdir("/proc/%d/root/" % os.getppid())


@attack
def list_parents_descriptors():
    return os.listdir("/proc/%d/fd" % os.getppid())


@attack
def read_parents_memory():
    os.close(os.open("/proc/%d/mem" % os.getppid(), os.O_RDONLY))
    return True


@attack
def signal_host_process():
    os.kill(ARGS["host_pid"], 0)
    return True


@attack
def signal_victim():
    os.kill(ARGS["victim_pid"], 0)
    return True


@attack
def signal_everybody():
    # Signal 0 to all: there is somebody if it works. Where others are there to be
    # seen, the kernel says the same whether it reached one or none.
    if ARGS["driver"] == "confined":
        raise Nothing("see signal_host_process, and TestSignals of the driver")
    os.kill(-1, 0)
    return True


def trace(pid):
    syscall("ptrace", 16, pid, 0, 0)  # PTRACE_ATTACH
    os.waitpid(pid, 0x40000000)  # __WALL
    syscall("ptrace", 17, pid, 0, 0)  # PTRACE_DETACH
    return True


@attack
def trace_host_process():
    return apart(lambda: trace(ARGS["host_pid"]))


@attack
def trace_guard():
    if ARGS["driver"] != "namespace":
        raise Nothing("the first process is the machine's")

    def f():
        syscall("ptrace", 0x4206, 1, 0, 0)  # PTRACE_SEIZE
        return True

    return apart(f)


@attack
def read_host_process():
    buffer = ctypes.create_string_buffer(8)

    class iovec(ctypes.Structure):
        _fields_ = [("base", ctypes.c_void_p), ("len", ctypes.c_size_t)]

    start = content("/proc/%d/maps" % ARGS["host_pid"]).split(b"-")[0]
    here = iovec(ctypes.addressof(buffer), 8)
    there = iovec(int(start, 16), 8)
    return syscall("process_vm_readv", ARGS["host_pid"], ctypes.byref(here), 1, ctypes.byref(there), 1, 0)


@refused(*NO)
def read_any_process():
    syscall("process_vm_readv", os.getppid(), None, 0, None, 0, 0)


@attack
def take_descriptor():
    pid = ARGS["host_pid"]
    fd = syscall("pidfd_open", pid, 0)
    try:
        os.close(syscall("pidfd_getfd", fd, 0, 0))
    finally:
        os.close(fd)
    return True


@refused(*NO)
def compare_processes():
    syscall("kcmp", os.getpid(), os.getpid(), 0, 0, 0)


@refused(*NO)
def advise_process():
    syscall("process_madvise", -1, None, 0, 0, 0)


@attack
def change_host_limits():
    resource.prlimit(ARGS["host_pid"], resource.RLIMIT_CORE, (0, 0))
    return True


@attack
def slow_down_host_process():
    os.setpriority(os.PRIO_PROCESS, ARGS["host_pid"], 5)
    return True


@attack
def find_shared_memory():
    if libc.shmget(ctypes.c_int(ARGS["shm_key"]), 0, 0) < 0:
        e = ctypes.get_errno()
        raise OSError(e, os.strerror(e))
    return True


# --- Privileges ---


@attack
def be_root():
    return os.getuid() == 0 or os.geteuid() == 0


@attack
def become_root():
    return apart(lambda: os.setuid(0) or True)


@attack
def join_groups():
    return apart(lambda: os.setgroups([0]) or True)


def status(name):
    for line in content("/proc/self/status").decode().splitlines():
        if line.startswith(name + ":"):
            return line.split()[1]


@attack
def have_capabilities():
    return int(status("CapEff"), 16) | int(status("CapPrm"), 16)


@attack
def have_bounding_set():
    return int(status("CapBnd"), 16) | int(status("CapAmb"), 16) | int(status("CapInh"), 16)


@attack
def gain_privileges_by_exec():
    return status("NoNewPrivs") == "0"


@attack
def without_filter():
    return status("Seccomp") != "2"


@attack
def raise_limits():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)

    def f():
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard + 1, hard + 1))
        return True

    return apart(f)


@attack
def dump_core():
    return resource.getrlimit(resource.RLIMIT_CORE)[1] not in (0, 1)


@attack
def run_before_others():
    return apart(lambda: os.nice(-1) < 0)


@attack
def run_in_real_time():
    def f():
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
        return True

    return apart(f)


@attack
def change_root():
    return apart(lambda: os.chroot(tempfile.gettempdir()) or True)


@attack
def change_host_name():
    name = socket.gethostname()
    return apart(lambda: socket.sethostname(name) or True)  # to what it is


@attack
def mount_tmpfs():
    def f():
        try:
            syscall("unshare", 0x20000)  # so that it is not the machine's table
        except OSError:
            pass
        place = tempfile.mkdtemp().encode()
        if libc.mount(b"none", place, b"tmpfs", 0, None) < 0:
            e = ctypes.get_errno()
            raise OSError(e, os.strerror(e))
        libc.umount(place)
        return True

    return apart(f)


def unshare(flag):
    def f():
        syscall("unshare", flag)
        return True

    return apart(f)


@attack
def new_user_namespace():
    return unshare(0x10000000)


@attack
def new_mount_namespace():
    return unshare(0x20000)


@attack
def new_network_namespace():
    return unshare(0x40000000)


@attack
def new_pid_namespace():
    return unshare(0x20000000)


@attack
def enter_namespace():
    def f():
        fd = os.open("/proc/self/ns/net", os.O_RDONLY)
        syscall("setns", fd, 0)
        return True

    return apart(f)


@attack
def clone_with_hidden_flags():
    # A filter cannot see clone3's flags, so nobody may call it.
    try:
        syscall("clone3", None, 0)
    except OSError as e:
        if e.errno == errno.ENOSYS:
            raise
    return True


# --- The kernel's surface ---


@refused(*NO)
def use_bpf():
    syscall("bpf", 0, None, 0)


@refused(*NO)
def use_io_uring():
    syscall("io_uring_setup", 1, None)


@refused(*NO)
def use_userfaultfd():
    os.close(syscall("userfaultfd", 1))


@refused(*NO)
def use_perf():
    syscall("perf_event_open", None, 0, -1, -1, 0)


@refused(*NO)
def use_add_key():
    syscall("add_key", b"user", b"furl-escape", b"x", 1, -2)


@refused(*NO)
def use_request_key():
    syscall("request_key", b"user", b"furl-escape-none", None, 0)


@refused(*NO)
def use_keyctl():
    syscall("keyctl", 0, -3, 0)


@refused(*NO)
def use_file_handles():
    syscall("name_to_handle_at", -100, b"/", None, None, 0)


@refused(*NO)
def open_file_handles():
    syscall("open_by_handle_at", -100, None, 0)


@refused(*NO)
def use_mount_tree():
    os.close(syscall("open_tree", -100, b"/usr", 1))


@refused(*NO)
def use_new_filesystem():
    os.close(syscall("fsopen", b"tmpfs", 0))


@refused(*NO)
def use_mount_attributes():
    syscall("mount_setattr", -100, b"/", 0, None, 0)


@refused(*NO)
def use_fanotify():
    os.close(syscall("fanotify_init", 0, 0))


@refused(*NO)
def use_kexec():
    syscall("kexec_load", 0, 0, None, 0xFFFF)  # flags that there are not


@refused(*NO)
def use_reboot():
    syscall("reboot", 0, 0, 0, 0)  # without the magic numbers


@refused(*NO)
def unload_module():
    syscall("delete_module", b"furl_no_such_module", 0)


@refused(*NO)
def use_accounting():
    syscall("acct", b"/furl/no/such/file")


@refused(*NO)
def use_swapoff():
    syscall("swapoff", b"/furl/no/such/file")


@refused(*NO)
def use_quota():
    syscall("quotactl", 0x80000500, b"/furl/no/such/device", 0, None)


@refused(*NO)
def read_kernel_log():
    syscall("syslog", 10, None, 0)  # its size


@refused(*NO)
def use_memory_policy():
    syscall("get_mempolicy", None, None, 0, None, 0)


@attack
def disable_randomization():
    return apart(lambda: syscall("personality", 0x0040000) or True)


@attack
def use_ports():
    return apart(lambda: syscall("iopl", 3) or True)


# --- Network and sockets ---


def can_open(family, kind, protocol=0):
    socket.socket(family, kind, protocol).close()
    return True


@attack
def raw_socket():
    return can_open(socket.AF_INET, socket.SOCK_RAW, 1)


@attack
def raw_socket_6():
    return can_open(socket.AF_INET6, socket.SOCK_RAW, 58)


@attack
def packet_socket():
    return can_open(17, socket.SOCK_RAW)


@attack
def vsock_socket():
    return can_open(40, socket.SOCK_STREAM)


@attack
def crypto_socket():
    return can_open(38, socket.SOCK_SEQPACKET)


@attack
def audit_socket():
    return can_open(16, socket.SOCK_RAW, 9)


@attack
def netfilter_socket():
    return can_open(16, socket.SOCK_RAW, 12)


@attack
def sctp_socket():
    return can_open(socket.AF_INET, socket.SOCK_STREAM, 132)


@attack
def multipath_socket():
    return can_open(socket.AF_INET, socket.SOCK_STREAM, 262)


@attack
def xdp_socket():
    return can_open(44, socket.SOCK_RAW)


@attack
def tipc_pair():
    socket.socketpair(30, socket.SOCK_SEQPACKET)
    return True


@attack
def connect_to_host():
    with socket.create_connection(("127.0.0.1", ARGS["port"]), 2):
        return True


@attack
def connect_to_host_6():
    if not ARGS["port6"]:
        raise Nothing("the host has no IPv6")
    with socket.create_connection(("::1", ARGS["port6"]), 2):
        return True


@attack
def connect_to_abstract_socket():
    with socket.socket(socket.AF_UNIX) as s:
        s.connect("\0" + ARGS["abstract"])
    return True


@attack
def connect_to_unix_socket():
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(ARGS["unix"])
    return True


@attack
def send_to_unix_socket():
    # An end of a pair that may send elsewhere needs no socket of its own.
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with ours, theirs:
        ours.sendto(b"x", ARGS["unix_datagram"])
    return True


@attack
def see_interfaces():
    return [n for _, n in socket.if_nameindex() if n != "lo"]


# --- What was left lying about ---


@attack
def inherited_descriptors():
    known = (0, 1, 2, 3, 4)
    found = []
    for n in os.listdir("/proc/self/fd"):
        try:
            where = os.readlink("/proc/self/fd/" + n)
        except OSError:
            continue  # that of listdir itself
        if int(n) not in known and not where.startswith("/proc/"):
            found.append(where)
    return found


@attack
def inherited_environment():
    return ARGS["secret"] in json.dumps(dict(os.environ))


@attack
def terminal():
    os.close(os.open("/dev/tty", os.O_RDWR))
    return True


@attack
def controlling_session():
    return os.getsid(0) != os.getpid()


@attack
def static_program():
    """The same by raw system calls; see attacker/main.go."""
    p = subprocess.run([os.path.join(ARGS["code"], "attacker")], stdout=subprocess.PIPE, timeout=30)
    lines = p.stdout.decode().splitlines()
    if p.returncode != 0 or len(lines) < 10:
        raise RuntimeError("the attacker did not run: %r" % (lines,))
    static.extend(lines)
    return False


static = []


def run(args, attacks=ATTACKS):
    """All attacks; a line for each: its name, OPEN or closed, and why."""
    ARGS.update(args)
    lines = []
    del static[:]
    for f in attacks:
        try:
            lines.append("%s %s" % (f.__name__, "OPEN" if f() else "closed"))
        except Nothing as e:
            lines.append("%s absent %s" % (f.__name__, e))
        except Exception as e:
            lines.append("%s closed %s" % (f.__name__, describe(e)))
    return "\n".join(lines + static)
