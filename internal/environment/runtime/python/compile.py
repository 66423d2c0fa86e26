"""Compiles a function's code when it is deployed.

The bootstrap loads this module when its first frame is of kind COMPILE. The
body is the directory of the code as JSON; each answer carries some compiled
files, and its number is one while there are more, which the server asks for
with a frame without a body. Nothing of the code is executed.

An answer's body is a sequence of files: the length of the name and that of the
content, four bytes each, then the name, relative to the directory of the code,
and the content. What does not compile is left out: Python says why when it is
imported.
"""

import importlib.util
import json
import marshal
import os
import stat
import struct
import sys
import warnings

COMPILE, COMPILED = 7, 8

FILE = struct.Struct("<II")

# An answer is sent when it has this many bytes.
ENOUGH = 256 << 10
# Larger sources and results stay as they are: few modules are this large, and a
# compiler needs a hundred times as much memory as the text it reads.
MAX_SOURCE = 2 << 20
MAX_CONTENT = 8 << 20
# The longest part of a name, and the longest name, that a package can hold.
MAX_NAME = 255
MAX_PATH = 1024

# The flags of a .pyc that is valid whatever becomes of its source.
UNCHECKED_HASH = 1
CHECKED_HASH = 3

# What can be wrong with a source.
FAILURES = (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError, SystemError, OSError)


def sources(top):
    """The .py files of a tree, those nearest to its top first: they are the most
    likely to be imported. Links are not followed."""
    level = [top]
    while level:
        below = []
        for directory in level:
            try:
                entries = sorted(os.scandir(directory), key=lambda entry: entry.name)
            except OSError:
                continue
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    if entry.name != "__pycache__":
                        below.append(entry.path)
                elif entry.name.endswith(".py") and entry.is_file(follow_symlinks=False):
                    yield entry.path
        level = below


def place_of(path):
    """Where the compiled form of a source belongs, or None if it cannot be there."""
    place = importlib.util.cache_from_source(path, optimization="")
    if len(os.fsencode(os.path.basename(place))) > MAX_NAME:
        return None
    for name, fits in ((os.path.dirname(place), stat.S_ISDIR), (place, stat.S_ISREG)):
        try:
            if not fits(os.lstat(name).st_mode):
                return None
        except FileNotFoundError:
            break
    return place


def is_current(place, path, source):
    """Whether the code has a compiled form that the interpreter would take."""
    try:
        with open(place, "rb") as file:
            head = file.read(16)
    except OSError:
        return False
    if len(head) < 16 or head[:4] != importlib.util.MAGIC_NUMBER:
        return False
    flags, first, second = struct.unpack("<III", head[4:])
    if flags == 0:
        info = os.stat(path)
        return (first, second) == (int(info.st_mtime) & 0xFFFFFFFF, info.st_size & 0xFFFFFFFF)
    if flags == CHECKED_HASH:
        return head[8:] == importlib.util.source_hash(source)
    return flags == UNCHECKED_HASH


def compile_file(path):
    """The place and the content of a source's compiled form, or None."""
    place = place_of(path)
    if place is None or os.stat(path).st_size > MAX_SOURCE:
        return None
    with open(path, "rb") as file:
        source = file.read()
    if is_current(place, path, source):
        return None
    code = compile(source, path, "exec", dont_inherit=True, optimize=0)
    content = b"".join(
        (
            importlib.util.MAGIC_NUMBER,
            UNCHECKED_HASH.to_bytes(4, "little"),
            importlib.util.source_hash(source),
            marshal.dumps(code),
        )
    )
    return (place, content) if len(content) <= MAX_CONTENT else None


def compile_tree(top):
    for path in sources(top):
        try:
            compiled = compile_file(path)
        except FAILURES:
            continue
        if compiled is not None:
            place, content = compiled
            name = os.fsencode(os.path.relpath(place, top))
            if len(name) <= MAX_PATH:
                yield FILE.pack(len(name), len(content)) + name + content


def serve(receive, send, ident, body):
    """Answer the server's questions with the compiled files of a tree."""
    warnings.simplefilter("ignore")  # whoever imports the code has no use for them
    # Other implementations have other files and other rules.
    files = compile_tree(json.loads(body)) if sys.implementation.name == "cpython" else iter(())
    batch, size = [], 0
    for file in files:
        batch.append(file)
        size += len(file)
        if size >= ENOUGH:
            send(COMPILED, ident, 1, b"".join(batch))
            batch, size = [], 0
            ident = receive()
    send(COMPILED, ident, 0, b"".join(batch))
