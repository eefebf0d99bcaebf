# expects: script_exited
# category: kernel
# control: any
"""Call by the x32 table, which a filter for x86-64 alone would not know."""

import ctypes


def main(**_):
    return ctypes.CDLL(None).syscall(0x40000000 | 39)
