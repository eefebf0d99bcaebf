# expects: refused
# category: processes
# control: reached
"""Run a program."""

import os


def main(**_):
    try:
        os.posix_spawn("/bin/true", ["true"], {})
    except OSError:
        return "refused"
    return "reached"
