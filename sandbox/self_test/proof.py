"""Proves again and again that jails hold: once for all that ask at the same time, since a proof takes a jail."""

import threading
import time
from collections.abc import Callable

# How long a result counts, and how long others wait for a proof under way, which takes less.
_FRESH_SECONDS = 1.0
_WAIT_SECONDS = 30.0
_STILL_TRYING = f"the self-test has not ended within {_WAIT_SECONDS:g} s."


class Proof:
    """Proves that jails hold, once at a time; all that ask meanwhile or right afterwards get the same result."""

    def __init__(self, attempt: Callable[[], str | None]) -> None:
        """Take a function that tries to prove it, and returns why jails do not hold; None if they do."""
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
        """Return why jails do not hold; None if they do."""
        asked = time.monotonic()
        if not self._lock.acquire(timeout=_WAIT_SECONDS):
            return _STILL_TRYING
        try:
            # A jail may have failed since they were last seen to hold.
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
