# expects: refused
# category: processes
# control: any
"""Signal all that may be signalled."""

import os


def main(**_):
    try:
        os.kill(-1, 0)
    except OSError:
        return "refused"
    return "reached"
