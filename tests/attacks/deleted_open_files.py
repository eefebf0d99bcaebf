# expects: refused
# category: resources
# control: reached
# limitation at seccomp, process: Files that it deletes while they are open do not count
"""Fill twice the scratch space with files that have no name any more."""

import os


def main(scratch_mb, **_):
    held = []
    try:
        for _ in range(2 * scratch_mb):
            held.append(os.open("file", os.O_CREAT | os.O_RDWR))
            os.unlink("file")
            os.write(held[-1], b"x" * 2**20)
    except OSError:
        return "refused"
    return "reached"
