# expects: refused
# category: resources
# control: reached
# case blocks (resources): {"mode": 0}
# case blocks_beyond_the_end (resources): {"mode": 1}
"""Have the file system set blocks aside, which takes no time at all, before anybody looks."""

import ctypes
import os


def main(mode, scratch_mb, **_):
    libc = ctypes.CDLL(None, use_errno=True)
    fd = os.open("file", os.O_CREAT | os.O_RDWR)
    size = ctypes.c_long(scratch_mb * 2**20)
    came = libc.fallocate(fd, mode, ctypes.c_long(0), size)
    os.close(fd)
    os.unlink("file")
    return "refused" if came < 0 else "reached"
