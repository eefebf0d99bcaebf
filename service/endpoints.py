"""What the service answers at its paths; `main.py` chooses between them."""

import hashlib
from dataclasses import replace
from typing import IO

import flask

from sandbox import End, Overloaded, Sandbox, SandboxUnavailable
from service.admission import Admission
from service.checker_zygote import CheckersUnavailable
from service.checkers import CheckerPool
from service.requests import BadRequest, ExecuteRequest, check_media_type, parse_execute, read_body
from service.responses import (
    JsonResponse,
    error_document,
    health_document,
    outcome_document,
    report_document,
    usage_document,
)
from service.settings import Settings

_STATUS = {"invalid_json": 400, "invalid_request": 400, "payload_too_large": 413, "unsupported_media_type": 415}
# When to ask again if no script can be run: an operator has to act, or a restart is under way.
_RETRY_UNAVAILABLE = {"Retry-After": "10"}


class Endpoints:
    """The endpoints that need more than the request."""

    def __init__(self, settings: Settings, sandbox: Sandbox, checkers: CheckerPool, admission: Admission) -> None:
        """Take what checks scripts, what runs them, and how much of both there may be at once."""
        self._settings = settings
        self._sandbox = sandbox
        self._checkers = checkers
        self._admission = admission

    def health(self) -> JsonResponse:
        """Answer `/health`."""
        health = self._sandbox.health()
        self._checkers.refresh()
        if not health.reason and self._checkers.failure:
            health = replace(health, reason=self._checkers.failure)
        if health.reason:
            return JsonResponse(503, health_document(health), _RETRY_UNAVAILABLE)
        return JsonResponse(200, health_document(health))

    def execute(self, request: flask.Request, stream: IO[bytes]) -> JsonResponse:
        """Answer `POST /execute`: read the body, check the script, run it."""
        details: dict[str, str | float] = {}
        try:
            asked = self._read(request, stream)
            sha256 = hashlib.sha256(asked.script.encode())
            details["script_sha256"] = sha256.hexdigest()
            with self._admission.executing():
                return self._check_and_run(asked, sha256.digest(), details)
        except BadRequest as error:
            return JsonResponse(_STATUS[error.code], error_document(error.code, str(error)))
        except Overloaded as error:
            retry = {"Retry-After": str(error.retry_after_seconds)}
            return JsonResponse(429, error_document("overloaded", str(error)), retry, details)
        except (CheckersUnavailable, SandboxUnavailable) as error:
            document = error_document("sandbox_unavailable", str(error))
            return JsonResponse(503, document, _RETRY_UNAVAILABLE, details | {"reason": str(error)})

    def _read(self, request: flask.Request, stream: IO[bytes]) -> ExecuteRequest:
        check_media_type(request.mimetype, request.mimetype_params, request.headers.get("Content-Encoding", ""))
        body = read_body(request.environ, stream, self._settings.request_bytes)
        with self._admission.parsing(len(body)):
            return parse_execute(body, self._settings.script_bytes, self._settings.limits.timeout_seconds)

    def _check_and_run(self, asked: ExecuteRequest, sha256: bytes, details: dict[str, str | float]) -> JsonResponse:
        report = self._checkers.check(asked.script, sha256)
        if report.code is not None:
            return JsonResponse(400, report_document(report), details=details)
        outcome = self._sandbox.run(asked.script, asked.args, asked.timeout_seconds, report.imports)
        level = self._sandbox.health().isolation
        details |= {"code": outcome.end.value, **usage_document(outcome), "isolation": level.value if level else "none"}
        return JsonResponse(200 if outcome.end is End.RETURNED else 400, outcome_document(outcome), details=details)
