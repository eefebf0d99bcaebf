# expects: refused
# category: privilege
# control: any
"""Raise a limit."""

import resource


def main(**_):
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 2**20))
    except (OSError, ValueError):
        return "refused"
    return "reached"
