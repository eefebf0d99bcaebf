"""Finds the script that fills the disk by files without a name, which no walk through its folder finds.

A file that is unlinked while it is open takes space until it is closed. The kernel does not tell whose it is. It tells
how much space the file system has lost, and, once a process has stopped, how much it has ever written (`ru_oublock`,
getrusage(2)). So if the file system loses much, every script is stopped for a moment.
"""

from __future__ import annotations

import os
from signal import SIGCONT, SIGSTOP
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    import resource
    from collections.abc import Collection

_BLOCK_BYTES = 512
# A slower loss is the work of others, such as logs.
_WINDOW_SECONDS = 60.0
# From one look to the next.
_LOOK_SECONDS = 0.05
# How long a script may take to stop.
_STOP_SECONDS = 1.0


class DiskWatch:
    """Watches the file system that holds the scratch folders.

    Attributes:
        due: when to look next, on the monotonic clock.
    """

    def __init__(self, folder: str, limit_bytes: int) -> None:
        """Take the folder of the scratch folders, and how much each may hold."""
        self.due = 0.0
        self._folder = folder
        self._limit_bytes = limit_bytes
        self._most_free = 0
        self._since = -_WINDOW_SECONDS
        self._ask_from = 2 * limit_bytes
        self._lost = 0
        self._asked: set[int] = set()
        self._ask_until = 0.0
        self._late: set[int] = set()  # those that were asked to stop and have not yet
        self._written: dict[int, int] = {}
        self._judged = True

    def look(self, pids: Collection[int]) -> None:
        """Stop these scripts if the file system has lost more than any of them may take."""
        now = monotonic()
        self.due = now + _LOOK_SECONDS
        if not self._judged:
            return
        status = os.statvfs(self._folder)
        free = status.f_bfree * status.f_frsize
        if now - self._since > _WINDOW_SECONDS:
            self._since, self._most_free = now, free
        self._most_free = max(self._most_free, free)
        lost = self._most_free - free
        if lost < self._limit_bytes:
            self._ask_from = 2 * self._limit_bytes
        if lost > self._ask_from:
            self._lost = lost
            self._asked, self._written, self._ask_until = set(pids), {}, now + _STOP_SECONDS
            self._judged = False
            for pid in pids:
                os.kill(pid, SIGSTOP)

    def count(self, pid: int, usage: resource.struct_rusage) -> bool:
        """Count what a stopped script has written, and continue it; return whether it was asked to stop."""
        if pid not in self._asked and pid not in self._late:
            return False
        self._asked.discard(pid)
        self._late.discard(pid)
        self._written[pid] = usage.ru_oublock * _BLOCK_BYTES
        self._judged = False
        os.kill(pid, SIGCONT)
        return True

    def culprit(self) -> int:
        """Return the script to kill; 0 if there is none, or if not all have been counted yet.

        A script that does not stop in time, such as one that waits for the disk, is counted when it does.
        """
        if self._judged or (self._asked and monotonic() < self._ask_until):
            return 0
        self._judged = True
        self._late |= self._asked
        self._asked = set()
        written = self._written
        if not written:
            return 0
        pid = max(written, key=written.__getitem__)
        # Each of them may have as much as its limit in its folder.
        explained_bytes = sum(min(one, self._limit_bytes) for one in written.values())
        if written[pid] > 2 * self._limit_bytes and self._lost > explained_bytes + self._limit_bytes:
            return pid
        self._ask_from = self._lost + self._limit_bytes
        return 0

    def forget(self, pid: int) -> None:
        """Stop waiting for a script that has died."""
        self._asked.discard(pid)
        self._late.discard(pid)
        self._written.pop(pid, None)
