# expects: refused
# category: processes
# control: any
"""Hide the flags of clone from the filter (clone3)."""

import ctypes
import os


def main(**_):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(435, 0, 0) >= 0:
        return "reached"
    error = ctypes.get_errno()
    return "refused" if error in (1, 38) else f"answered: {os.strerror(error)}"
