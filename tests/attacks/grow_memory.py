# expects: refused
# category: resources
# control: any
# case heap (resources): {"act": "heap"}
# case remap (resources): {"act": "remap"}
# case pieces (resources): {"act": "pieces"}
"""Come to more memory than there is for a script little by little."""

import ctypes
import mmap

libc = ctypes.CDLL(None, use_errno=True)
libc.sbrk.restype = libc.mremap.restype = libc.mmap.restype = ctypes.c_long
STEP = 2**20
piece = {}


def heap():
    return libc.sbrk(ctypes.c_long(STEP)) != -1


def remap():
    if not piece:
        piece.update(start=libc.mmap(None, ctypes.c_size_t(STEP), 3, 34, -1, ctypes.c_long(0)), size=STEP)
    size = piece["size"] + STEP
    start = libc.mremap(ctypes.c_long(piece["start"]), ctypes.c_size_t(piece["size"]), ctypes.c_size_t(size), 1)
    piece.update(start=start, size=size)
    return start != -1


def pieces():
    return libc.mmap(None, ctypes.c_size_t(STEP), 0, 34, -1, ctypes.c_long(0)) != -1


def main(memory_mb, act, **_):
    for _ in range(memory_mb + 64):
        if not {"heap": heap, "remap": remap, "pieces": pieces}[act]():
            return "refused"
    return "reached"
