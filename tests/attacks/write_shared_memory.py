# expects: refused
# category: files
# control: reached
"""Leave something in shared memory."""

import os


def main(**_):
    try:
        open(f"/dev/shm/attack-{os.getpid()}", "x").close()
        os.unlink(f"/dev/shm/attack-{os.getpid()}")
    except OSError:
        return "refused"
    return "reached"
