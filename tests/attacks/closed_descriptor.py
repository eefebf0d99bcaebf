# expects: refused
# category: descriptors
# control: any
# case read (descriptors): {"act": "read"}
# case write (descriptors): {"act": "write"}
# case copy (descriptors): {"act": "copy"}
# case unread (descriptors): {"act": "unread"}
# case receive (descriptors): {"act": "receive"}
# case close (descriptors): {"act": "close"}
"""Use what was open here before the script began: the job pipe, the control sockets, the jail's log."""

import ctypes
import fcntl
import os
import termios

libc = ctypes.CDLL(None, use_errno=True)


def receive(fd):
    if libc.recv(fd, ctypes.create_string_buffer(1), 1, 0x40) < 0:
        raise OSError(ctypes.get_errno(), "refused")


ACTS = {
    "read": lambda fd: os.read(fd, 1),
    "write": lambda fd: os.write(fd, b""),
    "copy": os.dup,
    "unread": lambda fd: fcntl.ioctl(fd, termios.FIONREAD, bytes(4)),
    "receive": receive,
    "close": os.close,
}


def main(act, **_):
    for fd in range(4, 1024):
        try:
            ACTS[act](fd)
        except OSError:
            continue
        return f"reached {fd}"
    return "refused"
