"""Tries whether jails hold: once for everybody who asks at the same time, since a try takes a jail."""

import threading
import time
from collections.abc import Callable

# How long a result counts, and how long others wait for the try that goes on, which takes less.
_FRESH_SECONDS = 1.0
_WAIT_SECONDS = 30.0
_STILL_TRYING = f"whether it holds has not been found out within {_WAIT_SECONDS:g} s."


class Proof:
    """Asks whether jails hold, one try at a time; who asks meanwhile or right afterwards gets the same result."""

    def __init__(self, attempt: Callable[[], str | None]) -> None:
        """Take what tries it: it returns why jails do not hold, None where they do."""
        self._attempt = attempt
        self._lock = threading.Lock()
        self._failed_at = self._held_at = 0.0
        self._began = self._fresh_until = 0.0
        self._refusal: str | None = None

    @property
    def due(self) -> bool:
        """Whether a jail has failed since one was last seen to hold."""
        return self._failed_at > self._held_at

    def failed(self) -> None:
        """Note that a jail has failed."""
        self._failed_at = time.monotonic()

    def held(self) -> None:
        """Note that a jail has held."""
        self._held_at = time.monotonic()

    def refusal(self) -> str | None:
        """Return why jails do not hold, None where they do."""
        asked = time.monotonic()
        if not self._lock.acquire(timeout=_WAIT_SECONDS):
            return _STILL_TRYING
        try:
            # That they held says nothing where one has failed since.
            counts = self._refusal is not None or self._began >= self._failed_at
            if asked > self._fresh_until or not counts:
                self._began = time.monotonic()
                self._refusal = self._attempt()
                self._fresh_until = time.monotonic() + _FRESH_SECONDS
                if self._refusal is None:
                    self._held_at = self._began
            return self._refusal
        finally:
            self._lock.release()
