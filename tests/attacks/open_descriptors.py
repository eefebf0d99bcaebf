# expects: refused
# category: descriptors
# control: any
"""Find a descriptor that somebody forgot."""

import os


def main(**_):
    found = []
    for fd in range(4, 4096):
        try:
            os.fstat(fd)
        except OSError:
            continue
        found.append(fd)
    return "reached" if found else "refused"
