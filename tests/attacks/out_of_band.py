# expects: refused
# category: kernel
# control: reached
"""Send out-of-band data over a pair of Unix sockets, which has led out of another sandbox (CVE-2025-38236)."""

import socket


def main(**_):
    one, other = socket.socketpair()
    try:
        one.send(b"x", socket.MSG_OOB)
    except OSError:
        return "refused"
    return "reached"
