# expects: refused
# category: processes
# control: any
"""Hold on to the service (pidfd_open)."""

import ctypes
import os


def main(service_pid, **_):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(434, service_pid, 0) >= 0:
        return "reached"
    error = ctypes.get_errno()
    return "refused" if error in (1, 38) else f"answered: {os.strerror(error)}"
