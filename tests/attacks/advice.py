# expects: refused
# category: neighbours
# control: any
# case drop_file_pages (neighbours): {"call": "fadvise", "advice": 4}
# case cold (neighbours): {"call": "madvise", "advice": 20}
# case page_out (neighbours): {"call": "madvise", "advice": 21}
# case collapse (neighbours): {"call": "madvise", "advice": 25}
# case mergeable (neighbours): {"call": "madvise", "advice": 12}
# case remove (resources): {"call": "madvise", "advice": 9}
# case populate (resources): {"call": "madvise", "advice": 22}
# case unknown (kernel): {"call": "madvise", "advice": 99}
"""Advise the kernel to move pages of a library that every script reads, or to look into those of others."""

import mmap
import os


def main(call, advice, **_):
    fd = os.open(os.__file__, os.O_RDONLY)
    try:
        if call == "fadvise":
            os.posix_fadvise(fd, 0, 0, advice)
        else:
            mmap.mmap(fd, 4096, prot=mmap.PROT_READ).madvise(advice)
    except PermissionError:
        return "refused"
    except OSError as error:
        return f"answered: {error}"
    return "reached"
