# expects: refused
# category: resources
# control: reached
# case no_access (resources): {"protection": 0, "flags": 34}
# case no_reserve (resources): {"protection": 3, "flags": 16418}
# case shared (resources): {"protection": 3, "flags": 33}
# case grows_down (resources): {"protection": 3, "flags": 290}
# case read_only (resources): {"protection": 1, "flags": 34}
"""Take more address space than there is memory for a script, by pages that are never touched."""

import ctypes


def main(memory_mb, protection, flags, **_):
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_long
    size = ctypes.c_size_t((memory_mb + 64) * 2**20)
    return "refused" if libc.mmap(None, size, protection, flags, -1, ctypes.c_long(0)) == -1 else "reached"
