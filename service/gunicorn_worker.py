"""gunicorn's worker and logger as the service runs them. `gunicorn_config.py` puts them in place.

Both build on members of gunicorn's that it does not document; tests/service/test_gunicorn_members.py names them.
"""

import logging
import signal
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from selectors import EVENT_READ
from typing import Any

import gunicorn.config  # type: ignore[import-untyped]
from gunicorn.glogging import Logger  # type: ignore[import-untyped]
from gunicorn.http.errors import ParseException  # type: ignore[import-untyped]
from gunicorn.workers.gthread import TConn, ThreadWorker  # type: ignore[import-untyped]

from service.client_socket import IDLE_SECONDS, REQUEST_SECONDS, ClientSocket
from service.logs import AccessLogEntry, log_access
from service.responses import JsonResponse, error_document

# How long a client may keep a thread waiting while every thread is taken and other requests wait for one, and how often
# the worker looks for such clients.
_PATIENCE_SECONDS = 0.5
_LOOK_SECONDS = 0.1
# A worker that stops gives up by itself this long before gunicorn's parent process would kill it.
KILL_MARGIN_SECONDS = 5

_log = logging.getLogger("service.gunicorn_worker")


class ServiceWorker(ThreadWorker):  # type: ignore[misc]
    """gunicorn's threaded worker, which also starts and stops the service and does not wait for slow clients."""

    start_service: Callable[[], None]
    stop_service: Callable[[], None]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Take gunicorn's arguments; runs in the parent process."""
        super().__init__(*args, **kwargs)
        # functions-framework sets 0, which means no limit.
        self.cfg.set("limit_request_line", gunicorn.config.LimitRequestLine.default)
        # The connections whose requests wait for a thread, and those whose requests have one.
        self._queued: set[TConn] = set()
        self._handled: set[TConn] = set()

    def run(self) -> None:
        """Serve until told to stop; runs in the worker process, once that is set up.

        The service starts in a thread beside it, so that the port answers at once. It stops after the last request.
        """
        # In this process's copy of the configuration only: the worker must have stopped before it is killed.
        self.cfg.set("graceful_timeout", self.cfg.graceful_timeout - KILL_MARGIN_SECONDS)
        # A thread that computes, such as one that parses a long body, delays a thread that does I/O by this interval
        # each time that one comes back: with Python's own 5 ms, 60 such requests kept /health waiting for seconds.
        sys.setswitchinterval(0.0005)
        threading.Thread(target=self.start_service, name="start", daemon=True).start()
        try:
            super().run()
        finally:
            self.stop_service()

    def handle_quit(self, sig: int, frame: Any) -> None:
        """Stop at once, and only once; a signal handler, which runs between any two steps of the main thread.

        After a Ctrl-C two signals come: the terminal's SIGINT, and SIGQUIT from gunicorn's parent process. The second
        must not cut `stop_service` short. gunicorn's own method also shuts the pool of threads down. There it waits for
        ever for a lock that the main thread holds, if the signal comes while that submits a request.
        """
        for number in (signal.SIGINT, signal.SIGQUIT):
            signal.signal(number, lambda *_: None)  # for SIG_IGN, Python prints a stack if the signal is under way
        super(ThreadWorker, self).handle_quit(sig, frame)

    def enqueue_req(self, conn: TConn) -> None:
        """Give a connection to a thread, but a new connection only when its first byte is there.

        gunicorn has a thread wait for that byte, so that a few idle connections take all threads.
        """
        if conn.initialized or conn.data_ready:
            self._queued.add(conn)
            super().enqueue_req(conn)
            return
        conn.sock = ClientSocket(fileno=conn.sock.detach())
        conn.sock.setblocking(False)
        conn.timeout = time.monotonic() + IDLE_SECONDS
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, EVENT_READ, partial(self.on_pending_socket_readable, conn))

    def handle(self, conn: TConn) -> Any:
        """Handle one request, which must arrive in time; return true if the connection stays open."""
        self._handled.add(conn)
        self._queued.discard(conn)
        try:
            conn.sock.set_deadline(REQUEST_SECONDS)
            kept = super().handle(conn)
            if not kept:
                conn.sock.linger()
            return kept
        finally:
            self._handled.discard(conn)

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Wait for events and dispatch them as usual, then take threads from slow clients if other requests wait."""
        super().wait_for_and_dispatch_events(min(timeout, _LOOK_SECONDS) if self._queued else timeout)
        if self._queued and len(self._handled) >= self.cfg.threads:
            self._abort_slow_clients()

    def _abort_slow_clients(self) -> None:
        """Free a thread for each request that waits for one, beginning with the client that has waited the longest."""
        until = time.monotonic() - _PATIENCE_SECONDS
        # Each with its time, which may change meanwhile.
        slow = [(conn.sock.waiting_since, id(conn), conn.sock) for conn in tuple(self._handled)]
        longest = [sock for since, _, sock in sorted(slow) if since < until][: len(self._queued)]
        for sock in longest:
            sock.abort()
        if longest:
            _log.warning(
                "Disconnected %d slow clients: they held every thread while other requests waited", len(longest)
            )

    def handle_error(self, req: Any, client: ClientSocket, addr: Any, exc: Exception) -> None:
        """Answer what is not HTTP in JSON, like everything else; gunicorn answers in HTML, and sometimes with a 5xx."""
        if not isinstance(exc, ParseException):
            super().handle_error(req, client, addr, exc)
            return
        if client.responded:
            _log.debug("The rest of a body is not valid HTTP: %s", exc)
            return
        body = JsonResponse(400, error_document("invalid_request", f"This is not valid HTTP. {str(exc)[:200]}")).body()
        head = (
            "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: application/json\r\n"
            f"X-Content-Type-Options: nosniff\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        entry = AccessLogEntry(
            method="",
            path="",
            status=400,
            response_bytes=len(body),
            remote_ip=addr[0],
            details={"code": "invalid_request"},
        )
        log_access(entry)
        try:
            client.sendall(head.encode() + body)
        except OSError as error:
            _log.debug("The client did not wait for the response: %s", error)


class ServiceLogger(Logger):  # type: ignore[misc]
    """gunicorn's own messages, in the form of all other log lines."""

    def setup(self, cfg: Any) -> None:
        """Set up as usual, but leave the writing to the service's handler."""
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True
