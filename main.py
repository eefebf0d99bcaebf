"""Python Code Executor: the function `app` that functions-framework serves.

It routes a request, asks the policy about the script, has the sandbox run it, and answers. The HTTP contract is in
`docs/api.md` and, for machines, in `service/openapi.json`.
"""

import logging
import os
import socket
import time
import uuid
from typing import IO

import flask
import functions_framework
from werkzeug.exceptions import HTTPException

from sandbox import Sandbox
from service.admission import Admission
from service.checkers import CheckerPool
from service.cors import Cors
from service.endpoints import Endpoints
from service.gunicorn_config import configure_gunicorn
from service.listening import arrange_listening
from service.logs import configure_logs
from service.openapi import load_openapi
from service.requests import take_body
from service.responder import Responder
from service.responses import JsonResponse, error_document
from service.settings import SPAWN_BROKER_FD
from service.startup import log_health, log_policy, read_configuration

_METHODS = {"/execute": ("POST",), "/health": ("GET", "HEAD"), "/openapi.json": ("GET", "HEAD")}
_log = logging.getLogger("service")

settings, _connections, _policy = read_configuration(os.environ)
configure_logs(settings.log_level, settings.log_format)
_openapi = JsonResponse(200, load_openapi(settings))
sandbox = Sandbox(
    settings.limits,
    min_isolation=settings.min_isolation,
    concurrency=settings.concurrency,
    warm_start=settings.warm_start,
    nsjail=settings.nsjail,
    python=settings.python,
    spawn_broker=socket.socket(fileno=int(os.environ[SPAWN_BROKER_FD])) if SPAWN_BROKER_FD in os.environ else None,
)
checkers = CheckerPool(_policy.rules, settings.script_bytes, len(os.sched_getaffinity(0)))
_admission = Admission(sandbox.capacity, settings.limits.timeout_seconds)
_endpoints = Endpoints(settings, sandbox, checkers, _admission)
_cors = Cors(settings.cors_origins)
_responder = Responder(_cors, settings.google_cloud_project)


def _start() -> None:
    """Start what checks scripts and what runs them, and log how well they are isolated."""
    log_policy(settings, _policy)
    checkers.start()
    sandbox.start()
    log_health(sandbox.health())


def _stop() -> None:
    """End every process that the service has started."""
    checkers.close()
    sandbox.close()


def app(request: flask.Request) -> flask.Response:
    """Answer one request; if this raises an exception, the service is at fault, and says so in its response."""
    started = time.perf_counter()
    body = take_body(request.environ)
    try:
        response = _route(request, body)
    except Exception:
        response = _internal_error()
    return _responder.finish(request, response, started)


def _framework_error(error: HTTPException) -> flask.Response:
    """Answer what functions-framework and Flask refuse without asking `app`: some paths, a wrong Host or Upgrade."""
    started = time.perf_counter()
    take_body(flask.request.environ)
    if error.code is None or error.code >= 500:
        response = _internal_error()
    elif error.code == 404:
        response = _not_found()
    else:
        response = JsonResponse(400, error_document("invalid_request", error.description or error.name))
    return _responder.finish(flask.request, response, started)


def _route(request: flask.Request, body: IO[bytes]) -> JsonResponse:
    """Answer as the path and the method of a request ask."""
    methods = _METHODS.get(request.path)
    if methods is None:
        return _not_found()
    if request.method == "OPTIONS" and (headers := _cors.preflight(request.headers.get("Origin", ""), methods)):
        return JsonResponse(204, None, headers)
    if request.method not in methods:
        allow = ", ".join((*methods, "OPTIONS") if _cors else methods)
        sentence = f"{request.path} takes {allow} only."
        return JsonResponse(405, error_document("method_not_allowed", sentence), {"Allow": allow})
    if request.path == "/execute":
        return _endpoints.execute(request, body)
    return _endpoints.health() if request.path == "/health" else _openapi


def _not_found() -> JsonResponse:
    return JsonResponse(404, error_document("not_found", f"There is nothing here; try {', '.join(_METHODS)}."))


def _internal_error() -> JsonResponse:
    """Log the exception that is being handled under an id, and answer with the id alone."""
    error_id = uuid.uuid4().hex
    _log.exception("Internal error %s", error_id)
    document = error_document("internal_error", f"The service failed; its log has the details under {error_id}.")
    return JsonResponse(500, document | {"id": error_id}, details={"error_id": error_id})


arrange_listening(settings)
configure_gunicorn(
    os.environ,
    threads=_admission.threads,
    connections=_connections,
    timeout_seconds=settings.limits.timeout_seconds,
    start=_start,
    stop=_stop,
)
# Plain calls, because a decorator would replace the function by what these return. They concern the application that
# functions-framework is making around this module.
functions_framework.errorhandler(HTTPException)(_framework_error)
functions_framework.errorhandler(500)(_framework_error)
if flask.has_app_context():
    # A path such as //execute is not found, like any other; the router would redirect it, in HTML.
    flask.current_app.url_map.merge_slashes = False
