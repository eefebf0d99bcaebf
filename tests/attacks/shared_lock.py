# expects: refused
# category: neighbours
# control: reached
# limitation at namespaces, seccomp, process: by locks on the files that all of them read
"""Lock a library that every script reads, as a sign to others."""

import fcntl
import os


def main(**_):
    fd = os.open(os.__file__, os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return "refused"
    return "reached"
