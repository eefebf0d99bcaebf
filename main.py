"""Python Code Executor: the function `app` that functions-framework serves.

It routes a request, asks the policy about the script, has the sandbox run it, and responds. docs/api.md describes the
HTTP contract for people, and service/openapi.json for machines.
"""

import hashlib
import os
import socket
import time
from dataclasses import replace
from typing import Any

import flask
import functions_framework
from werkzeug.exceptions import HTTPException

from policy import PolicyFileError
from policy.rules import SHIPPED, PolicyFile, load_policy_file
from sandbox import End, Overloaded, Sandbox, SandboxUnavailable
from service.admission import Admission
from service.checker_zygote import CheckersUnavailable
from service.checkers import Checkers, CheckersBusy
from service.cors import Cors
from service.gunicorn_config import configure_gunicorn
from service.listening import arrange_listening
from service.logs import configure_logs, log_isolation, log_policy, log_response
from service.open_files import divide_open_files
from service.openapi import load_openapi
from service.requests import BadRequest, Execute, check_media_type, parse_execute, read_body, take_body
from service.responses import (
    JsonResponse,
    error_document,
    health_document,
    internal_error,
    not_found,
    outcome_document,
    overloaded,
    report_document,
    usage_document,
)
from service.settings import SPAWN_BROKER_FD, Settings, SettingsError, read_settings

_METHODS = {"/execute": ("POST",), "/health": ("GET", "HEAD"), "/openapi.json": ("GET", "HEAD")}
_STATUS = {"invalid_json": 400, "invalid_request": 400, "payload_too_large": 413, "unsupported_media_type": 415}
# How soon to ask again if no script can be run: an operator has to act, or a restart is under way.
_UNAVAILABLE_RETRY = {"Retry-After": "10"}


def _configure() -> tuple[Settings, int, PolicyFile]:
    """Return the settings, how many connections may be open at once, and the policy; a wrong one ends the process."""
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
_admission = Admission(sandbox.capacity, settings.limits.timeout_seconds)
_cors = Cors(settings.cors_origins)
_openapi = JsonResponse(200, load_openapi(settings))


def _start() -> None:
    """Start the checkers and the sandbox, and log the policy and the isolation."""
    log_policy(settings.policy_file, _policy)
    checkers.start()
    sandbox.start()
    log_isolation(sandbox.health())


def _stop() -> None:
    """End every process of the service but this one."""
    checkers.close()
    sandbox.close()


def app(request: flask.Request) -> flask.Response:
    """Respond to one request; an exception is the service's fault, and gets a response too."""
    started = time.perf_counter()
    stream = take_body(request.environ)
    try:
        response = _route(request, stream)
    except Exception:
        response = internal_error()
    return _respond(request, response, started)


def _framework_error(error: HTTPException) -> flask.Response:
    """Respond to what functions-framework and Flask refuse before `app`: some paths, a wrong Host or Upgrade."""
    started = time.perf_counter()
    take_body(flask.request.environ)
    if error.code is None or error.code >= 500:
        response = internal_error()
    elif error.code == 404:
        response = not_found(_METHODS)
    else:
        response = JsonResponse(400, error_document("invalid_request", error.description or error.name))
    return _respond(flask.request, response, started)


def _route(request: flask.Request, stream: Any) -> JsonResponse:
    methods = _METHODS.get(request.path)
    if methods is None:
        return not_found(_METHODS)
    if request.method == "OPTIONS" and _cors.allows(request):
        return JsonResponse(204, None, _cors.preflight_headers(methods))
    if request.method not in methods:
        allow = ", ".join(_cors.methods(methods))
        return JsonResponse(
            405, error_document("method_not_allowed", f"{request.path} takes {allow} only."), {"Allow": allow}
        )
    if request.path == "/execute":
        return _execute(request, stream)
    return _health() if request.path == "/health" else _openapi


def _health() -> JsonResponse:
    health = sandbox.health()
    checkers.refresh()
    if not health.reason and checkers.failure:
        health = replace(health, reason=checkers.failure)
    if health.reason:
        return JsonResponse(503, health_document(health), _UNAVAILABLE_RETRY)
    return JsonResponse(200, health_document(health))


def _execute(request: flask.Request, stream: Any) -> JsonResponse:
    """Respond to `POST /execute`: read, check, run."""
    details: dict[str, str | float] = {}
    try:
        check_media_type(request.mimetype, request.mimetype_params, request.headers.get("Content-Encoding", ""))
        body = read_body(request.environ, stream, settings.request_bytes)
        with _admission.parse(len(body)):
            wanted = parse_execute(body, settings.script_bytes, settings.limits.timeout_seconds)
        details["script_sha256"] = hashlib.sha256(wanted.script.encode()).hexdigest()
        with _admission.script():
            return _check_and_run(wanted, details)
    except BadRequest as error:
        return JsonResponse(_STATUS[error.code], error_document(error.code, str(error)))
    except CheckersBusy:
        return overloaded(_admission.overloaded(), details)
    except Overloaded as error:
        return overloaded(error, details)
    except (CheckersUnavailable, SandboxUnavailable) as error:
        document = error_document("sandbox_unavailable", str(error))
        return JsonResponse(503, document, _UNAVAILABLE_RETRY, details | {"reason": str(error)})


def _check_and_run(wanted: Execute, details: dict[str, str | float]) -> JsonResponse:
    report = checkers.check(wanted.script)
    if report.code is not None:
        return JsonResponse(400, report_document(report), details=details)
    outcome = sandbox.run(wanted.script, wanted.args, wanted.timeout_seconds, report.imports)
    level = sandbox.health().isolation
    details |= {"code": outcome.end.value, **usage_document(outcome), "isolation": level.value if level else "none"}
    return JsonResponse(200 if outcome.end is End.RETURNED else 400, outcome_document(outcome), details=details)


def _respond(request: flask.Request, response: JsonResponse, started: float) -> flask.Response:
    """Turn a response into HTTP, and log it."""
    body = response.body()
    # nosniff: a script may choose half of a body, and no browser shall take it for anything but JSON.
    headers = {"X-Content-Type-Options": "nosniff", **response.headers, **_cors.headers(request)}
    log_response(request, response, len(body), time.perf_counter() - started, settings.google_cloud_project)
    return flask.Response(body, response.status, headers, mimetype="application/json" if body else None)


arrange_listening(settings)
configure_gunicorn(
    os.environ,
    waiting_scripts=sandbox.capacity,
    connections=_connections,
    timeout_seconds=settings.limits.timeout_seconds,
    start=_start,
    stop=_stop,
)
# Plain calls, because as decorators they would replace the function; they concern the Flask application that
# functions-framework makes around this module.
functions_framework.errorhandler(HTTPException)(_framework_error)
functions_framework.errorhandler(500)(_framework_error)
if flask.has_app_context():
    # A path such as //execute is not found, like any other; the router would redirect it, in HTML.
    flask.current_app.url_map.merge_slashes = False
