# expects: refused or script_error or slow
# category: resources
# control: any
"""Fill the file system with names that hold a block each, and no file."""

import os
import time


def main(**_):
    until = time.monotonic() + 8
    try:
        for number in range(20000):
            os.symlink("x" * 4000, f"{number}")
            if time.monotonic() > until:
                return "slow"
    except OSError:
        return "refused"
    time.sleep(1)
    return "reached"
