# expects: refused
# category: descriptors
# control: any
# case above (descriptors): {"by": 0}
# case far_above (descriptors): {"by": 1000}
"""Take a descriptor whose number is above the limit."""

import fcntl
import os


def main(open_files, by, **_):
    for attempt in (lambda number: os.dup2(0, number), lambda number: fcntl.fcntl(0, fcntl.F_DUPFD, number)):
        try:
            attempt(open_files + by)
        except OSError:
            continue
        return "reached"
    return "refused"
