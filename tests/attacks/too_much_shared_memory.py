# expects: refused
# category: resources
# control: any
"""Take it as shared pages, which some limits do not count."""

import mmap


def main(memory_mb, **_):
    try:
        pages = mmap.mmap(-1, (memory_mb + 64) * 2**20)
    except OSError:
        return "refused"
    return len(pages)
