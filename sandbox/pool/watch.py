"""Looks at a running script's process for what no limit of its own bounds; see proc_pid_status(5)."""

import re
from dataclasses import dataclass
from pathlib import Path

from ..limits import MB, Limits
from ..outcome import End

# How long it may take until an excess is seen.
LOOK_SECONDS = 0.1
# The page tables of memory that is used densely are a 512th of it. What is left are those of libraries.
_TABLES_SHARE = 256
_TABLES_BYTES = 16 * MB
# Bytes, for the first line has a name of the script's own choice, in which the kernel escapes line feeds only.
_PID = re.compile(rb"^Pid:\t([1-9]\d*)$", re.MULTILINE)
_THREADS = re.compile(rb"^Threads:\t(\d+)$", re.MULTILINE)
_TABLES = re.compile(rb"^VmPTE:\s+(\d+) kB$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Excess:
    """What a script has had too much of.

    Attributes:
        end: what the script is answered.
        sentence: what it was.
    """

    end: End
    sentence: str


def look_for_excess(pidfd: int, limits: Limits) -> Excess | None:
    """Return what a process has too much of; None where it has not, has ended, or cannot be looked at.

    Args:
        pidfd: the process, see pidfd_open(2).
        limits: what it may have.
    """
    try:
        found = _PID.search(Path(f"/proc/self/fdinfo/{pidfd}").read_bytes())
        status = Path(f"/proc/{int(found[1])}/status").read_bytes() if found else b""
    except OSError:
        return None
    # RLIMIT_NPROC bounds them only where no other script has the same user id.
    if _number(_THREADS, status) > limits.threads:
        return Excess(End.SCRIPT_ERROR, f"The script had more than {limits.threads} threads.")
    # Pages here and there, each with a table of its own, take no memory that RLIMIT_AS counts.
    tables_bytes = _TABLES_BYTES + limits.memory_bytes // _TABLES_SHARE
    if _number(_TABLES, status) * 1024 > tables_bytes:
        return Excess(End.MEMORY_LIMIT, f"The script's page tables took more than {tables_bytes // MB} MB.")
    return None


def _number(pattern: re.Pattern[bytes], status: bytes) -> int:
    found = pattern.search(status)
    return int(found[1]) if found else 0
