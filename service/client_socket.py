"""A client's connection with deadlines, so that a slow client holds a thread for a bounded time only."""

import errno
import logging
import math
import socket
import time
from contextlib import suppress
from typing import Any

from gunicorn.http.errors import NoMoreData  # type: ignore[import-untyped]

# How long a client may stay connected without sending a byte, and how long it may take to send a request, to read the
# response, and to close its side afterwards.
IDLE_SECONDS = 5.0
REQUEST_SECONDS = 20.0
RESPONSE_SECONDS = 60.0
LINGER_SECONDS = 2.0

_log = logging.getLogger("service.gunicorn_worker")


class RequestTooSlow(NoMoreData, TimeoutError):  # type: ignore[misc]
    """The request did not arrive in time. gunicorn takes it for a client that left, and closes the connection."""


class ClientSocket(socket.socket):
    """A client's connection, on which a whole request must arrive, and a response be read, within a time.

    Attributes:
        waiting_since: when a thread began to wait for the client (monotonic clock); infinity while none waits.
        responded: whether a response to the current request has begun.
    """

    waiting_since = math.inf
    responded = False
    _began = math.inf
    _deadline = math.inf
    _aborted = False

    def set_deadline(self, seconds: float) -> None:
        """Give the client this many seconds for what it sends next."""
        self.responded = False
        self._began = time.monotonic()
        self._deadline = self._began + seconds

    def recv(self, bufsize: int, flags: int = 0) -> bytes:
        """Receive as usual, but not past the deadline, however often a single byte arrives.

        Raises:
            RequestTooSlow: the deadline has passed, or the connection was aborted.
        """
        timeout = self.gettimeout()
        remaining = self._deadline - time.monotonic()
        if timeout == 0 or remaining == math.inf:
            return super().recv(bufsize, flags)
        if remaining <= 0:
            raise RequestTooSlow
        self.settimeout(remaining if timeout is None else min(remaining, timeout))
        self.waiting_since = self._began
        try:
            data = super().recv(bufsize, flags)
        except TimeoutError as error:
            raise RequestTooSlow from error
        finally:
            self.waiting_since = math.inf
            self.settimeout(timeout)
        if self._aborted:
            raise RequestTooSlow
        return data

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Send as usual, but not for ever to a client that does not read.

        Raises:
            BrokenPipeError: the client did not read everything in time, or the connection was aborted.
        """
        self.responded = True
        self.settimeout(RESPONSE_SECONDS)
        self.waiting_since = time.monotonic()
        try:
            super().sendall(data, flags)
        except TimeoutError as error:
            raise BrokenPipeError(errno.EPIPE, "the client does not read the response") from error
        finally:
            self.waiting_since = math.inf
            self.settimeout(None)

    def linger(self) -> None:
        """Close this side and wait until the client closes its own, so that it can read the response (RFC 9112, 9.6).

        gunicorn does the same when it closes a connection, but in the thread that accepts all the others, and it stops
        reading after 64 KB: a client that sends a body that is too large might never see the response that says so.
        """
        self.set_deadline(LINGER_SECONDS)
        try:
            self.shutdown(socket.SHUT_WR)
            while self.recv(65536):
                pass
        except OSError as error:
            _log.debug("The client did not close its side of the connection: %s", error)
        finally:
            # gunicorn finds nothing left to wait for.
            with suppress(OSError):
                self.shutdown(socket.SHUT_RDWR)

    def abort(self) -> None:
        """End the connection, from another thread than the one that waits for the client."""
        self._aborted = True
        with suppress(OSError):
            self.shutdown(socket.SHUT_RDWR)
