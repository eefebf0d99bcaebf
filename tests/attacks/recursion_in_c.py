# expects: script_exited
# category: processes
# control: any
"""Overflow the C stack."""

import sys


def main(**_):
    sys.setrecursionlimit(2**30)
    nested = []
    for _ in range(10**6):
        nested = [nested]
    return repr(nested)
