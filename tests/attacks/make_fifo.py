# expects: refused
# category: files
# control: reached
"""Make a special file."""

import os


def main(**_):
    try:
        os.mkfifo("fifo")
    except OSError:
        return "refused"
    return "reached"
