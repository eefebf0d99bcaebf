# expects: refused
# category: network
# control: reached
"""Ask the kernel about its network."""

import socket


def main(**_):
    try:
        socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0).close()
    except OSError:
        return "refused"
    return "reached"
