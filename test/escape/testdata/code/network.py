"""Ways out of a sandbox's network. Whatever answers with the token belongs to the
test, which runs in network namespaces of its own: nothing here can reach beyond
them, whether a sandbox holds or not.
"""

import os
import select
import socket
import struct
import threading

import attack
from attack import ARGS

ATTACKS = []


def network(f):
    ATTACKS.append(f)
    return f


def said(s):
    """Whether the other side is one of the test's machines."""
    got = b""
    while len(got) < len(ARGS["token"]):
        more = s.recv(100)
        if not more:
            raise ConnectionError("it said %r" % got)
        got += more
    return got == ARGS["token"].encode()


def reach(host, port=None, source=None, prepare=None):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as s:
        s.settimeout(5)
        if prepare:
            prepare(s)
        if source:
            s.bind((source, 0))
        s.connect((host, port or ARGS["port"]))
        return said(s)


def reach_datagram(host):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        s.settimeout(1)
        s.connect((host, ARGS["port"]))
        s.send(b"?")
        return said(s)


def define(f, name, *args):
    def tried():
        return f(*args)

    tried.__name__ = name
    ATTACKS.append(tried)


# Every spelling of what must not be reached. The listeners are at the addresses
# that IPv4 ones are embedded in, too.
for name, host in {
    "metadata": "169.254.169.254",
    "metadata_mapped": "::ffff:169.254.169.254",
    "metadata_nat64": "64:ff9b::a9fe:a9fe",
    "metadata_6to4": "2002:a9fe:a9fe::1",
    "metadata_compatible": "::a9fe:a9fe",
    "metadata_6": "fd00:ec2::254",
    "credentials": "169.254.170.2",
    "host_loopback": "127.0.0.1",
    "host_loopback_other": "127.1.2.3",
    "host_loopback_mapped": "::ffff:127.0.0.1",
    "host_loopback_6": "::1",
    "host_loopback_nat64": "64:ff9b::7f00:1",
    "host_unspecified": "0.0.0.0",
    "host_unspecified_6": "::",
    "host_interface": "10.77.0.1",
    "host_interface_mapped": "::ffff:10.77.0.1",
    "host_interface_6": "fd77::1",
    "host_interface_nat64": "64:ff9b::a4d:1",
    "host_interface_6to4": "2002:a4d:1::1",
}.items():
    define(reach, "connect_" + name, host)

for name, host in {
    "metadata": "169.254.169.254",
    "metadata_6": "fd00:ec2::254",
    "host_loopback": "127.0.0.1",
    "host_interface": "10.77.0.1",
    "host_interface_6": "fd77::1",
    "elsewhere": "10.78.0.10",
    "elsewhere_6": "fd78::10",
}.items():
    define(reach_datagram, "datagram_" + name, host)


@network
def connect_from_host_address():
    return reach("10.77.0.1", source="10.77.0.1")


@network
def connect_from_loopback():
    return reach("169.254.169.254", source="127.0.0.1" if ARGS["driver"] == "namespace" else None)


@network
def connect_by_device():
    return reach(
        "169.254.169.254",
        prepare=lambda s: s.setsockopt(socket.SOL_SOCKET, 25, b"lo" if ARGS["driver"] == "namespace" else b"host0"),
    )


@network
def connect_without_route():
    return reach("10.77.0.1", prepare=lambda s: s.setsockopt(socket.SOL_SOCKET, socket.SO_DONTROUTE, 1))


@network
def connect_with_data():
    with socket.socket() as s:
        s.settimeout(5)
        try:
            s.sendto(b"x", 0x20000000, ("169.254.169.254", ARGS["port"]))  # MSG_FASTOPEN
        except BlockingIOError:
            pass  # it is on its way
        select.select([], [s], [], 5)
        return said(s)


@network
def connect_to_gateway():
    """The port is not one of the gateway's own."""
    return reach("169.254.100.1" if ARGS["driver"] == "namespace" else "10.77.0.1")


@network
def connect_to_host_port():
    """Nobody said that functions may reach it."""
    return reach("169.254.100.2" if ARGS["driver"] == "namespace" else "127.0.0.1")


@network
def connect_to_the_way_out():
    """Where connections are led to ends those that were not."""
    return reach("127.0.0.1", 1 if ARGS["driver"] == "namespace" else None)


# --- Names ---


def addresses(name):
    """What the name server says, asked by hand: which server depends on the driver."""
    q = b"".join(bytes([len(p)]) + p.encode() for p in name.split(".")) + b"\0"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(5)
        s.connect(tuple(ARGS["names"]))
        s.send(struct.pack(">HHHHHH", os.getpid() & 0xFFFF, 0x100, 1, 0, 0, 0) + q + b"\0\1\0\1")
        answer = s.recv(4096)
    count = struct.unpack(">H", answer[6:8])[0]
    at, found = 12 + len(q) + 4, []
    for _ in range(count):
        at += 2  # the name is where it was before
        kind, _, _, length = struct.unpack(">HHIH", answer[at : at + 10])
        if kind == 1:
            found.append(socket.inet_ntoa(answer[at + 10 : at + 14]))
        at += 10 + length
    return found


def reach_name(name):
    """Whether any of a name's addresses is reached, asked again and again."""
    asked = []
    for _ in range(6):
        for a in addresses(name):
            asked.append(a)
            try:
                if a not in ARGS["open"] and reach(a):
                    return True
            except OSError:
                pass
    if not asked:
        raise RuntimeError("the name has no addresses: nothing was tried")
    raise ConnectionError("none of %s" % sorted(set(asked)))


for name in ("metadata", "loopback", "interface", "rebinding"):
    define(reach_name, "name_of_" + name, name + ".test")


# --- Other sandboxes ---


@network
def connect_to_victim():
    return reach("127.0.0.1", ARGS["victim_port"])


@network
def connect_to_victim_everywhere():
    return reach("169.254.100.6" if ARGS["driver"] == "namespace" else "10.77.0.1", ARGS["victim_port"])


@network
def connect_to_victim_abstract():
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(5)
        s.connect("\0" + ARGS["victim_abstract"])
        return said(s)


@network
def see_connections():
    port = b":%04X " % ARGS["port"]
    return any(port in attack.content(name) for name in ("/proc/net/tcp", "/proc/net/tcp6"))


# --- Sockets that see or change more than their own ---


@network
def icmp_datagram():
    return attack.can_open(socket.AF_INET, socket.SOCK_DGRAM, 1)


@network
def icmp_datagram_6():
    return attack.can_open(socket.AF_INET6, socket.SOCK_DGRAM, 58)


@network
def icmp_raw():
    return attack.can_open(socket.AF_INET, socket.SOCK_RAW, 1)


@network
def ip_raw():
    return attack.can_open(socket.AF_INET, socket.SOCK_RAW, 255)


@network
def packet_datagram():
    return attack.can_open(17, socket.SOCK_DGRAM, 0x300)


def option(level, name, value, family=socket.AF_INET):
    with socket.socket(family) as s:
        s.setsockopt(level, name, value)
    return True


for name, args in {
    "transparent": (0, 19, 1),
    "transparent_6": (41, 75, 1, socket.AF_INET6),
    "mark": (socket.SOL_SOCKET, 36, 1),
    "receive_without_limit": (socket.SOL_SOCKET, 33, 1 << 20),
    "send_without_limit": (socket.SOL_SOCKET, 32, 1 << 20),
    "repair": (6, 19, 1),
    "priority": (socket.SOL_SOCKET, 12, 7),
}.items():
    define(option, "option_" + name, *args)


def occupy(port, kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as s:
        s.setsockopt(socket.SOL_SOCKET, 15, 1)  # SO_REUSEPORT
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", port))
    return True


define(occupy, "occupy_way_out", 1)
define(occupy, "occupy_names", 53, socket.SOCK_DGRAM)
define(occupy, "occupy_low_port", 80)


# --- The network's setup ---


def change(kind, flags, body):
    """One request of the kernel's routing protocol."""
    with socket.socket(16, socket.SOCK_RAW, 0) as s:
        s.settimeout(5)
        s.bind((0, 0))
        s.send(struct.pack("=IHHII", 16 + len(body), kind, 0x5 | flags, 1, 0) + body)
        answer = s.recv(4096)
    code = -struct.unpack("=i", answer[16:20])[0]
    if code:
        raise OSError(code, os.strerror(code))
    return True


CREATE = 0x400
ADDRESS = struct.pack("=HH4s", 8, 2, socket.inet_aton("198.51.100.77"))  # IFA_LOCAL
TARGET = struct.pack("=HH4s", 8, 1, socket.inet_aton("198.51.100.77"))  # RTA_DST
RULE = struct.pack("=HHI", 8, 6, 32000)  # FRA_PRIORITY

for name, args in {
    "route": (24, CREATE, struct.pack("=BBBBBBBBI", 2, 32, 0, 0, 254, 4, 0, 6, 0) + TARGET),  # a black hole
    "rule": (32, CREATE, struct.pack("=BBBBBBBBI", 2, 0, 0, 0, 254, 0, 0, 1, 0) + RULE),
    "address": (20, CREATE, struct.pack("=BBBBI", 2, 32, 0, 0, 1) + ADDRESS),
    "interface": (16, 0, struct.pack("=BBHiII", 0, 0, 0, 1, 1, 1)),  # up, which it is
    "new_interface": (16, CREATE, struct.pack("=BBHiII", 0, 0, 0, 0, 0, 0) + struct.pack("=HHHH8s", 16, 18, 11, 1, b"bridge\0\0")),
}.items():
    define(change, "change_" + name, *args)


@network
def change_settings():
    with open("/proc/sys/net/ipv4/ip_forward", "r+") as f:
        f.write(f.read())
    return True


def run(args):
    return attack.run(args, ATTACKS)


def listen_as_victim(args):
    """What another sandbox has that is its own."""
    abstract = socket.socket(socket.AF_UNIX)
    abstract.bind("\0" + args["abstract"])
    abstract.listen()
    everywhere = socket.create_server(("0.0.0.0", 0))

    def serve(ln):
        while True:
            c = ln.accept()[0]
            c.sendall(args["token"].encode())
            c.close()

    for ln in (abstract, everywhere):
        threading.Thread(target=serve, args=(ln,), daemon=True).start()
    return everywhere.getsockname()[1]
