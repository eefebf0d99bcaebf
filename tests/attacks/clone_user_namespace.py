# expects: refused
# category: privilege
# control: any
"""Get privileges in a new user namespace (clone)."""

import ctypes
import os


def main(**_):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(56, 0x10000000 | 17, 0, 0, 0, 0) >= 0:
        return "reached"
    error = ctypes.get_errno()
    return "refused" if error in (1, 38) else f"answered: {os.strerror(error)}"
