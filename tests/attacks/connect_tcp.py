# expects: refused
# category: network
# control: reached
"""Talk to a listener on this machine."""

import socket


def main(port, **_):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
    except OSError:
        return "refused"
    return "reached"
