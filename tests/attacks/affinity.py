# expects: refused
# category: processes
# control: reached
"""Choose a CPU."""

import os


def main(**_):
    try:
        os.sched_setaffinity(0, {0})
    except OSError:
        return "refused"
    return "reached"
