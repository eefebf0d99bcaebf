# expects: refused
# category: files
# control: reached
"""Change the mode of a folder that belongs to the service's user, to what it is already."""

import os


def main(**_):
    try:
        os.chmod("..", os.stat("..").st_mode & 0o7777)
    except OSError:
        return "refused"
    return "reached"
