"""Finds the files that scripts and the HTTP server need, and that users without rights of their own cannot read."""

import os
import stat
from collections.abc import Iterable
from pathlib import Path


def find_closed(paths: Iterable[str | Path]) -> str:
    """Return the first folder or file that is closed to others than its owner, with its mode.

    Args:
        paths: what has to be readable; a folder stands for what is in it.

    Returns:
        words for a message; empty if everything is open.
    """
    for path in paths:
        real = Path(os.path.realpath(path))
        for part in (*reversed(real.parents), real):
            try:
                mode = part.stat().st_mode
            except OSError:
                return f"{part} (which cannot be examined)"
            needed = stat.S_IXOTH if part.is_dir() else 0
            if part == real:
                needed |= stat.S_IROTH
            if mode & needed != needed:
                return f"{part} (mode {stat.S_IMODE(mode):04o})"
    return ""
