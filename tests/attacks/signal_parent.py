# expects: refused
# category: processes
# control: reached
"""Signal the process that started this one."""

import os


def main(**_):
    try:
        os.kill(os.getppid(), 0)
    except OSError:
        return "refused"
    return "reached"
