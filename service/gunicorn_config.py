"""Configures gunicorn: what functions-framework leaves open or sets otherwise, each with its reason.

functions-framework makes the gunicorn application itself and takes no configuration file. It leaves three ways in: the
variable `THREADS`, the defaults of gunicorn's settings, and the worker class.
"""

import math
import os
from collections.abc import Callable, MutableMapping

import gunicorn.config  # type: ignore[import-untyped]

from service.gunicorn_worker import KILL_SECONDS, ServiceLogger, ServiceWorker

# Threads beyond those that wait for scripts: for health checks, for errors, and for slow clients.
SPARE_THREADS = 64
# What a stop may take beyond the scripts that still run or wait: their requests arrive, or their jails are made.
_STOP_SECONDS = 20
_SHARED_MEMORY = "/dev/shm"  # noqa: S108 (Linux's own)


def configure_gunicorn(
    environment: MutableMapping[str, str],
    *,
    waiting_scripts: int,
    connections: int,
    timeout_seconds: float,
    start: Callable[[], None],
    stop: Callable[[], None],
) -> None:
    """Configure gunicorn, before functions-framework makes the server. Starts nothing.

    Args:
        environment: where functions-framework looks for `THREADS`; if it is set there, it stays.
        waiting_scripts: how many requests may wait for a script at once, running or queued.
        connections: how many may be open at once.
        timeout_seconds: how long one script may take.
        start: called in each worker, in a thread of its own, as soon as the worker runs.
        stop: called in each worker at its end.
    """
    # The default, 4 per CPU, is less than the sandbox's queue holds: the queue would never be full.
    environment.setdefault("THREADS", str(waiting_scripts + SPARE_THREADS))
    # Otherwise functions-framework sets a worker class of its own. Scripts have their time limit without it.
    environment["THREADED_TIMEOUT_ENABLED"] = "false"
    ServiceWorker.start_service = staticmethod(start)
    ServiceWorker.stop_service = staticmethod(stop)
    defaults = {
        gunicorn.config.WorkerClass: ServiceWorker,
        gunicorn.config.LoggerClass: ServiceLogger,
        # A socket under $HOME that commands the server, and that scripts without namespaces could see.
        gunicorn.config.ControlSocketDisable: True,
        # By default any process on this host may claim to be a proxy, and set a request's path and scheme. With a path
        # in SCRIPT_NAME the router redirects, in HTML.
        gunicorn.config.ForwardedAllowIPS: "",
        # A worker touches a file as its sign of life: in memory it needs no disk, and works if the root is read-only.
        gunicorn.config.WorkerTmpDir: _SHARED_MEMORY if os.access(_SHARED_MEMORY, os.W_OK) else None,
        # Every connection takes a descriptor, and gunicorn's worker dies if none is left.
        gunicorn.config.WorkerConnections: connections,
        # A script that waits in the queue begins after one timeout at the latest, and then runs for another.
        gunicorn.config.GracefulTimeout: math.ceil(2 * timeout_seconds) + _STOP_SECONDS + KILL_SECONDS,
    }
    for setting, default in defaults.items():
        setting.default = default
