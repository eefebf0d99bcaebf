# expects: refused
# category: descriptors
# control: reached
"""Have the kernel send signals to the service (F_SETOWN)."""

import fcntl
import socket


def main(service_pid, **_):
    try:
        one, other = socket.socketpair()
        fcntl.fcntl(one, 8, service_pid)
    except OSError:
        return "refused"
    return "reached"
