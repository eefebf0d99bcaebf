# expects: refused
# category: processes
# control: reached
"""Start a process."""

import os


def main(**_):
    try:
        os.fork() or os._exit(0)
    except OSError:
        return "refused"
    return "reached"
