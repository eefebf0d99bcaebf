# expects: refused
# category: files
# control: any
"""Change Python for the scripts to come."""

import os


def main(**_):
    try:
        os.access(os.__file__, os.W_OK) or open(os.__file__, "r+").close()
    except OSError:
        return "refused"
    return "reached"
