# expects: refused
# category: files
# control: reached
"""Make a socket by mknod."""

import os
import stat


def main(**_):
    try:
        os.mknod("node", stat.S_IFSOCK | 0o600)
    except OSError:
        return "refused"
    return "reached"
