"""gunicorn's configuration: what functions-framework leaves open or sets otherwise, each with its reason.

functions-framework makes the gunicorn application itself and takes no configuration file. It can be configured by
three things: the variable `THREADS`, the defaults of gunicorn's settings, and the worker class.
"""

import math
import os
from collections.abc import Callable, MutableMapping

import gunicorn.config  # type: ignore[import-untyped]

from service.gunicorn_worker import KILL_MARGIN_SECONDS, ServiceLogger, ServiceWorker

# How long a stop may take besides the time of the scripts that still run or wait: their requests have to arrive, and
# their jails have to be made.
_STOP_SECONDS = 20

_SHARED_MEMORY = "/dev/shm"  # noqa: S108 (Linux's own)


def configure_gunicorn(
    environment: MutableMapping[str, str],
    *,
    threads: int,
    connections: int,
    timeout_seconds: float,
    start: Callable[[], None],
    stop: Callable[[], None],
) -> None:
    """Set how gunicorn serves; starts nothing. It must be called before functions-framework makes the server.

    Args:
        environment: where functions-framework reads `THREADS`; a value that is set there stays.
        threads: how many requests a worker handles at once.
        connections: how many connections a worker holds open at once.
        timeout_seconds: how long one script may take.
        start: called in each worker as soon as it runs, in a thread of its own.
        stop: called in each worker when it ends.
    """
    # The default, 4 per CPU, is less than the sandbox's queue holds, so that queue would never be seen to be full.
    environment.setdefault("THREADS", str(threads))
    # With it functions-framework would use a worker class of its own. Scripts have their time limit without it.
    environment["THREADED_TIMEOUT_ENABLED"] = "false"
    ServiceWorker.start_service = staticmethod(start)
    ServiceWorker.stop_service = staticmethod(stop)
    defaults = {
        gunicorn.config.WorkerClass: ServiceWorker,
        gunicorn.config.LoggerClass: ServiceLogger,
        # A socket under $HOME that takes commands for the server, and which scripts without namespaces could see.
        gunicorn.config.ControlSocketDisable: True,
        # By default a proxy on this machine, and so everybody on it, may say what path and scheme were asked for. With
        # the path in SCRIPT_NAME the router redirects, in HTML.
        gunicorn.config.ForwardedAllowIPS: "",
        # A worker's heartbeat is a file. In memory it needs no disk, and works on a read-only root.
        gunicorn.config.WorkerTmpDir: _SHARED_MEMORY if os.access(_SHARED_MEMORY, os.W_OK) else None,
        # Every connection is a file descriptor, and gunicorn's worker dies when none is left.
        gunicorn.config.WorkerConnections: connections,
        # A script that waits in the queue begins after one timeout at the latest, and then has its own.
        gunicorn.config.GracefulTimeout: math.ceil(2 * timeout_seconds) + _STOP_SECONDS + KILL_MARGIN_SECONDS,
    }
    for setting, default in defaults.items():
        setting.default = default
