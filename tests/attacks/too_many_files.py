# expects: refused
# category: resources
# control: any
"""Open files until there are no more."""

import os


def main(open_files, **_):
    held = []
    try:
        for _ in range(open_files * 2):
            held.append(os.open("/dev/null", os.O_RDONLY))
    except OSError:
        return "refused"
    return len(held)
