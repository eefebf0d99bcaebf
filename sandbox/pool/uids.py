"""Hands out user ids for spares: no two living spares have the same."""

import secrets
import threading


class UidPool:
    """Hands out indices into the range of the scripts' user ids.

    An index that was given back comes after all others, so that the remains of its spare have time to disappear. The
    first is random: the kernel counts a user's threads together, and another service on this host has the same range.
    """

    def __init__(self, count: int) -> None:
        """Take how many user ids there are; more than are ever in use at once."""
        self._count = count
        self._next = secrets.randbelow(count)
        self._in_use: set[int] = set()
        self._lock = threading.Lock()

    def take(self) -> int:
        """Return an index from 0 to `count` - 1 that is not in use."""
        with self._lock:
            while self._next in self._in_use:
                self._next = (self._next + 1) % self._count
            uid_index = self._next
            self._in_use.add(uid_index)
            self._next = (uid_index + 1) % self._count
        return uid_index

    def give_back(self, uid_index: int) -> None:
        """Make an index free again; idempotent."""
        with self._lock:
            self._in_use.discard(uid_index)
