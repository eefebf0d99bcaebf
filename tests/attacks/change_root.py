# expects: refused
# category: files
# control: any
"""Change the root folder."""

import os


def main(**_):
    try:
        os.chroot(".")
    except OSError:
        return "refused"
    return "reached"
