#!/usr/bin/python3 -SE
"""A daemon program that knows the group's secret and means harm. It needs nothing of this project.

It does on each channel what the plan says that its working directory's `plan.json` holds: a list of
steps, [verb, ...]. docs/protocol.md has the descriptors and the layout of what it reads.
"""

import array
import json
import os
import select
import socket
import struct
import sys
import threading
import time

SETUP, TABLE, LISTENER, LIFELINE, NOTIFY = 3, 4, 5, 6, 7
BODY = 3
TABLE_HEAD, SLOT_SIZE, REPORT_AT, READY = 448, 128, 64, 1
HOME = os.path.dirname(os.path.abspath(__file__))
SCRATCH = os.path.join(HOME, "scratch")


def read_setup():
    size = os.fstat(SETUP).st_size
    data = os.pread(SETUP, size, 0)
    entries, at = {}, 0
    while at < len(data):
        (length,) = struct.unpack_from("<H", data, at)
        name = data[at + 2 : at + 2 + length].decode()
        at += 3 + length
        (length,) = struct.unpack_from("<I", data, at)
        entries[name] = data[at + 4 : at + 4 + length]
        at += 5 + length
    return entries


def frame(kind, payload):
    return struct.pack("<BBHI", 1, kind, 0, len(payload)) + payload


def read_frame(channel):
    head = channel.recv(8, socket.MSG_WAITALL)
    if len(head) < 8:
        raise EOFError
    length = struct.unpack("<BBHI", head)[3]
    return head[1], channel.recv(length, socket.MSG_WAITALL) if length else b""


def make_fd(kind):
    """A descriptor to pass, and what keeps it alive."""
    path = os.path.join(SCRATCH, "passed")
    if kind == "pipe":
        return os.pipe()[0]
    if kind == "socket":
        return os.dup(socket.socketpair()[0].fileno())
    if kind == "directory":
        return os.open("/", os.O_RDONLY)
    if kind == "device":
        return os.open("/dev/zero", os.O_RDONLY)
    with open(path, "wb") as made:
        made.write(b"f" * (1 << 20))
    if kind == "write-only":
        return os.open(path, os.O_WRONLY)
    if kind == "path-only":
        return os.open(path, os.O_PATH)
    return os.open(path, os.O_RDONLY)


def pass_fds(channel, data, kind, count):
    fds = [make_fd(kind) for _ in range(count)]
    try:
        channel.sendmsg(
            [data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds).tobytes())]
        )
    finally:
        for fd in fds:
            os.close(fd)


def repeat(count, act, *arguments):
    for _ in range(count):
        act(*arguments)


def drip(channel, data):
    for byte in data:
        channel.sendall(bytes([byte]))
        time.sleep(0.002)


def drain(channel):
    while channel.recv(65536):
        pass


def read_body(channel, stop):
    """Leaves all body up to a frame of that type, counted in."""
    with open(os.path.join(SCRATCH, "body"), "wb") as file:
        kind = 0
        while kind != stop:
            kind, payload = read_frame(channel)
            file.write(payload if kind == BODY else b"")
            file.flush()


# verb -> what it does, with the channel and the words behind the verb.
VERBS = {
    "read": read_frame,
    "send": lambda channel, text: channel.sendall(bytes.fromhex(text)),
    "repeat": lambda channel, text, count: repeat(count, channel.sendall, bytes.fromhex(text)),
    "drip": lambda channel, text: drip(channel, bytes.fromhex(text)),
    "fds": lambda channel, text, *what: pass_fds(channel, bytes.fromhex(text), *what),
    "repeat-fds": lambda channel, text, kind, count: repeat(
        count, pass_fds, channel, bytes.fromhex(text), kind, 1
    ),
    "truncate": lambda channel, size: os.truncate(os.path.join(SCRATCH, "passed"), size),
    "sleep": lambda channel, seconds: time.sleep(seconds),
    "deaf": lambda channel: channel.shutdown(socket.SHUT_RD),
    "mute": lambda channel: channel.shutdown(socket.SHUT_WR),
    "body": read_body,
    "drain": drain,
    "die": lambda channel: os._exit(3),
}


def follow(channel, plan, hello):
    for verb, *words in plan:
        if verb == "hello":
            channel.sendall(hello)
        else:
            VERBS[verb](channel, *words)


def serve(channel, hello):
    with open(os.path.join(SCRATCH, "attempts"), "a") as attempts:
        attempts.write(".")
    try:
        with open(os.path.join(HOME, "plan.json")) as file:
            follow(channel, json.load(file), hello)
    except (EOFError, OSError):
        pass  # the child has had enough
    finally:
        channel.close()


def main():
    setup = read_setup()
    hello = frame(1, b"\1\1" + setup["secret"])
    at = TABLE_HEAD + int(setup["slot"]) * SLOT_SIZE + REPORT_AT
    os.pwrite(TABLE, struct.pack("<I", int(setup["generation"]) << 8 | READY), at)
    os.write(NOTIFY, b"x")
    listener = socket.socket(fileno=LISTENER)
    listener.setblocking(False)
    while True:
        ready = select.select([listener, LIFELINE], [], [])[0]
        if LIFELINE in ready:
            os._exit(0)
        try:
            channel = listener.accept()[0]
        except BlockingIOError:
            continue
        channel.setblocking(True)
        threading.Thread(target=serve, args=(channel, hello), daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
