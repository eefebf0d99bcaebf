# expects: refused
# category: files
# control: reached
"""Leave a file where anybody may write."""

import os


def main(**_):
    try:
        open(f"/var/tmp/attack-{os.getpid()}", "x").close()
        os.unlink(f"/var/tmp/attack-{os.getpid()}")
    except OSError:
        return "refused"
    return "reached"
