"""The list of a process's mappings, the one file in /proc that a script may read where it sees /proc at all.

threadpoolctl, and so scikit-learn, reads it to find libraries. It tells a script nothing that is not in its own memory.
"""

from __future__ import annotations

import os

PATH = "/proc/self/maps"


def hold(pid: int) -> int | None:
    """Keep the kernel from forgetting a child's list while it lives; return the descriptor that does.

    Landlock grants an inode, and a file in /proc gets another when it is looked up after the kernel has forgotten its
    name, for want of memory.
    """
    try:
        return os.open(PATH.replace("self", str(pid)), os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return None  # there is no /proc, or no such process any more
