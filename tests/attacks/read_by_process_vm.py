# expects: refused
# category: processes
# control: any
"""Read the service's memory (process_vm_readv)."""

import ctypes
import os


def main(service_pid, **_):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(310, service_pid, 0, 0, 0, 0, 0) >= 0:
        return "reached"
    error = ctypes.get_errno()
    return "refused" if error in (1, 38) else f"answered: {os.strerror(error)}"
