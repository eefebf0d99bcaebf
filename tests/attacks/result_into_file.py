# expects: script_exited
# category: descriptors
# control: any
"""Have the result written to a file."""

import os


def main(**_):
    os.dup2(os.open("file", os.O_CREAT | os.O_WRONLY), 3)
    return 1
