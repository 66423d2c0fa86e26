"""A zygote: a process that has imported what functions need and makes finished
sandboxes by fork.

It holds no code, no secrets and nothing of any function, and what it is asked to
do comes from the supervisor of the sandboxes only. For each request it makes one
process in namespaces of its own, the guard. The guard goes through the system calls
that complete its sandbox and give up every privilege over it, forks the program
and from then on only waits: it collects processes that lost their parent and tells
the server how the program ended. The wire is described in package
internal/sandbox/namespace, which is also where the system calls are written down.

Works on Python 3.8 and later with ctypes.
"""

import array
import binascii
import ctypes
import fcntl
import functools
import gc
import importlib
import json
import mmap
import os
import random
import signal
import socket
import struct
import sys
import threading

# Where the zygote finds the supervisor, the program its channel, and the guard the
# server.
SUPERVISOR = 3
QUESTIONS, ANSWERS, CONTROL = 3, 4, 5
# Descriptors below this one are kept for what the guard and the program have.
FIRST_FREE = 10
MAX_PACKET, MAX_SETUP = 256 << 10, 4 << 10

# What functions import, as far as this interpreter has it. Nothing here opens
# sockets, starts threads or keeps random state that outlives a fork.
PRELOADED = """
    array ast asyncio base64 binascii bisect calendar collections.abc concurrent.futures
    configparser contextlib contextvars copy csv dataclasses datetime decimal
    email.message email.parser email.utils enum errno functools getpass glob gzip
    hashlib heapq hmac html http.client inspect io ipaddress itertools json locale
    logging math numbers operator pathlib platform queue random re secrets select
    selectors shlex shutil signal socket ssl stat string struct subprocess tempfile
    textwrap threading time traceback types typing urllib.error urllib.parse
    urllib.request uuid warnings weakref xml.etree.ElementTree zipfile zlib
""".split()

# From linux/sched.h, and the number that clone3 has on every architecture.
CLONE3, CLOSE_RANGE = 435, 436
CLONE_PIDFD = 0x1000
CLONE_PARENT = 0x8000
CLONE_NEWNS = 0x20000
CLONE_NEWUTS = 0x4000000
CLONE_NEWIPC = 0x8000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000
CLONE_INTO_CGROUP = 0x200000000
ISOLATED = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID

PR_SET_DUMPABLE = 4
PR_GET_TID_ADDRESS = 40

# What the machine for which there is code for a Bequest calls them.
GET_ROBUST_LIST, SET_ROBUST_LIST, RSEQ = 274, 273, 334
RSEQ_SIZE, RSEQ_SIGNATURE = 32, 0x53053053

# Stands in a step's text for the number of the sandbox's user.
USER = "{user}"

# A program that does what collect does and is smaller by far.
REAPER = "/var/runtime/reaper"

# From linux/capability.h: what it takes to make a sandbox and to give it up.
CAPABILITY_VERSION_3 = 0x20080522
CAP_SETGID, CAP_SETUID, CAP_SETPCAP, CAP_SYS_ADMIN = 6, 7, 8, 21

libc = ctypes.PyDLL(None, use_errno=True)
syscall = libc.syscall
syscall.restype = ctypes.c_long
syscall.argtypes = [ctypes.c_long] + [ctypes.c_void_p] * 6


class Filter(ctypes.Structure):
    """A system call filter."""

    _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_char_p)]


def call(name, number, *args):
    result = syscall(number, *args, *(0,) * (6 - len(args)))
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, "%s: %s" % (name, os.strerror(error)))
    return result


# --- The zygote -----------------------------------------------------------------


def main(program):
    """Serve the supervisor with a program, which is a module.

    Its prepare is called once and here, its run in each program.
    """
    supervisor = settle()
    brood = json.loads(supervisor.recv(MAX_PACKET))
    steps = [Step(s) for s in brood["Steps"]]
    for module in PRELOADED:
        try:
            importlib.import_module(module)
        except ImportError:
            pass  # this interpreter has none
    program.prepare(True)
    keep_capabilities(CAP_SETGID, CAP_SETUID, CAP_SETPCAP, CAP_SYS_ADMIN)
    bequest = make_bequest(binascii.a2b_base64(brood.get("Bequest", "")))
    threads = threading.active_count()
    if os.path.isdir("/proc/self/task"):
        threads = len(os.listdir("/proc/self/task"))
    if threads != 1:
        raise RuntimeError("%d threads run, and a fork has but one" % threads)
    gc.collect()
    gc.freeze()  # or each collection would copy the pages of all there is
    supervisor.send(b"{}")
    while True:
        request, files = receive(supervisor)
        if request is None:
            return
        members, group = (files[:-1], files[-1]) if request["Born"] else (files, None)
        try:
            pid, pidfd = clone(group)
        except OSError as error:
            reply = {"Error": error.strerror, "Errno": error.errno}
            supervisor.send(json.dumps(reply).encode())
        else:
            if pid == 0:
                supervisor.detach()
                guard(members, request["Channel"], steps, brood["Dir"], bequest)
                # This is the program. It leaves like one that was started, through
                # the end of this function.
                program.run(True)
                return
            rights = array.array("i", [pidfd])
            supervisor.sendmsg([b"{}"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
            os.close(pidfd)
        for fd in files:
            os.close(fd)


def settle():
    """Move the supervisor's socket out of the way of the sandboxes' descriptors."""
    high = fcntl.fcntl(SUPERVISOR, fcntl.F_DUPFD_CLOEXEC, FIRST_FREE)
    for fd in range(SUPERVISOR, FIRST_FREE):
        os.dup2(0, fd, False)
    return socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, 0, high)


def keep_capabilities(*kept):
    """Give up all capabilities but these."""
    low = sum(1 << c for c in kept)
    header = struct.pack("=Ii", CAPABILITY_VERSION_3, 0)
    data = struct.pack("=6I", low, low, 0, 0, 0, 0)
    if libc.capset(header, data) != 0:
        raise OSError(ctypes.get_errno(), "capset")


def receive(supervisor):
    """The next request with its descriptors, or None when the supervisor is gone."""
    space = socket.CMSG_SPACE(64 * array.array("i").itemsize)
    data, ancillary, _, _ = supervisor.recvmsg(MAX_PACKET, space, socket.MSG_CMSG_CLOEXEC)
    files = array.array("i")
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            files.frombytes(content)
    return (json.loads(data) if data else None), list(files)


def clone(group):
    """Fork into namespaces of its own and, if that can be, into a cgroup.

    The child is the supervisor's: the zygote has not to wait for it, nor does it end
    with the zygote.
    """
    pidfd = ctypes.c_int(-1)
    flags = ISOLATED | CLONE_PIDFD | CLONE_PARENT
    if group is not None:
        flags |= CLONE_INTO_CGROUP
    args = struct.pack("=11Q", flags, ctypes.addressof(pidfd), *(0,) * 8, group or 0)
    pid = call("clone3", CLONE3, args, len(args))
    return pid, pidfd.value


# --- The guard ------------------------------------------------------------------


def guard(files, channel, steps, directory, bequest):
    """Become a sandbox's first process. Returns in its child, the program."""
    try:
        enter(files, channel)
        setup = os.read(CONTROL, MAX_SETUP)
        if not setup:
            os._exit(0)
        user = json.loads(setup)["User"]
        take(steps, user)
        os.chdir(directory)
        if not os.read(CONTROL, MAX_SETUP):  # until now nobody wanted the sandbox
            os._exit(0)
        # A signal that is blocked does nothing to a process, and those that the
        # guard waits for stay until it does.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
        os.set_inheritable(CONTROL, True)
        child = bequest.fork() if bequest else fork()
        if child == 0:
            random.seed()
            os.close(CONTROL)
            os.setsid()
            libc.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            return
        # The program's ends of pipes are to show the program's end.
        for fd in range(1, CONTROL):
            os.dup2(0, fd)
        try:
            os.execve(REAPER, ["furl-guard", str(child)], {})
        except OSError:  # nobody has written it for this machine
            tell({"Started": True})
        tell({"End": collect(child)})
        os._exit(0)
    except BaseException as error:
        text = getattr(error, "strerror", None) or str(error) or type(error).__name__
        tell({"Error": text})
        os._exit(1)


def enter(files, channel):
    """Put descriptors where they belong, and enter cgroups and the network."""
    os.setsid()
    network, stdout, control, *rest = files
    if libc.setns(network, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")
    os.dup2(control, CONTROL, False)
    # The zygote's one is open for all of them, and by way of the host's mounts.
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(stdout, 1)
    os.dup2(stdout, 2)
    if channel:
        os.dup2(rest.pop(0), QUESTIONS, False)
        os.dup2(rest.pop(0), ANSWERS, False)
    for tasks in rest:
        # Of version 1, and quick: a thread that moves itself needs no lock that
        # all processes of the machine take.
        os.write(tasks, b"0")
    call("close_range", CLOSE_RANGE, CONTROL + 1, 0xFFFFFFFF)


class Step:
    """A system call, with as much done as can be before it is known for whom."""

    __slots__ = ("name", "accept", "number", "args", "open")

    def __init__(self, step):
        self.name = step["Name"]
        self.accept = step.get("Accept", ())
        self.number = step["Number"]
        self.args = [argument(a) for a in step.get("Args", ())]
        self.args += [0] * (6 - len(self.args))
        self.open = any(callable(a) for a in self.args)


def argument(a):
    """What an argument is, or a function of the user and the results so far."""
    if "s" in a:
        text = a["s"]
        if USER in text:
            if "l" in a:
                return lambda user, _: len(text.replace(USER, str(user)))
            return lambda user, _: text.replace(USER, str(user)).encode()
        return len(text) if "l" in a else text.encode()
    if "b" in a:
        return binascii.a2b_base64(a["b"])
    if "f" in a:
        code = binascii.a2b_base64(a["f"])
        return ctypes.pointer(Filter(len(code) // 8, code))
    if "r" in a:
        return lambda _, results: results[a["r"]]
    if "u" in a:
        return lambda user, _: user
    return a.get("n", 0)


def take(steps, user):
    """Go through the system calls that complete the sandbox."""
    results = []
    for step in steps:
        args = step.args
        if step.open:
            args = [a(user, results) if callable(a) else a for a in args]
        result = syscall(step.number, *args)
        if result < 0:
            error = ctypes.get_errno()
            if error not in step.accept:
                raise OSError(error, "namespace: %s: %s" % (step.name, os.strerror(error)))
        results.append(result)


def fork():
    """Fork, but not as Python does: where there is one thread and no lock is held, all
    that is left of that is done by the caller, and it changes half a megabyte of memory.
    """
    child = libc.fork()
    if child < 0:
        raise OSError(ctypes.get_errno(), "fork")
    return child


def make_bequest(code):
    """A Bequest, or None where there can be none."""
    number = ctypes.c_void_p()
    if not code or libc.prctl(PR_GET_TID_ADDRESS, ctypes.byref(number), 0, 0, 0) != 0:
        return None
    if ctypes.c_int.from_address(number.value).value != threading.get_native_id():
        return None  # a C library that keeps something else there
    try:
        return Bequest(code, number.value)
    except OSError:
        return None  # memory that was written may not be executed here


class Bequest:
    """A fork that copies no memory: the guard leaves its own to the program.

    For a moment there are two processes in it, on one stack: the guard, which turns
    into the reaper, and its child, which waits for that. Both are in the code that was
    given, which says more.
    """

    def __init__(self, code, number):
        # Private, or what a program wrote there would be executed elsewhere.
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        self.page = mmap.mmap(-1, mmap.PAGESIZE, flags, mmap.PROT_READ | mmap.PROT_WRITE)
        self.page.write(code)
        address = ctypes.addressof(ctypes.c_char.from_buffer(self.page))
        protection = mmap.PROT_READ | mmap.PROT_EXEC
        if libc.mprotect(ctypes.c_void_p(address), mmap.PAGESIZE, protection) != 0:
            raise OSError(ctypes.get_errno(), "mprotect")
        function = ctypes.PYFUNCTYPE(ctypes.c_long, *[ctypes.c_void_p] * 5)(address)
        # In a new process namespace the first child is always number 2.
        arguments = (ctypes.c_char_p * 3)(b"furl-guard", b"2", None)
        variables, left = (ctypes.c_char_p * 1)(None), ctypes.c_int()
        self.kept = arguments, variables, left
        pointers = [ctypes.addressof(a) for a in self.kept]
        self.start = functools.partial(function, REAPER.encode(), *pointers, number)
        # What else the kernel knows of a thread of the C library's, and not of one that
        # was not made by that.
        head, size = ctypes.c_void_p(), ctypes.c_size_t()
        call("robust list", GET_ROBUST_LIST, 0, ctypes.addressof(head), ctypes.addressof(size))
        self.robust = head.value, size.value
        self.sequences = restartable_sequences()

    def fork(self):
        """Returns zero in the program, and nowhere else."""
        for fd in range(1, CONTROL):  # what the reaper shall not have
            os.set_inheritable(fd, False)
        result = self.start()
        if result < 0:
            raise OSError(-result, "clone")
        for fd in range(1, QUESTIONS):
            os.set_inheritable(fd, True)
        if self.robust[0]:
            call("robust list", SET_ROBUST_LIST, *self.robust)
        if self.sequences:
            call("rseq", RSEQ, self.sequences, RSEQ_SIZE, 0, RSEQ_SIGNATURE)
        return result


def restartable_sequences():
    """Where the C library has a thread's restartable sequences, or zero."""
    try:
        size = ctypes.c_uint.in_dll(libc, "__rseq_size").value
        offset = ctypes.c_ssize_t.in_dll(libc, "__rseq_offset").value
    except ValueError:
        return 0  # before glibc 2.35 there were none
    return size and threading.get_ident() + offset


def collect(program):
    """Wait for processes until the program itself has ended."""
    awaited = {signal.SIGCHLD, signal.SIGTERM}
    while True:
        info = signal.sigwaitinfo(awaited)
        if info.si_signo == signal.SIGTERM:
            if info.si_pid == 0:  # from outside of the sandbox
                os.killpg(program, signal.SIGTERM)
            continue
        while True:
            pid, status, usage = os.wait4(-1, os.WNOHANG)
            if pid == 0:
                break
            if pid == program:
                cpu = int((usage.ru_utime + usage.ru_stime) * 1e9)
                return {"Status": status, "MaxRSS": usage.ru_maxrss << 10, "CPU": cpu}


def tell(news):
    os.write(CONTROL, json.dumps(news).encode())
