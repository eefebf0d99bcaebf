"""gunicorn's worker for the service: it starts and stops the service, and slow clients hold no thread for long."""

import logging
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

from service.logs import AccessLogEntry, log_request
from service.request_socket import RequestSocket
from service.responses import JsonResponse, error_document

# How long a client may be connected without a byte, and how long it may take to send a request.
IDLE_SECONDS = 5.0
REQUEST_SECONDS = 20.0
# How long a client may hold a thread while every thread is taken and other requests wait for one, and how often the
# worker checks that.
PATIENCE_SECONDS = 0.5
LOOK_SECONDS = 0.1
# How much earlier the worker ends its own stop than gunicorn kills it.
KILL_SECONDS = 5

_log = logging.getLogger("service.gunicorn_worker")


class ServiceWorker(ThreadWorker):  # type: ignore[misc]
    """gunicorn's threaded worker, which also starts and stops the service and does not wait for slow clients."""

    start_service: Callable[[], None]
    stop_service: Callable[[], None]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Take gunicorn's arguments; runs in the parent."""
        super().__init__(*args, **kwargs)
        # functions-framework sets 0, which is no limit.
        self.cfg.set("limit_request_line", gunicorn.config.LimitRequestLine.default)
        # The connections whose requests wait for a thread, and those that hold one.
        self._queued: set[TConn] = set()
        self._handled: set[TConn] = set()

    def run(self) -> None:
        """Serve until told to stop; runs in the worker process.

        The service starts in a thread, so that the port answers at once, and stops after the last request.
        """
        # In this process's copy only: its own stop must end before gunicorn's parent kills it.
        self.cfg.set("graceful_timeout", self.cfg.graceful_timeout - KILL_SECONDS)
        # A thread that does I/O waits this long for a thread that computes, such as one that parses a long body. With
        # Python's own 5 ms, 60 such requests kept /health waiting for seconds.
        sys.setswitchinterval(0.0005)
        threading.Thread(target=self.start_service, name="start", daemon=True).start()
        try:
            super().run()
        finally:
            self.stop_service()

    def enqueue_req(self, conn: TConn) -> None:
        """Give a connection to a thread, but a new one only when its first byte is there.

        gunicorn lets a thread wait for that byte: then a few idle connections hold all threads.
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
        """Handle one request, which must arrive in time; return whether the connection is kept."""
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
        """Dispatch as usual; then free threads from slow clients if they hold every thread."""
        super().wait_for_and_dispatch_events(min(timeout, LOOK_SECONDS) if self._queued else timeout)
        if self._queued and len(self._handled) >= self.cfg.threads:
            self._give_up_slow_clients()

    def _give_up_slow_clients(self) -> None:
        """Give up the clients that have held a thread the longest, one for each request that waits for a thread."""
        until = time.monotonic() - PATIENCE_SECONDS
        # With a copy of each time, since another thread may change it during the sort.
        slow = [(conn.sock.waiting_since, id(conn), conn.sock) for conn in tuple(self._handled)]
        longest = [sock for since, _, sock in sorted(slow) if since < until][: len(self._queued)]
        for sock in longest:
            sock.give_up()
        if longest:
            _log.warning("Gave up %d slow clients: every thread was taken, and others waited.", len(longest))

    def handle_error(self, req: Any, client: RequestSocket, addr: Any, exc: Exception) -> None:
        """Answer invalid HTTP in JSON, with a 4xx; gunicorn's own response is HTML, and sometimes a 5xx."""
        if not isinstance(exc, ParseException):
            super().handle_error(req, client, addr, exc)
            return
        if client.responding:
            _log.debug("The rest of a body is not valid HTTP: %s", exc)
            return
        body = JsonResponse(400, error_document("invalid_request", f"This is not valid HTTP. {str(exc)[:200]}")).body()
        head = (
            "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: application/json\r\n"
            f"X-Content-Type-Options: nosniff\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        log_request(
            AccessLogEntry(status=400, response_bytes=len(body), remote_ip=addr[0], details={"code": "invalid_request"})
        )
        try:
            client.sendall(head.encode() + body)
        except OSError as error:
            _log.debug("The client did not wait for its response: %s", error)


class ServiceLogger(Logger):  # type: ignore[misc]
    """gunicorn's own messages, in the form of all others."""

    def setup(self, cfg: Any) -> None:
        """Set up as usual, and let the service's handler write."""
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True
