# expects: refused
# category: network
# control: reached
"""Listen for others."""

import socket


def main(**_):
    try:
        socket.socket().bind(("127.0.0.1", 0))
    except OSError:
        return "refused"
    return "reached"
