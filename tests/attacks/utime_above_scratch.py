# expects: refused
# category: files
# control: reached
"""Change the times of a folder that belongs to the service's user, to what they are already."""

import os


def main(**_):
    there = os.stat("..")
    try:
        os.utime("..", ns=(there.st_atime_ns, there.st_mtime_ns))
    except OSError:
        return "refused"
    return "reached"
