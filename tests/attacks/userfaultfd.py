# expects: refused
# category: kernel
# control: any
"""Handle page faults (userfaultfd)."""

import ctypes
import os


def main(**_):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(323, 1) >= 0:
        return "reached"
    error = ctypes.get_errno()
    return "refused" if error in (1, 38) else f"answered: {os.strerror(error)}"
