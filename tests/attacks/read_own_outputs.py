# expects: refused
# category: descriptors
# control: any
"""Read from the pipes that this process writes to, or make them readable."""

import fcntl
import os


def main(**_):
    for fd in (1, 2, 3):
        fcntl.fcntl(fd, fcntl.F_SETFL, os.O_RDWR | os.O_NONBLOCK)
        try:
            os.read(fd, 1)
        except OSError:
            fcntl.fcntl(fd, fcntl.F_SETFL, 0)
            continue
        return f"reached {fd}"
    return "refused"
