# expects: refused or script_error
# category: resources
# control: reached
# case kept_by_descriptors (resources): {"keep": "descriptor"}
# case kept_by_mappings (resources): {"keep": "mapping"}
# case kept_by_who_does_not_stop (resources): {"keep": "descriptor", "go_on": true}
"""Fill a multiple of the scratch space with files that have no name any more."""

import ctypes
import mmap
import os
import signal
import threading
import time

TIMES = 8


def continue_for_ever():
    libc = ctypes.CDLL(None)
    while libc.kill(os.getpid(), signal.SIGCONT) == 0:
        pass


def main(scratch_mb, keep, go_on=False, **_):
    held = []
    for _ in range(8 if go_on else 0):
        threading.Thread(target=continue_for_ever, daemon=True).start()
    try:
        for _ in range(TIMES * scratch_mb // 4):
            fd = os.open("file", os.O_CREAT | os.O_RDWR)
            os.unlink("file")
            for _ in range(4):
                os.write(fd, b"x" * 2**20)
            held.append(fd if keep == "descriptor" else mmap.mmap(fd, 4096))
            if keep == "mapping":
                os.close(fd)
            time.sleep(0.02)
    except OSError:
        return "refused"
    time.sleep(0.5)
    return "reached"
