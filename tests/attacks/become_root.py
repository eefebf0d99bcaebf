# expects: refused
# category: privilege
# control: any
"""Take root's user id."""

import os


def main(**_):
    try:
        os.setresuid(0, 0, 0)
    except OSError:
        return "refused"
    return "reached"
