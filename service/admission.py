"""Admission control: how much the service takes on at once.

A request passes these gates in turn. At the first it waits in the kernel's queue, at the second in gunicorn's. The
others answer 429 if it would wait for too long.

1. Connections: as many as this process can have open files beside those of its scripts (`divide_open_files`).
2. Threads: gunicorn gives each request one of `Admission.threads`.
3. Long bodies are parsed one at a time (`Admission.parsing`).
4. Requests that are checked, queued or run leave threads for health checks (`Admission.executing`).
5. A checker for the script, by a `PrioritySemaphore` (checkers.py).
6. A slot of the sandbox (sandbox/pool/slots.py).
"""

import math
import os
import resource
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from heapq import heapify, heappop, heappush
from itertools import count

from sandbox import Overloaded, most_open_files
from sandbox.limits import KB
from service.settings import Settings, SettingsError

# Threads beyond those that wait for scripts: for health checks, for errors, and for clients that are slow.
SPARE_THREADS = 64

# Parsing a long body takes so long that many at once would delay everybody: a few wait, and one is parsed at a time.
_LONG_BODY_BYTES = 64 * KB
_LONG_BODIES = SPARE_THREADS // 4
_PARSE_WAIT_SECONDS = 0.2

# The limit on open files, see getrlimit(2). The largest settings need no more; some machines set no limit at all.
_MOST_OPEN_FILES = 2**16
# What Python, gunicorn and the libraries hold, and two for each checker.
_OWN_OPEN_FILES = 64 + 2 * len(os.sched_getaffinity(0))
_FEWEST_CONNECTIONS = 64
_MOST_CONNECTIONS = 4096


class Busy(Exception):
    """A gate did not open in time, because too many other requests are there."""


def divide_open_files(settings: Settings) -> int:
    """Raise this process's limit on open files as far as it may; return how many connections it leaves.

    Each connection takes one file, and each script several. A shell's usual limit of 1024 is a soft one, which every
    process may raise by itself.

    Raises:
        SettingsError: the limit is too low for this many scripts.
    """
    for_scripts = most_open_files(settings.concurrency, settings.warm_start)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = max(soft, _MOST_OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_OPEN_FILES))
    connections = limit - _OWN_OPEN_FILES - for_scripts
    if connections < _FEWEST_CONNECTIONS:
        needed = for_scripts + _OWN_OPEN_FILES + _FEWEST_CONNECTIONS
        raise SettingsError(
            f"SANDBOX_CONCURRENCY, SANDBOX_SPARES: this many scripts need {needed} open files, and this process may "
            f"have {limit}; lower them, or raise that limit (ulimit -n, docker run --ulimit nofile=…)"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    return min(connections, _MOST_CONNECTIONS)


class Admission:
    """The gates within the server's own process."""

    def __init__(self, scripts: int, timeout_seconds: float) -> None:
        """Open the gates.

        Args:
            scripts: how many may run or wait in the sandbox at once.
            timeout_seconds: how long a script may run, and so when to try again.
        """
        self.threads = scripts + SPARE_THREADS
        self._retry_after_seconds = math.ceil(timeout_seconds)
        # However long the checks take, half of the spare threads stay free of them.
        self._executing = threading.BoundedSemaphore(scripts + SPARE_THREADS // 2)
        self._long_bodies = threading.BoundedSemaphore(_LONG_BODIES)
        self._one_long_body = threading.Lock()

    @contextmanager
    def parsing(self, body_bytes: int) -> Iterator[None]:
        """Parse a body of this length; waits for its turn if it is long.

        Raises:
            Overloaded: too many long bodies wait.
        """
        if body_bytes <= _LONG_BODY_BYTES:
            yield
            return
        if not self._long_bodies.acquire(timeout=_PARSE_WAIT_SECONDS):
            raise Overloaded(self._retry_after_seconds)
        try:
            with self._one_long_body:
                yield
        finally:
            self._long_bodies.release()

    @contextmanager
    def executing(self) -> Iterator[None]:
        """Check and run a script.

        Raises:
            Overloaded: too many scripts are checked, wait or run; or a gate behind this one was `Busy`.
        """
        if not self._executing.acquire(blocking=False):
            raise Overloaded(self._retry_after_seconds)
        try:
            yield
        except Busy as error:
            raise Overloaded(self._retry_after_seconds) from error
        finally:
            self._executing.release()


class PrioritySemaphore:
    """A semaphore that serves the lowest priority number first; of equal ones, the one that has waited the longest.

    With a script's length as its priority this is shortest job first: the longer a script is, the longer its check may
    take, and no number of long ones delays a short one.
    """

    def __init__(self, value: int) -> None:
        """Allow this many holders at once."""
        self._lock = threading.Lock()
        self._value = value
        self._waiting: list[tuple[int, int, threading.Event]] = []
        self._arrivals = count()

    def acquire(self, priority: int, timeout_seconds: float) -> bool:
        """Wait until it is free for this caller; return false if it was not free in time."""
        with self._lock:
            if self._value:
                self._value -= 1
                return True
            waiter = (priority, next(self._arrivals), threading.Event())
            heappush(self._waiting, waiter)
        if waiter[2].wait(timeout_seconds):
            return True
        with self._lock:
            if waiter[2].is_set():  # since the wait ended
                return True
            self._waiting.remove(waiter)
            heapify(self._waiting)
            return False

    def release(self) -> None:
        """Let in whoever comes next."""
        with self._lock:
            if self._waiting:
                heappop(self._waiting)[2].set()
            else:
                self._value += 1
