# expects: refused
# category: descriptors
# control: reached
"""Connect one end of an allowed pair to another socket."""

import socket


def main(unix_datagram, **_):
    try:
        socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)[0].connect(unix_datagram)
    except OSError:
        return "refused"
    return "reached"
