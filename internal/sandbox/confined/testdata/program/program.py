"""Runs the Python code that comes in frames and answers with what it assigned
to result, or with the exception it raised."""

import os
import stat
import struct
import sys

HEADER = struct.Struct("<IB3x16sQ")
ANSWERS = 3 if stat.S_ISSOCK(os.fstat(3).st_mode) else 4


def read(n):
    data = b""
    while len(data) < n:
        more = os.read(3, n - len(data))
        if not more:
            os._exit(0)
        data += more
    return data


def answer(kind, ident, text):
    body = text.encode("utf-8", "replace")
    data = HEADER.pack(len(body), kind, ident, 0) + body
    while data:
        data = data[os.write(ANSWERS, data) :]


def main():
    answer(0, bytes(16), "")
    world = {}
    while True:
        length, kind, ident, _ = HEADER.unpack(read(HEADER.size))
        code = read(length).decode()
        world["result"] = ""
        try:
            exec(code, world)
            text = str(world["result"])
        except BaseException as e:
            text = "%s: %s" % (type(e).__name__, e)
        answer(kind, ident, text)


main()
