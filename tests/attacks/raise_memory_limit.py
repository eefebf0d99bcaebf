# expects: refused
# category: privilege
# control: reached
"""Lift the memory limit."""

import resource


def main(**_):
    try:
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    except (OSError, ValueError):
        return "refused"
    return "reached"
