# expects: refused
# category: kernel
# control: any
"""Leave a message queue (mq_open)."""

import ctypes
import os


def main(**_):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(240, b"attack", 0o102, 0o600, 0) >= 0:
        libc.syscall(241, b"attack")
        return "reached"
    error = ctypes.get_errno()
    return "refused" if error in (1, 38) else f"answered: {os.strerror(error)}"
