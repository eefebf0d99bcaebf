# expects: refused
# category: processes
# control: any
"""Signal the first process."""

import os


def main(**_):
    try:
        os.kill(1, 0)
    except OSError:
        return "refused"
    return "reached"
