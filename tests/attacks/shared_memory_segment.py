# expects: refused
# category: kernel
# control: reached
"""Leave a shared memory segment (shmget)."""

import ctypes
import os


def main(**_):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(29, 0, 4096, 0o600 | 0o1000) >= 0:
        return "reached"
    error = ctypes.get_errno()
    return "refused" if error in (1, 38) else f"answered: {os.strerror(error)}"
