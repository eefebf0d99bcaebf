# expects: refused
# category: resources
# control: any
# case pipes (resources): {"kind": "pipe"}
# case streams (resources): {"kind": "stream"}
# case datagrams (resources): {"kind": "datagram"}
# case packets (resources): {"kind": "packet"}
"""Fill the kernel's buffers, which no limit of memory counts: open files must bound them below it."""

import os
import socket

KINDS = {"stream": socket.SOCK_STREAM, "datagram": socket.SOCK_DGRAM, "packet": socket.SOCK_SEQPACKET}


def pair(kind):
    if kind == "pipe":
        return [os.pipe()[1]]
    return [one.detach() for one in socket.socketpair(socket.AF_UNIX, KINDS[kind])]


def main(memory_mb, kind, **_):
    held = 0
    for _ in range(65536):
        try:
            ends = pair(kind)
        except OSError:
            return "refused"
        for end in ends:
            os.set_blocking(end, False)
            try:
                while True:
                    held += os.write(end, b"x" * 4096)
            except BlockingIOError:
                pass
        if held > memory_mb * 2**20:
            return f"reached: {held} bytes"
    return "reached"
