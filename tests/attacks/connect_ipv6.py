# expects: refused
# category: network
# control: reached
"""Open a socket of the other family."""

import socket


def main(**_):
    try:
        socket.socket(socket.AF_INET6).close()
    except OSError:
        return "refused"
    return "reached"
