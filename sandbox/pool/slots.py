"""Bounds how many scripts run at once, and how many wait."""

import math
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import Overloaded


class Slots:
    """Slots for running scripts, each with a number from 0, and a bounded queue for them.

    The queue is as long as the slots, so that no script waits longer than one timeout.

    Attributes:
        admitted: how many scripts run or wait now.
    """

    def __init__(self, count: int, timeout_seconds: float) -> None:
        """Make `count` free slots for scripts that run at most `timeout_seconds`."""
        self._free: queue.SimpleQueue[int] = queue.SimpleQueue()
        for number in range(count):
            self._free.put(number)
        self._count = count
        self.admitted = 0
        self._timeout_seconds = timeout_seconds
        self._lock = threading.Lock()

    @property
    def capacity(self) -> int:
        """How many scripts may run or wait at once."""
        return 2 * self._count

    @contextmanager
    def claim(self) -> Iterator[int]:
        """Wait for a slot and hold it.

        Raises:
            Overloaded: every slot is busy and the queue is full.
        """
        with self._lock:
            if self.admitted >= self.capacity:
                raise Overloaded(math.ceil(self._timeout_seconds))
            self.admitted += 1
        try:
            number = self._free.get()
            try:
                yield number
            finally:
                self._free.put(number)
        finally:
            with self._lock:
                self.admitted -= 1
