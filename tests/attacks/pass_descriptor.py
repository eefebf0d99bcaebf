# expects: refused
# category: descriptors
# control: reached
"""Stow away descriptors in a socket, beyond every count of open files."""

import socket


def main(**_):
    try:
        one, other = socket.socketpair()
        socket.send_fds(one, [b"x"], [0])
    except OSError:
        return "refused"
    return "reached"
