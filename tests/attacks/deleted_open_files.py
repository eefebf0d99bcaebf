# expects: refused or script_error
# category: resources
# control: reached
# case kept_by_descriptors (resources): {"keep": "descriptor"}
# case kept_by_mappings (resources): {"keep": "mapping"}
"""Fill a multiple of the scratch space with files that have no name any more."""

import mmap
import os
import time

TIMES = 8


def main(scratch_mb, keep, **_):
    held = []
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
