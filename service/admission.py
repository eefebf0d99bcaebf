"""The gates of admission: how many requests may be parsed, and how many checked, queued or run at once."""

import math
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from sandbox import Overloaded
from sandbox.limits import KB
from service.gunicorn_config import SPARE_THREADS

# A long body takes long to parse, and many at once would delay everybody: a few wait, and one is parsed at a time.
_LONG_BODY_BYTES = 64 * KB
_MOST_LONG_BODIES = SPARE_THREADS // 4
_PARSE_WAIT_SECONDS = 0.2


class Admission:
    """Lets requests in while there is room for them, and leaves threads free for health checks."""

    def __init__(self, capacity: int, timeout_seconds: float) -> None:
        """Open the gates.

        Args:
            capacity: how many scripts may run or wait at once.
            timeout_seconds: how long a script may run, after which there is room again.
        """
        # Checks may take long too; half of the spare threads stay free of them.
        self._scripts = threading.BoundedSemaphore(capacity + SPARE_THREADS // 2)
        self._long_bodies = threading.BoundedSemaphore(_MOST_LONG_BODIES)
        self._parsing = threading.Lock()
        self._retry_after_seconds = math.ceil(timeout_seconds)

    def overloaded(self) -> Overloaded:
        """Return the error for a request that finds no room."""
        return Overloaded(self._retry_after_seconds)

    def parse(self, length_bytes: int) -> AbstractContextManager[None]:
        """Hold the room to parse a body.

        Raises:
            Overloaded: too many long bodies wait to be parsed.
        """
        return nullcontext() if length_bytes <= _LONG_BODY_BYTES else self._parse_long()

    @contextmanager
    def _parse_long(self) -> Iterator[None]:
        if not self._long_bodies.acquire(timeout=_PARSE_WAIT_SECONDS):
            raise self.overloaded()
        try:
            with self._parsing:
                yield
        finally:
            self._long_bodies.release()

    @contextmanager
    def script(self) -> Iterator[None]:
        """Hold the room to check and run a script.

        Raises:
            Overloaded: too many scripts are checked, wait or run.
        """
        if not self._scripts.acquire(blocking=False):
            raise self.overloaded()
        try:
            yield
        finally:
            self._scripts.release()
