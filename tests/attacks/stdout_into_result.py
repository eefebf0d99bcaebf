# expects: script_exited
# category: descriptors
# control: any
"""Have what is printed come before the result."""

import os


def main(**_):
    os.dup2(3, 1)
    print("{}")
    return 1
