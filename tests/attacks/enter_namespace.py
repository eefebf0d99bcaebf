# expects: refused
# category: privilege
# control: any
"""Enter the namespace of another process (setns)."""

import ctypes
import os


def main(**_):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(308, 0, 0) >= 0:
        return "reached"
    error = ctypes.get_errno()
    return "refused" if error in (1, 38) else f"answered: {os.strerror(error)}"
