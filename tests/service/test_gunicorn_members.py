"""The members of gunicorn that the service relies upon and that gunicorn does not document.

If an upgrade renames one or changes how it is called, this fails here and not in production.
"""

import ast
import inspect
import re
import socket
from collections.abc import Iterator
from typing import Any

import gunicorn.arbiter  # type: ignore[import-untyped]
import gunicorn.config  # type: ignore[import-untyped]
import gunicorn.http.errors  # type: ignore[import-untyped]
import gunicorn.sock  # type: ignore[import-untyped]
import pytest
from gunicorn.glogging import Logger  # type: ignore[import-untyped]
from gunicorn.workers import base, gthread  # type: ignore[import-untyped]

from service.client_socket import ClientSocket, RequestTooSlow
from service.gunicorn_worker import ServiceLogger, ServiceWorker
from tests.conftest import ROOT

# What the service's classes override or call, by its owner, and how it is called.
METHODS = {
    base.Worker: {
        "__init__": "(self, age, ppid, sockets, app, timeout, cfg, log)",
        "handle_error": "(self, req, client, addr, exc)",
        "handle_quit": "(self, sig, frame)",
    },
    gthread.ThreadWorker: {
        "__init__": "(self, *args, **kwargs)",
        "run": "(self)",
        "enqueue_req": "(self, conn)",
        "handle": "(self, conn)",
        "handle_quit": "(self, sig, frame)",
        "wait_for_and_dispatch_events": "(self, timeout)",
        "on_pending_socket_readable": "(self, conn, client)",
    },
    Logger: {"setup": "(self, cfg)"},
    gunicorn.config.Config: {"set": "(self, name, value)"},
}
# What is read or set on instances.
WORKER = {"cfg", "poller", "pending_conns"}
CONNECTION = {"sock", "timeout", "initialized", "data_ready"}
LOGGER = {"error_log"}
# The settings whose defaults are changed, and the hooks and validators that are replaced.
SETTINGS = {
    "Bind": "bind",
    "ControlSocketDisable": "control_socket_disable",
    "ForwardedAllowIPS": "forwarded_allow_ips",
    "GracefulTimeout": "graceful_timeout",
    "LimitRequestLine": "limit_request_line",
    "LoggerClass": "logger_class",
    "OnStarting": "on_starting",
    "WhenReady": "when_ready",
    "WorkerClass": "worker_class",
    "WorkerConnections": "worker_connections",
    "WorkerTmpDir": "worker_tmp_dir",
}
# What gunicorn calls on itself, without which an override would have no effect: the caller and the call in it.
CALLS = {
    gthread.ThreadWorker.accept: "self.enqueue_req(conn)",
    gthread.ThreadWorker.on_client_socket_readable: "self.enqueue_req(conn)",
    gthread.ThreadWorker.on_pending_socket_readable: "self.enqueue_req(conn)",
    gthread.ThreadWorker.enqueue_req: "self.tpool.submit(self.handle, conn)",
    gthread.ThreadWorker.handle: "self.handle_error(req, conn.sock, conn.client, e)",
    gthread.ThreadWorker.run: "self.wait_for_and_dispatch_events(timeout=",
    gthread.ThreadWorker.murder_pending: "conn.timeout - now",
    gunicorn.arbiter.Arbiter.start: "self.cfg.on_starting(self)",
    gunicorn.sock.create_sockets: "addr = conf.address",
}


@pytest.fixture
def configuration() -> Any:
    return gunicorn.config.Config()


@pytest.fixture
def connection(configuration: Any) -> Iterator[Any]:
    near, far = socket.socketpair()
    with near, far:
        yield gthread.TConn(configuration, near, ("127.0.0.1", 1), ("127.0.0.1", 2))


@pytest.fixture
def worker(configuration: Any) -> Iterator[Any]:
    made = ServiceWorker(0, 0, [], None, 30, configuration, Logger(configuration))
    yield made
    made.tmp.close()


@pytest.mark.parametrize(
    ("owner", "name", "signature"), [(owner, *item) for owner, methods in METHODS.items() for item in methods.items()]
)
def test_methods_are_called_as_before(owner: type, name: str, signature: str) -> None:
    assert name in vars(owner)
    assert str(inspect.signature(getattr(owner, name))) == signature


@pytest.mark.parametrize(("ours", "theirs"), [(ServiceWorker, gthread.ThreadWorker), (ServiceLogger, Logger)])
def test_overridden_methods_take_what_theirs_take(ours: type, theirs: type) -> None:
    for name in set(vars(ours)) & set(dir(theirs)):
        if inspect.isfunction(getattr(ours, name)):
            parameters = inspect.signature(getattr(theirs, name)).parameters
            assert list(inspect.signature(getattr(ours, name)).parameters) == list(parameters), name


@pytest.mark.parametrize(("caller", "call"), CALLS.items(), ids=lambda one: getattr(one, "__qualname__", None))
def test_gunicorn_calls_what_is_overridden(caller: Any, call: str) -> None:
    assert call in inspect.getsource(caller)


def test_attributes_are_there(worker: Any, connection: Any, configuration: Any) -> None:
    assert set(vars(connection)) >= CONNECTION
    assert not connection.initialized
    assert not connection.data_ready
    assert set(vars(worker)) >= WORKER
    assert hasattr(worker.pending_conns, "append")
    assert set(vars(Logger(configuration))) >= LOGGER
    assert configuration.graceful_timeout > 0
    assert configuration.threads > 0
    assert hasattr(gunicorn.arbiter.Arbiter, "LISTENERS")


@pytest.mark.parametrize(("name", "key"), SETTINGS.items())
def test_settings_are_there(configuration: Any, name: str, key: str) -> None:
    setting = getattr(gunicorn.config, name)
    assert setting.name == key
    assert configuration.settings[key].__class__ is setting
    assert "default" in vars(setting)


def test_addresses_are_pairs_of_host_and_port(configuration: Any) -> None:
    configuration.set("bind", ["127.0.0.1:81", "[::1]:82"])
    assert configuration.address == [("127.0.0.1", 81), ("::1", 82)]


def test_errors_are_taken_for_what_they_mean() -> None:
    """gunicorn takes the first for a client that left, and answers the second as malformed HTTP."""
    assert "except http.errors.NoMoreData" in inspect.getsource(gthread.ThreadWorker.handle)
    assert issubclass(RequestTooSlow, gunicorn.http.errors.NoMoreData)
    assert issubclass(gunicorn.http.errors.InvalidRequestLine, gunicorn.http.errors.ParseException)


def test_the_lists_above_are_complete() -> None:
    """Whatever the service's classes use of themselves, of gunicorn's connections and of its settings is in them."""
    tree = ast.parse((ROOT / "service" / "gunicorn_worker.py").read_text())
    used: dict[str, set[str]] = {}
    for owner in [node for node in tree.body if isinstance(node, ast.ClassDef)]:
        own = {node.name for node in owner.body if isinstance(node, ast.FunctionDef)}
        own |= {
            node.target.id
            for node in owner.body
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
        }
        own |= {
            node.target.attr
            for node in ast.walk(owner)
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Attribute)
        }
        for node in ast.walk(owner):
            if (
                isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Name)
                and node.value.id in ("self", "conn")
            ):
                place = owner.name if node.value.id == "self" else "conn"
                used.setdefault(place, set()).update({node.attr} - own)
    assert used["conn"] == CONNECTION
    assert used["ServiceWorker"] - {"on_pending_socket_readable"} == WORKER
    assert used["ServiceLogger"] == LOGGER
    overridden = {name for name in vars(ServiceWorker) if inspect.isfunction(vars(ServiceWorker)[name])}
    overridden = {name for name in overridden if hasattr(gthread.ThreadWorker, name)}
    assert overridden <= {name for methods in METHODS.values() for name in methods}
    texts = "".join(
        (ROOT / "service" / f"{name}.py").read_text() for name in ("gunicorn_config", "gunicorn_worker", "listening")
    )
    assert set(re.findall(r"gunicorn\.config\.(\w+)", texts)) == set(SETTINGS)


def test_the_socket_is_read_and_written_as_the_service_bounds_it() -> None:
    """gunicorn's parser calls `recv`, and its response `sendall`; a bound on another method would bound nothing."""
    assert "self.sock.recv(" in inspect.getsource(gunicorn.http.unreader.SocketUnreader)
    assert "sock.sendall(" in inspect.getsource(gunicorn.util.write)
    assert {"recv", "sendall"} <= set(vars(ClientSocket))
