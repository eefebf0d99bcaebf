# expects: refused
# category: processes
# control: any
"""Trace the service (PTRACE_SEIZE, which does not stop it)."""

import ctypes
import os


def main(service_pid, **_):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(101, 0x4206, service_pid, 0, 0) >= 0:
        return "reached"
    error = ctypes.get_errno()
    return "refused" if error in (1, 38) else f"answered: {os.strerror(error)}"
