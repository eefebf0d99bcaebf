# expects: refused
# category: descriptors
# control: reached
"""Use one end of an allowed pair to reach another socket."""

import socket


def main(unix_datagram, **_):
    try:
        socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)[0].sendto(b"x", unix_datagram)
    except OSError:
        return "refused"
    return "reached"
