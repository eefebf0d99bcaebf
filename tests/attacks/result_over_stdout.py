# expects: script_exited
# category: descriptors
# control: any
"""Have the result written to stdout."""

import os


def main(**_):
    os.dup2(1, 3)
    return 1
