# expects: 1
# category: results
# control: any
# case not_utf8 (results): {"name": "\u00ff\u00fe"}
# case lines (results): {"name": "a\nPid:\t1\n"}
"""Have a name, as the kernel tells it of a process, that breaks what reads it."""

import ctypes
import time

PR_SET_NAME = 15


def main(name, **_):
    ctypes.CDLL(None).prctl(PR_SET_NAME, name.encode("latin-1"), 0, 0, 0)
    time.sleep(0.5)
    return 1
