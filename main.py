"""Python Code Executor: the function `app` that functions-framework serves.

It routes, asks the policy about a script, has the sandbox run it, and answers. The HTTP contract is in the README
and, for machines, in `service/openapi.json`.
"""

import hashlib
import logging
import math
import os
import socket
import threading
import time
import uuid
from dataclasses import replace
from typing import Any

import flask
import functions_framework
from werkzeug.exceptions import HTTPException

from policy import PolicyFileError
from policy.rules import SHIPPED, PolicyFile, load_policy_file
from sandbox import End, Overloaded, Sandbox, SandboxUnavailable
from sandbox.limits import KB
from service.answers import Answer, error_document, health_document, outcome_document, report_document, usage_document
from service.checker_zygote import CheckersUnavailable
from service.checkers import Checkers, CheckersBusy
from service.contract import load_contract
from service.listening import arrange_listening
from service.logs import RequestLine, configure_logs, log_request, trace_name
from service.open_files import divide_open_files
from service.requests import BadRequest, Execute, check_media_type, parse_execute, read_body, take_body
from service.server import SPARE_THREADS, configure_server
from service.settings import SPAWN_BROKER_FD, Settings, SettingsError, read_settings

_METHODS = {"/execute": ("POST",), "/health": ("GET", "HEAD"), "/openapi.json": ("GET", "HEAD")}
_STATUS = {"invalid_json": 400, "invalid_request": 400, "payload_too_large": 413, "unsupported_media_type": 415}
# How soon to ask again where no script can be run, in seconds: an operator has to act, or a restart is under way.
_UNAVAILABLE_RETRY_SECONDS = 10

_log = logging.getLogger("service")


def _configure() -> tuple[Settings, int, PolicyFile]:
    """Read the settings and the policy; a wrong one ends the process with a message and no stack.

    Returns:
        the settings, how many connections may be open at once, and the policy.
    """
    try:
        settings = read_settings(os.environ)
        connections = divide_open_files(settings)
        return settings, connections, load_policy_file(settings.policy_file or SHIPPED)
    except SettingsError as error:
        raise SystemExit(f"Wrong settings:\n{error}") from None
    except PolicyFileError as error:
        name = f"POLICY_FILE={settings.policy_file}" if settings.policy_file else "The policy"
        raise SystemExit(f"Wrong policy: {name}: {error}") from None


settings, _connections, _policy = _configure()
configure_logs(settings.log_level, settings.log_format)
_contract = Answer(200, load_contract(settings))
sandbox = Sandbox(
    settings.limits,
    min_isolation=settings.min_isolation,
    concurrency=settings.concurrency,
    warm_start=settings.warm_start,
    nsjail=settings.nsjail,
    python=settings.python,
    spawn_broker=socket.socket(fileno=int(os.environ[SPAWN_BROKER_FD])) if SPAWN_BROKER_FD in os.environ else None,
)
checkers = Checkers(_policy.rules, settings.script_bytes, len(os.sched_getaffinity(0)))
# What may be checked, queued or run at once leaves threads for health checks, however long the checks take.
_admitted = threading.BoundedSemaphore(sandbox.capacity + SPARE_THREADS // 2)
# To parse a long body takes so long that many at once would hold everybody up: a few wait, and one is parsed at a time.
_LONG_BODY_BYTES = 64 * KB
_PARSE_WAIT_SECONDS = 0.2
_long_bodies = threading.BoundedSemaphore(SPARE_THREADS // 4)
_parsing = threading.Lock()


def _start() -> None:
    """Start what checks scripts and what runs them, and say how well they are isolated here."""
    if settings.policy_file:
        _log.info("The policy is POLICY_FILE=%s; rules: %d.", settings.policy_file, len(_policy.rules))
    if not _policy.rules:
        _log.warning("The policy has no rules: no script is refused before it runs.")
    for warning in _policy.warnings:
        _log.warning("POLICY_FILE=%s", warning)
    checkers.start()
    sandbox.start()
    health = sandbox.health()
    level = health.isolation.value if health.isolation else "none"
    if health.reason:
        _log.error("No script can be run: %s (isolation: %s)", health.reason, level)
    else:
        _log.info("Scripts are isolated at the level %s.", level)
    for layer in health.missing:
        if layer not in health.reason:
            _log.warning("Missing: %s", layer)


def _stop() -> None:
    """End every process of the service's but its own."""
    checkers.close()
    sandbox.close()


def app(request: flask.Request) -> flask.Response:
    """Answer one request; an exception on the way is the service's fault, and an answer too."""
    started = time.perf_counter()
    stream = take_body(request.environ)
    try:
        answer = _route(request, stream)
    except Exception:
        answer = _internal_error()
    return _respond(request, answer, started)


def _framework_error(error: HTTPException) -> flask.Response:
    """Answer what functions-framework and Flask refuse without asking `app`: some paths, a wrong Host or Upgrade."""
    started = time.perf_counter()
    take_body(flask.request.environ)
    if error.code is None or error.code >= 500:
        answer = _internal_error()
    elif error.code == 404:
        answer = _not_found()
    else:
        answer = Answer(400, error_document("invalid_request", error.description or error.name))
    return _respond(flask.request, answer, started)


def _route(request: flask.Request, stream: Any) -> Answer:
    """Find who answers, by path and method."""
    methods = _METHODS.get(request.path)
    if methods is None:
        return _not_found()
    if request.method == "OPTIONS" and _allowed_origin(request):
        return Answer(204, None, {"Access-Control-Allow-Methods": ", ".join(methods), **_PREFLIGHT})
    if request.method not in methods:
        allow = ", ".join((*methods, "OPTIONS") if settings.cors_origins else methods)
        sentence = f"{request.path} takes {allow} only."
        return Answer(405, error_document("method_not_allowed", sentence), {"Allow": allow})
    if request.path == "/execute":
        return _execute(request, stream)
    return _health() if request.path == "/health" else _contract


def _health() -> Answer:
    """Answer `/health`."""
    health = sandbox.health()
    checkers.refresh()
    if not health.reason and checkers.failure:
        health = replace(health, reason=checkers.failure)
    if health.reason:
        return Answer(503, health_document(health), {"Retry-After": str(_UNAVAILABLE_RETRY_SECONDS)})
    return Answer(200, health_document(health))


def _execute(request: flask.Request, stream: Any) -> Answer:
    """Answer `POST /execute`: read, check, run."""
    try:
        check_media_type(request.mimetype, request.mimetype_params, request.headers.get("Content-Encoding", ""))
        body = read_body(request.environ, stream, settings.request_bytes)
        wanted = _parse(body)
    except BadRequest as error:
        return Answer(_STATUS[error.code], error_document(error.code, str(error)))
    except Overloaded as error:
        return _overloaded(error, {})
    details: dict[str, str | float] = {"script_sha256": hashlib.sha256(wanted.script.encode()).hexdigest()}
    if not _admitted.acquire(blocking=False):
        return _overloaded(Overloaded(math.ceil(settings.limits.timeout_seconds)), details)
    try:
        return _check_and_run(wanted, details)
    finally:
        _admitted.release()


def _parse(body: bytes) -> Execute:
    """Parse a body, a long one when no other is parsed.

    Raises:
        BadRequest: it is not what it should be.
        Overloaded: too many long ones wait.
    """
    if len(body) <= _LONG_BODY_BYTES:
        return parse_execute(body, settings.script_bytes, settings.limits.timeout_seconds)
    if not _long_bodies.acquire(timeout=_PARSE_WAIT_SECONDS):
        raise Overloaded(math.ceil(settings.limits.timeout_seconds))
    try:
        with _parsing:
            return parse_execute(body, settings.script_bytes, settings.limits.timeout_seconds)
    finally:
        _long_bodies.release()


def _check_and_run(wanted: Execute, details: dict[str, str | float]) -> Answer:
    """Answer a request that is as it should be."""
    try:
        report = checkers.check(wanted.script)
        if report.code is not None:
            return Answer(400, report_document(report), details=details)
        outcome = sandbox.run(wanted.script, wanted.args, wanted.timeout_seconds, report.imports)
    except CheckersBusy:
        return _overloaded(Overloaded(math.ceil(settings.limits.timeout_seconds)), details)
    except Overloaded as error:
        return _overloaded(error, details)
    except (CheckersUnavailable, SandboxUnavailable) as error:
        retry = {"Retry-After": str(_UNAVAILABLE_RETRY_SECONDS)}
        return Answer(503, error_document("sandbox_unavailable", str(error)), retry, details | {"reason": str(error)})
    level = sandbox.health().isolation
    details |= {"code": outcome.end.value, **usage_document(outcome), "isolation": level.value if level else "none"}
    return Answer(200 if outcome.end is End.RETURNED else 400, outcome_document(outcome), details=details)


def _overloaded(error: Overloaded, details: dict[str, str | float]) -> Answer:
    retry = {"Retry-After": str(error.retry_after_seconds)}
    return Answer(429, error_document("overloaded", str(error)), retry, details)


def _not_found() -> Answer:
    return Answer(404, error_document("not_found", f"There is nothing here; try {', '.join(_METHODS)}."))


def _internal_error() -> Answer:
    """Log the exception being handled under an id, and answer with the id alone."""
    error_id = uuid.uuid4().hex
    _log.exception("Internal error %s", error_id)
    document = error_document("internal_error", f"The service failed; its log has the details under {error_id}.")
    return Answer(500, document | {"id": error_id}, details={"error_id": error_id})


_PREFLIGHT = {
    "Access-Control-Allow-Headers": "Authorization, Content-Type",
    "Access-Control-Max-Age": "3600",
}


def _allowed_origin(request: flask.Request) -> str:
    """Return the origin of the page that sends the request if it may, otherwise nothing."""
    origin = request.headers.get("Origin", "")
    return origin if origin in settings.cors_origins else ""


def _respond(request: flask.Request, answer: Answer, started: float) -> flask.Response:
    """Turn an answer into HTTP, and log it."""
    body = answer.body()
    # nosniff: half of a body may be a script's words, which no browser shall take for anything but JSON.
    headers = {"X-Content-Type-Options": "nosniff", **answer.headers}
    if settings.cors_origins:
        headers["Vary"] = "Origin"
        if origin := _allowed_origin(request):
            headers |= {"Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": "Retry-After"}
    response = flask.Response(body, answer.status, headers, mimetype="application/json" if body else None)
    code = (answer.document or {}).get("code", "")
    line = RequestLine(
        method=request.method,
        path=request.path,
        status=answer.status,
        seconds=time.perf_counter() - started,
        request_bytes=request.content_length,
        response_bytes=len(body),
        remote_ip=request.remote_addr or "",
        user_agent=request.headers.get("User-Agent", ""),
        trace=trace_name(
            request.headers.get("X-Cloud-Trace-Context", ""),
            request.headers.get("traceparent", ""),
            settings.google_cloud_project,
        ),
        details={"code": code, **answer.details} if code else answer.details,
    )
    log_request(line)
    return response


arrange_listening(settings)
configure_server(
    os.environ,
    waiting_scripts=sandbox.capacity,
    connections=_connections,
    timeout_seconds=settings.limits.timeout_seconds,
    start=_start,
    stop=_stop,
)
# Plain calls, because what they return would otherwise replace the function; the app that they concern is the one that
# functions-framework is making around this module.
functions_framework.errorhandler(HTTPException)(_framework_error)
functions_framework.errorhandler(500)(_framework_error)
if flask.has_app_context():
    # A path such as //execute is not found, like any other; the router would redirect it, in HTML.
    flask.current_app.url_map.merge_slashes = False
