# expects: refused
# category: processes
# control: reached
"""Become another program."""

import os


def main(**_):
    try:
        try:
            os.execv("/no-such-program", ["x"])
        except FileNotFoundError:
            pass
    except OSError:
        return "refused"
    return "reached"
