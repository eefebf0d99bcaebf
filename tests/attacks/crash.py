# expects: script_exited
# category: processes
# control: any
"""Crash the interpreter."""

import ctypes


def main(**_):
    return ctypes.string_at(0)
