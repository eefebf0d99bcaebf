"""A client's connection on which requests and responses have deadlines."""

import errno
import logging
import math
import socket
import time
from contextlib import suppress
from typing import Any

from gunicorn.http.errors import NoMoreData  # type: ignore[import-untyped]

# How long a client may take to read a response, and to close its connection afterwards.
RESPONSE_SECONDS = 60.0
LINGER_SECONDS = 2.0

_log = logging.getLogger("service.gunicorn_worker")


class RequestTooSlow(NoMoreData, TimeoutError):  # type: ignore[misc]
    """The request did not arrive in time. gunicorn takes it for a closed connection, and closes its end."""


class RequestSocket(socket.socket):
    """A client's connection: a whole request must arrive, and the response must be read, within a time.

    Attributes:
        waiting_since: when a thread began to wait for the client; infinity while none waits.
        responding: whether the response to the request has begun.
    """

    waiting_since = math.inf
    responding = False
    _began = math.inf
    _deadline = math.inf
    _given_up = False

    def begin(self, seconds: float) -> None:
        """Give the client `seconds` to send its request."""
        self.responding = False
        self._began = time.monotonic()
        self._deadline = self._began + seconds

    def recv(self, bufsize: int, flags: int = 0) -> bytes:
        """Receive as usual, but not past the deadline, however often a byte arrives.

        Raises:
            RequestTooSlow: the deadline has passed, or the client was given up.
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
        if self._given_up:
            raise RequestTooSlow
        return data

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Send as usual, but give up on a client that does not read.

        Raises:
            BrokenPipeError: the client did not read everything in time, or was given up.
        """
        self.responding = True
        self.settimeout(RESPONSE_SECONDS)
        self.waiting_since = time.monotonic()
        try:
            super().sendall(data, flags)
        except TimeoutError as error:
            raise BrokenPipeError(errno.EPIPE, "the client does not read its response") from error
        finally:
            self.waiting_since = math.inf
            self.settimeout(None)

    def linger(self) -> None:
        """End the sending, and wait until the client does so too: it can read the response first (RFC 9112, 9.6).

        gunicorn does the same when it closes a connection, but in the thread that accepts all others, and it gives up
        after 64 KB: then the sender of a body that is too large may not see the response that says so.
        """
        self.begin(LINGER_SECONDS)
        try:
            self.shutdown(socket.SHUT_WR)
            while self.recv(65536):
                pass
        except OSError as error:
            _log.debug("The client did not close its connection: %s", error)
        finally:
            # Then gunicorn has nothing left to wait for.
            with suppress(OSError):
                self.shutdown(socket.SHUT_RDWR)

    def give_up(self) -> None:
        """End the connection, from another thread than the one that waits for the client."""
        self._given_up = True
        with suppress(OSError):
            self.shutdown(socket.SHUT_RDWR)
