"""Numbers for spares: a spare's user id follows from its number, and no two that live have the same."""

import threading


class UidPool:
    """Hands out numbers of which, modulo a count, no two are in use at once.

    One that was given back is handed out after all others, so that what is left of its spare has time to go.
    """

    def __init__(self, count: int) -> None:
        """Take how many different ones there are; more than are ever in use at once."""
        self._count = count
        self._next = 0
        self._in_use: set[int] = set()
        self._lock = threading.Lock()

    def take(self) -> int:
        """Return a number from 0 to `count` - 1 that nobody has."""
        with self._lock:
            while self._next in self._in_use:
                self._next = (self._next + 1) % self._count
            number = self._next
            self._in_use.add(number)
            self._next = (number + 1) % self._count
        return number

    def give_back(self, number: int) -> None:
        """Let another have the number; nothing happens where it was given back before."""
        with self._lock:
            self._in_use.discard(number)
