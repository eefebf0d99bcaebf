# expects: memory_limit
# category: resources
# control: any
"""Take more memory than there is for a script."""


def main(memory_mb, **_):
    return len(bytearray((memory_mb + 64) * 2**20))
