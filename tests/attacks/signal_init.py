# expects: refused
# control: any
"""Signal the first process."""

import os


def main(**_):
    if os.getpid() == 1:
        return "refused"  # it is the first process, of a process namespace of its own
    try:
        os.kill(1, 0)
    except OSError:
        return "refused"
    return "reached"
