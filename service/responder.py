"""Turns a `JsonResponse` into Flask's, and logs the request."""

import time

import flask

from service.cors import Cors
from service.logs import AccessLogEntry, log_access, trace_name
from service.responses import JsonResponse


class Responder:
    """Finishes every request in the same way: headers, body, and one log line."""

    def __init__(self, cors: Cors, google_cloud_project: str) -> None:
        """Take which pages may call the service, and the project whose traces the log lines name."""
        self._cors = cors
        self._project = google_cloud_project

    def finish(self, request: flask.Request, response: JsonResponse, started: float) -> flask.Response:
        """Return the response as HTTP, and log it.

        Args:
            request: the request.
            response: what answers it.
            started: when its handling began, as `time.perf_counter` counts.
        """
        body = response.body()
        headers = {
            # Half of a body may be a script's own words; no browser may take them for anything but JSON.
            "X-Content-Type-Options": "nosniff",
            **response.headers,
            **self._cors.headers(request.headers.get("Origin", "")),
        }
        code = (response.document or {}).get("code", "")
        entry = AccessLogEntry(
            method=request.method,
            path=request.path,
            status=response.status,
            seconds=time.perf_counter() - started,
            request_bytes=request.content_length,
            response_bytes=len(body),
            remote_ip=request.remote_addr or "",
            user_agent=request.headers.get("User-Agent", ""),
            trace=trace_name(
                request.headers.get("X-Cloud-Trace-Context", ""),
                request.headers.get("traceparent", ""),
                self._project,
            ),
            details={"code": code, **response.details} if code else response.details,
        )
        finished = flask.Response(body, response.status, headers, mimetype="application/json" if body else None)
        log_access(entry)
        return finished
