# expects: refused
# category: network
# control: reached
"""Send a datagram to this machine."""

import socket


def main(port, **_):
    try:
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", port))
    except OSError:
        return "refused"
    return "reached"
