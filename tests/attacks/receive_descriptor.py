# expects: refused
# category: descriptors
# control: reached
"""Receive descriptors over a socket."""

import socket


def main(**_):
    one, other = socket.socketpair()
    one.send(b"x")
    try:
        socket.recv_fds(other, 1, 1)
    except OSError:
        return "refused"
    return "reached"
