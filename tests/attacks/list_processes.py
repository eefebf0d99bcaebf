# expects: refused
# category: processes
# control: reached
"""See who else runs."""

import os


def main(**_):
    try:
        os.listdir("/proc")
    except OSError:
        return "refused"
    return "reached"
