"""How gunicorn serves the function: what functions-framework leaves open or sets otherwise, each with its reason.

functions-framework makes the gunicorn application itself and takes no configuration file, so what is arranged here goes
in by the three doors that it leaves: the variable `THREADS`, the defaults of gunicorn's settings, and the worker class.
"""

import errno
import logging
import math
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, MutableMapping
from contextlib import suppress
from functools import partial
from selectors import EVENT_READ
from typing import Any

import gunicorn.config  # type: ignore[import-untyped]
from gunicorn.glogging import Logger  # type: ignore[import-untyped]
from gunicorn.http.errors import NoMoreData, ParseException  # type: ignore[import-untyped]
from gunicorn.workers.gthread import TConn, ThreadWorker  # type: ignore[import-untyped]

from service.answers import Answer, error_document
from service.logs import RequestLine, log_request

# How long a client may be connected without a byte, may take to send a request, to read an answer, and to hang up.
IDLE_SECONDS = 5.0
REQUEST_SECONDS = 20.0
RESPONSE_SECONDS = 60.0
LINGER_SECONDS = 2.0
# How long a client may keep a thread waiting while every thread is taken and other requests wait for one, and how often
# that is looked at.
PATIENCE_SECONDS = 0.5
LOOK_SECONDS = 0.1

# Threads beyond those that wait for scripts: for health checks, for errors, and for clients that are slow.
SPARE_THREADS = 64

# What a stop may take on top of the scripts that still run or wait: the time in which their requests arrive, or their
# jails are made. Then how much later gunicorn kills the worker.
_STOP_SECONDS = 20
_KILL_SECONDS = 5

_SHARED_MEMORY = "/dev/shm"  # noqa: S108 (Linux's own)

_log = logging.getLogger("service.server")


def configure_server(
    environment: MutableMapping[str, str],
    *,
    waiting_scripts: int,
    connections: int,
    timeout_seconds: float,
    start: Callable[[], None],
    stop: Callable[[], None],
) -> None:
    """Arrange how gunicorn runs; to be called before functions-framework makes the server. Starts nothing.

    Args:
        environment: where functions-framework will look for `THREADS`; one that is set there stays.
        waiting_scripts: requests that may wait for a script at once, running or queued.
        connections: how many may be open at once.
        timeout_seconds: how long one script may take.
        start: called in each worker, in a thread of its own, as soon as there is a worker.
        stop: called in each worker at its end.
    """
    # The default, 4 per CPU, is fewer than may wait in the sandbox's queue: it would never be seen to be full.
    environment.setdefault("THREADS", str(waiting_scripts + SPARE_THREADS))
    # With it functions-framework would bring a worker class of its own. Scripts have their time limit without it.
    environment["THREADED_TIMEOUT_ENABLED"] = "false"
    ServiceWorker.start_service = staticmethod(start)
    ServiceWorker.stop_service = staticmethod(stop)
    defaults = {
        gunicorn.config.WorkerClass: ServiceWorker,
        gunicorn.config.LoggerClass: ServiceLogger,
        # A socket under $HOME by which the server can be commanded, and which scripts without namespaces could see.
        gunicorn.config.ControlSocketDisable: True,
        # By default a proxy on this machine, and so whoever is on it, may say what path and scheme were asked for. With
        # the path in SCRIPT_NAME the router redirects, in HTML.
        gunicorn.config.ForwardedAllowIPS: "",
        # A worker's sign of life is a file, which needs no disk, and is possible where the root is read-only.
        gunicorn.config.WorkerTmpDir: _SHARED_MEMORY if os.access(_SHARED_MEMORY, os.W_OK) else None,
        # Every connection is a descriptor, and without one left gunicorn's worker dies.
        gunicorn.config.WorkerConnections: connections,
        # A script that waits in the queue begins after one timeout at the latest, and then has its own.
        gunicorn.config.GracefulTimeout: math.ceil(2 * timeout_seconds) + _STOP_SECONDS + _KILL_SECONDS,
    }
    for setting, default in defaults.items():
        setting.default = default


class RequestTooSlow(NoMoreData, TimeoutError):  # type: ignore[misc]
    """The request did not arrive in time. To gunicorn the client has gone, so the connection is closed."""


class RequestSocket(socket.socket):
    """A client's connection, on which a whole request must arrive, and an answer be taken, within a time.

    Attributes:
        waiting_since: since when a thread waits for the client; infinity while none does.
        answered: whether an answer to the request has begun.
    """

    waiting_since = math.inf
    answered = False
    _began = math.inf
    _deadline = math.inf
    _given_up = False

    def begin(self, seconds: float) -> None:
        """Give the client so many seconds for what it is about to send."""
        self.answered = False
        self._began = time.monotonic()
        self._deadline = self._began + seconds

    def recv(self, bufsize: int, flags: int = 0) -> bytes:
        """Receive as usual, but not past the deadline, however often a byte arrives.

        Raises:
            RequestTooSlow: it has passed, or the client was given up.
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
            BrokenPipeError: it has not taken everything in time, or was given up.
        """
        self.answered = True
        self.settimeout(RESPONSE_SECONDS)
        self.waiting_since = time.monotonic()
        try:
            super().sendall(data, flags)
        except TimeoutError as error:
            raise BrokenPipeError(errno.EPIPE, "the client does not read its answer") from error
        finally:
            self.waiting_since = math.inf
            self.settimeout(None)

    def linger(self) -> None:
        """End the sending, and wait for the client to do so too, so that it can read its answer first (RFC 9112, 9.6).

        gunicorn does the same when it closes a connection, but in the thread that accepts all others, and gives up
        after 64 KB, so that who sends a body that is too large may not see the answer that says so.
        """
        self.begin(LINGER_SECONDS)
        try:
            self.shutdown(socket.SHUT_WR)
            while self.recv(65536):
                pass
        except OSError as error:
            _log.debug("The client did not end its connection: %s", error)
        finally:
            # Then there is nothing left that gunicorn could wait for.
            with suppress(OSError):
                self.shutdown(socket.SHUT_RDWR)

    def give_up(self) -> None:
        """End the connection, from another thread than the one that waits for the client."""
        self._given_up = True
        with suppress(OSError):
            self.shutdown(socket.SHUT_RDWR)


class ServiceWorker(ThreadWorker):  # type: ignore[misc]
    """gunicorn's threaded worker, which also starts and stops the service and does not wait for slow clients."""

    start_service: Callable[[], None]
    stop_service: Callable[[], None]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Take gunicorn's arguments; runs in the parent."""
        super().__init__(*args, **kwargs)
        # functions-framework sets 0, which is no limit.
        self.cfg.set("limit_request_line", gunicorn.config.LimitRequestLine.default)
        # The connections whose requests wait for a thread, and those that have one.
        self._queued: set[TConn] = set()
        self._handled: set[TConn] = set()

    def run(self) -> None:
        """Serve until told to stop; runs in the worker process, once it is set up.

        The service starts beside it, so that the port answers at once, and stops after the last request.
        """
        # This process's copy only: its own stop must be over before gunicorn's parent loses patience.
        self.cfg.set("graceful_timeout", self.cfg.graceful_timeout - _KILL_SECONDS)
        # A thread that computes, as when a long body is parsed, makes one that does I/O wait this long whenever it
        # comes back: with Python's own 5 ms, 60 such requests kept /health waiting for seconds.
        sys.setswitchinterval(0.0005)
        threading.Thread(target=self.start_service, name="start", daemon=True).start()
        try:
            super().run()
        finally:
            self.stop_service()

    def enqueue_req(self, conn: TConn) -> None:
        """Give a connection to a thread, but a new one only when its first byte is there.

        gunicorn lets a thread wait for that byte, so that a few idle connections hold all threads.
        """
        if conn.initialized or conn.data_ready:
            self._queued.add(conn)
            super().enqueue_req(conn)
            return
        conn.sock = RequestSocket(fileno=conn.sock.detach())
        conn.sock.setblocking(False)
        conn.timeout = time.monotonic() + IDLE_SECONDS
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, EVENT_READ, partial(self.on_pending_socket_readable, conn))

    def handle(self, conn: TConn) -> Any:
        """Handle one request, which must arrive in time; true when the connection is kept."""
        self._handled.add(conn)
        self._queued.discard(conn)
        try:
            conn.sock.begin(REQUEST_SECONDS)
            kept = super().handle(conn)
            if not kept:
                conn.sock.linger()
            return kept
        finally:
            self._handled.discard(conn)

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Do what there is to do, as usual; then see to it that slow clients do not hold every thread."""
        super().wait_for_and_dispatch_events(min(timeout, LOOK_SECONDS) if self._queued else timeout)
        if self._queued and len(self._handled) >= self.cfg.threads:
            self._give_up_slow_clients()

    def _give_up_slow_clients(self) -> None:
        """Free threads for as many requests as wait for one, from those clients that have held theirs the longest."""
        until = time.monotonic() - PATIENCE_SECONDS
        # Each with its time, which may change meanwhile.
        slow = [(conn.sock.waiting_since, id(conn), conn.sock) for conn in tuple(self._handled)]
        longest = [sock for since, _, sock in sorted(slow) if since < until][: len(self._queued)]
        for sock in longest:
            sock.give_up()
        if longest:
            _log.warning("Gave up on %d slow clients: every thread was taken, and others waited.", len(longest))

    def handle_error(self, req: Any, client: RequestSocket, addr: Any, exc: Exception) -> None:
        """Answer what is not HTTP as JSON, like everything else; gunicorn's own answer is HTML, and sometimes a 5xx."""
        if not isinstance(exc, ParseException):
            super().handle_error(req, client, addr, exc)
            return
        if client.answered:
            _log.debug("What was left of a body is not valid HTTP: %s", exc)
            return
        body = Answer(400, error_document("invalid_request", f"This is not valid HTTP. {str(exc)[:200]}")).body()
        head = (
            "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: application/json\r\n"
            f"X-Content-Type-Options: nosniff\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        line = RequestLine("", "", 400, 0.0, None, len(body), addr[0], "", "", {"code": "invalid_request"})
        log_request(line)
        try:
            client.sendall(head.encode() + body)
        except OSError as error:
            _log.debug("The client did not wait for its answer: %s", error)


class ServiceLogger(Logger):  # type: ignore[misc]
    """gunicorn's own messages, in the form that all others have."""

    def setup(self, cfg: Any) -> None:
        """Set up as usual, and leave the writing to the service's handler."""
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True
