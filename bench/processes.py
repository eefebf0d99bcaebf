"""What processes hold of the machine. Only root may read it of all."""

import contextlib
import ctypes
import os
import platform
from collections.abc import Iterable
from pathlib import Path

import psutil

_PR_SET_CHILD_SUBREAPER = 36
_SYS_KCMP = {"x86_64": 312, "aarch64": 272}[platform.machine()]
_KCMP_VM = 1

_libc = ctypes.CDLL(None, use_errno=True)


def require_root() -> None:
    """Exit if this process may not examine jailed processes.

    Raises:
        SystemExit: this is not root.
    """
    if os.geteuid() != 0:
        raise SystemExit("Run this as root: only root may read what jailed processes hold.")


def memory_mib(processes: Iterable[psutil.Process]) -> float:
    """Return the memory of processes in MiB: the sum of their proportional set sizes (PSS).

    The first processes of the spares' process namespaces have no memory of their own, but that of their zygote, which
    the kernel would count again for each.
    """
    used = 0
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            if not has_memory_of(process.pid, process.ppid()):
                used += process.memory_full_info().pss
    return used / 2**20


def has_memory_of(pid: int, other: int) -> bool:
    """Return whether two processes share one address space; see kcmp(2)."""
    order: int = _libc.syscall(_SYS_KCMP, pid, other, _KCMP_VM, 0, 0)
    return order == 0


def zombies(processes: Iterable[psutil.Process]) -> int:
    """Return how many of the processes are zombies."""
    found = 0
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            found += process.status() == psutil.STATUS_ZOMBIE
    return found


def descriptors(processes: Iterable[psutil.Process]) -> int:
    """Return how many descriptors the processes have open."""
    found = 0
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            found += process.num_fds()
    return found


def mounts(processes: Iterable[psutil.Process]) -> int:
    """Return how many mounts there are in mount namespaces other than this process's, each namespace counted once."""
    own = Path("/proc/self/ns/mnt").readlink()
    tables = {}
    for process in processes:
        proc = Path(f"/proc/{process.pid}")
        with contextlib.suppress(OSError):  # it has ended
            namespace = (proc / "ns" / "mnt").readlink()
            if namespace != own:
                tables[namespace] = len((proc / "mounts").read_text().splitlines())
    return sum(tables.values())
