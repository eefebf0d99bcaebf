# expects: refused
# category: privilege
# control: any
"""Mount something, of a type that there is not."""

import ctypes
import os


def main(**_):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(165, b"none", b"/tmp", b"no-such-type", 0, 0) >= 0:
        return "reached"
    error = ctypes.get_errno()
    return "refused" if error in (1, 38) else f"answered: {os.strerror(error)}"
