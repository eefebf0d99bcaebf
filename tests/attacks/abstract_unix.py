# expects: refused
# category: network
# control: reached
"""Meet other scripts at an abstract Unix socket."""

import socket


def main(**_):
    try:
        socket.socket(socket.AF_UNIX).bind("\0tests-abstract")
    except OSError:
        return "refused"
    return "reached"
