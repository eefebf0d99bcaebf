"""Watches a running script's process for what no resource limit bounds; see proc_pid_status(5)."""

import re
from dataclasses import dataclass
from pathlib import Path

from ..limits import MB, Limits
from ..outcome import End

# How long an excess may last before it is seen.
LOOK_SECONDS = 0.1
# Page tables take a 512th of densely used memory; the bytes are for those of libraries.
_TABLES_SHARE = 256
_TABLES_BYTES = 16 * MB
# Patterns of bytes: the first line holds a name of the script's choice, in which the kernel escapes line feeds only.
_PID = re.compile(rb"^Pid:\t([1-9]\d*)$", re.MULTILINE)
_THREADS = re.compile(rb"^Threads:\t(\d+)$", re.MULTILINE)
_TABLES = re.compile(rb"^VmPTE:\s+(\d+) kB$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Excess:
    """What a script has too much of.

    Attributes:
        end: how the script ends for it.
        sentence: words for its caller.
    """

    end: End
    sentence: str


def look_for_excess(pidfd: int, limits: Limits) -> Excess | None:
    """Return what a process has too much of; None if there is nothing, or if it has exited.

    Args:
        pidfd: the process, see pidfd_open(2).
        limits: what it may use.
    """
    try:
        found = _PID.search(Path(f"/proc/self/fdinfo/{pidfd}").read_bytes())
        status = Path(f"/proc/{int(found[1])}/status").read_bytes() if found else b""
    except OSError:
        return None
    # RLIMIT_NPROC bounds a script's threads only if no other script has its user id.
    if _number(_THREADS, status) > limits.threads:
        return Excess(End.SCRIPT_ERROR, f"The script had more than {limits.threads} threads.")
    # Scattered pages need a table each, which RLIMIT_AS does not count.
    tables_bytes = _TABLES_BYTES + limits.memory_bytes // _TABLES_SHARE
    if _number(_TABLES, status) * 1024 > tables_bytes:
        return Excess(End.MEMORY_LIMIT, f"The script's page tables took more than {tables_bytes // MB} MB.")
    return None


def _number(pattern: re.Pattern[bytes], status: bytes) -> int:
    found = pattern.search(status)
    return int(found[1]) if found else 0
