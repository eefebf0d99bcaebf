# expects: refused
# category: kernel
# control: reached
"""Work through io_uring, which no filter sees."""

import ctypes
import os


def main(**_):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(425, 1, ctypes.byref(ctypes.create_string_buffer(120))) >= 0:
        return "reached"
    error = ctypes.get_errno()
    return "refused" if error in (1, 38) else f"answered: {os.strerror(error)}"
