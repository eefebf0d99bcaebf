"""What a server holds when nothing is going on: to see that it holds no more after it was abused."""

import time

import psutil

from tests.conftest import Server
from tests.sandbox.conftest import wait_until_idle

# A connection that was given up lingers; a script whose client has gone runs on to its end.
_SECONDS = 60.0
_SETTLED_SECONDS = 1.5


def settled_descriptors(server: Server) -> int:
    """Return how many descriptors gunicorn and its worker have open once that does not change any more.

    A spare is a process before its descriptors arrive.
    """
    settled_since = time.monotonic()
    found = descriptors(server)
    while time.monotonic() < settled_since + _SETTLED_SECONDS:
        time.sleep(0.05)
        before, found = found, descriptors(server)
        if found != before:
            settled_since = time.monotonic()
    return found


def descriptors(server: Server) -> int:
    """Return how many descriptors gunicorn and its worker have open, once no script runs any more."""
    wait_until_idle(server, server.isolation() or "none", "warm")
    return sum(process.num_fds() for process in gunicorn(server))


def gunicorn(server: Server) -> list[psutil.Process]:
    """Return gunicorn's two processes."""
    [worker] = server.main.children()
    return [server.main, worker]


def wait_for_descriptors(server: Server, expected: int) -> None:
    """Wait until gunicorn has no more descriptors open than when nothing goes on, nor the sandbox more processes."""
    until = time.monotonic() + _SECONDS
    while (found := descriptors(server)) > expected:
        assert time.monotonic() < until, f"{found} descriptors instead of {expected}"
        time.sleep(0.05)
