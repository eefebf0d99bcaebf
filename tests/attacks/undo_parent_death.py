# expects: refused
# category: processes
# control: reached
"""Outlive the parent (PR_SET_PDEATHSIG)."""

import ctypes
import os


def main(**_):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(157, 1, 0, 0, 0, 0) >= 0:
        return "reached"
    error = ctypes.get_errno()
    return "refused" if error in (1, 38) else f"answered: {os.strerror(error)}"
