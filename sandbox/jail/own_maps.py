"""The list of a process's mappings: the one file in /proc that a script may read, if it sees /proc at all.

threadpoolctl, and so scikit-learn, reads it to find libraries. It tells a script only about its own memory.
"""

from __future__ import annotations

import os

PATH = "/proc/self/maps"


def hold(pid: int) -> int | None:
    """Open a child's list, so that it keeps its inode while the child lives; return the descriptor.

    Landlock grants an inode. If memory is short, the kernel may forget the name of a file in /proc, and give the file
    another inode at the next lookup.
    """
    try:
        return os.open(PATH.replace("self", str(pid)), os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return None  # there is no /proc, or the process has exited
