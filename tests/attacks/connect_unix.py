# expects: refused
# category: network
# control: reached
"""Talk to a Unix socket of this machine."""

import socket


def main(unix_socket, **_):
    try:
        socket.socket(socket.AF_UNIX).connect(unix_socket)
    except OSError:
        return "refused"
    return "reached"
