# expects: script_exited
# category: descriptors
# control: any
"""Close the channel of the result, and return."""

import os


def main(**_):
    os.close(3)
    return 1
