# expects: refused
# category: descriptors
# control: reached
"""Make a pipe hold more (F_SETPIPE_SZ)."""

import fcntl
import os


def main(**_):
    try:
        read_end, write_end = os.pipe()
        fcntl.fcntl(write_end, 1031, 2**20)
    except OSError:
        return "refused"
    return "reached"
