"""What processes hold of the machine. Only root may read it of all."""

import contextlib
import ctypes
import os
from collections.abc import Iterable
from pathlib import Path

import psutil

_PR_SET_CHILD_SUBREAPER = 36


def require_root() -> None:
    """Leave where jailed processes cannot be looked into.

    Raises:
        SystemExit: this is not root.
    """
    if os.geteuid() != 0:
        raise SystemExit("Run this as root: nobody else may read what jailed processes hold.")


def adopt_orphans() -> None:
    """Have this process inherit what its descendants leave behind, so that it stays a descendant; see prctl(2)."""
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "PR_SET_CHILD_SUBREAPER")


def memory_mib(processes: Iterable[psutil.Process]) -> float:
    """Return the memory of processes in MiB: the sum of their proportional set sizes (PSS)."""
    used = 0
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            used += process.memory_full_info().pss
    return used / 2**20


def mounts(processes: Iterable[psutil.Process]) -> int:
    """Return how many mounts there are in all the mount namespaces of processes, each namespace counted once."""
    tables = {}
    for process in processes:
        proc = Path(f"/proc/{process.pid}")
        tables[(proc / "ns" / "mnt").readlink()] = len((proc / "mounts").read_text().splitlines())
    return sum(tables.values())
