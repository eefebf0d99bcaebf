"""Finds what keeps users without any rights of their own, as scripts and the HTTP server are, from files they need."""

import os
import stat
from collections.abc import Iterable
from pathlib import Path


def find_closed(paths: Iterable[str | Path]) -> str:
    """Return the first folder or file, with its mode, that others than its owner cannot get through, or not read.

    Args:
        paths: what has to be read; each that is a folder stands for what is in it.

    Returns:
        words for a message; nothing where everything is open.
    """
    for path in paths:
        real = Path(os.path.realpath(path))
        for part in (*reversed(real.parents), real):
            try:
                mode = part.stat().st_mode
            except OSError:
                return f"{part} (which cannot be looked at)"
            needed = stat.S_IXOTH if part.is_dir() else 0
            if part == real:
                needed |= stat.S_IROTH
            if mode & needed != needed:
                return f"{part} (mode {stat.S_IMODE(mode):04o})"
    return ""
