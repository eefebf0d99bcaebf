# expects: refused
# category: privilege
# control: any
"""Be root, or have a capability."""

import ctypes
import os


def main(**_):
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    sets = (ctypes.c_uint32 * 6)()
    answer = ctypes.CDLL(None, use_errno=True).capget(header, sets)
    if os.getuid() == 0 or os.getgid() == 0:
        return "root"
    return "refused" if answer < 0 or not any(sets) else list(sets)
