# expects: refused or script_error
# category: resources
# control: any
"""Fill the file system with names that hold a block each, and no file."""

import os
import time


def main(**_):
    try:
        for number in range(20000):
            os.symlink("x" * 4000, f"{number}")
    except OSError:
        return "refused"
    time.sleep(1)
    return "reached"
