"""A Ctrl-C stops the service at once, however many signals come of it, and leaves nothing behind."""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from gunicorn.config import Config  # type: ignore[import-untyped]
from gunicorn.glogging import Logger  # type: ignore[import-untyped]

from service.gunicorn_worker import ServiceWorker
from tests.conftest import Serve, Server

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for temporary files that scripts with user ids of their own pass through."""
    tmp_path.chmod(0o711)
    return tmp_path


def test_a_signal_while_a_request_is_submitted_stops_the_worker() -> None:
    if (child := os.fork()) == 0:
        status = 1
        try:
            worker = ServiceWorker(0, 0, [], None, 30, Config(), Logger(Config()))
            worker.tpool = ThreadPoolExecutor(1)
            with worker.tpool._shutdown_lock:
                worker.handle_quit(signal.SIGINT, None)
        except SystemExit:
            status = 0
        finally:
            os._exit(status)
    deadline = time.monotonic() + 10
    while not (ended := os.waitpid(child, os.WNOHANG))[0]:
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            pytest.fail("the handler waits for a lock that its own thread holds")
        time.sleep(0.02)
    assert os.waitstatus_to_exitcode(ended[1]) == 0


def worker_of(server: Server) -> psutil.Process:
    [worker] = server.main.children()
    return worker


def test_many_signals_stop_a_worker_once(new_server: Serve, folder: Path) -> None:
    server = new_server(module=("service",), NSJAIL="/bin/false", TMPDIR=str(folder))
    assert server.post("def main():\n    return 1").status_code == 200
    worker = worker_of(server)
    for number in [signal.SIGINT, signal.SIGQUIT] * 100:
        try:
            worker.send_signal(number)
        except psutil.NoSuchProcess:
            break
    worker.wait(10)
    os.kill(server.process.pid, signal.SIGINT)
    server.process.wait(10)
    assert list(folder.iterdir()) == []


def test_a_ctrl_c_reaches_every_process_of_the_terminal(new_server: Serve, folder: Path) -> None:
    server = new_server(module=("service",), NSJAIL="/bin/false", TMPDIR=str(folder))
    assert server.post("def main():\n    return 1").status_code == 200
    os.killpg(server.process.pid, signal.SIGINT)
    started = time.monotonic()
    server.process.wait(15)
    assert time.monotonic() - started < 10
    assert list(folder.iterdir()) == []
