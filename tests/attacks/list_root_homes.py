# expects: refused
# category: files
# control: reached
"""Look into a folder of others."""

import os


def main(home_of_others, **_):
    try:
        os.listdir(home_of_others)
    except OSError:
        return "refused"
    return "reached"
