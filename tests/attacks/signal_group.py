# expects: refused
# category: processes
# control: reached
"""Signal the process group."""

import os


def main(**_):
    try:
        os.kill(0, 0)
    except OSError:
        return "refused"
    return "reached"
