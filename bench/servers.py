"""Starts what is measured: functions-framework with one function or another, all with the same settings."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from sandbox.host.spawner import ENVIRONMENT

from .workloads import PANDAS, Workload

ROOT = Path(__file__).resolve().parent.parent
_BENCH = ROOT / "bench"
UNJAILED_COMMAND = (str(ROOT / ".venv-sandbox" / "bin" / "python"), "-I", str(_BENCH / "unjailed.py"))
_START_SECONDS = 60
_STOP_SECONDS = 60
# Enough for every client of the bench, for all rows.
THREADS = "96"


class ServerFailed(Exception):
    """A server did not start, or gave an answer that cannot be measured; the message has the end of its log."""


@dataclass(slots=True)
class Server:
    """A running server.

    Attributes:
        port: where it listens, on 127.0.0.1.
        process: the process that was started.
        log: what it writes, a file.
        started: when the command was given, in the time of `time.monotonic`.
    """

    port: int
    process: subprocess.Popen[bytes]
    log: Path
    started: float

    def post(self, body: dict[str, Any]) -> tuple[int, str]:
        """Send one request over a connection of its own, and return status and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("POST", "/execute", json.dumps(body), {"Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def answer_seconds(self, workload: Workload) -> float:
        """Have one script run, and return how long that took.

        Raises:
            ServerFailed: the answer is wrong.
        """
        before = time.monotonic()
        status, body = self.post(json.loads(workload.request_body()))
        if status != 200 or not body.startswith(workload.answer):
            raise self.failure(f"{workload.name} was answered {status} {body[:500]}")
        return time.monotonic() - before

    def wait_until_open(self) -> float:
        """Wait until the port is open, and return how many seconds after the command that was.

        Raises:
            ServerFailed: it has ended before, or takes too long.
        """
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=_START_SECONDS).close()
                return self.seconds()
            except ConnectionRefusedError:
                if self.process.poll() is not None or self.seconds() > _START_SECONDS:
                    raise self.failure("The server did not open its port.") from None
                time.sleep(0.005)

    def wait_until_warm(self, below_seconds: float) -> float:
        """Wait until a pandas script is answered in less than a time; return how many seconds after the command.

        Raises:
            ServerFailed: that does not happen.
        """
        while self.answer_seconds(PANDAS) >= below_seconds:
            if self.seconds() > _START_SECONDS:
                raise self.failure(f"No pandas script was answered in less than {below_seconds:.3f} s.")
        return self.seconds()

    def seconds(self) -> float:
        """Return the time since the command was given."""
        return time.monotonic() - self.started

    def processes(self) -> list[psutil.Process]:
        """Return the server's processes."""
        main = psutil.Process(self.process.pid)
        return [main, *main.children(recursive=True)]

    def failure(self, message: str) -> ServerFailed:
        """Make an exception that shows the end of the log."""
        return ServerFailed(f"{message}\n{self.log.read_text(errors='replace')[-2000:]}")


@contextmanager
def run_server(folder: Path, *, function: Path = ROOT / "main.py", **settings: str) -> Iterator[Server]:
    """Start functions-framework as `make run` does, and stop it in the end; its port may not be open yet.

    Args:
        folder: where its log goes, and its temporary files (`tmp`).
        function: the file with the function `app`; the service's own unless named.
        settings: environment variables.
    """
    temporary = folder / "tmp"
    temporary.mkdir(parents=True)
    folder.chmod(0o711)  # scripts with user ids of their own pass through it
    temporary.chmod(0o711)
    log = folder / "log"
    port = free_port()
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(temporary), "PYTHONPATH": str(ROOT)}
    environment |= {"PORT": str(port), "THREADS": THREADS, "THREADED_TIMEOUT_ENABLED": "false"} | settings
    framework = [sys.executable, "-m", "functions_framework", "--target", "app", "--host", "127.0.0.1"]
    with log.open("wb") as output:
        started = time.monotonic()
        process = subprocess.Popen(
            [*framework, "--source", str(function)],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        yield Server(port, process, log, started)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(_STOP_SECONDS)


@contextmanager
def run_rows(folder: Path) -> Iterator[dict[str, Server]]:
    """Run every row of the comparison side by side, by name: `warm`, `cold`, `subprocess` and `floor`."""
    folder.mkdir()
    folder.chmod(0o711)  # scripts with user ids of their own pass through it
    with ExitStack() as stack:
        sockets = {"FLOOR_BARE": [], "FLOOR_WARM": ["numpy", "pandas"]}
        for name, imports in sockets.items():
            stack.enter_context(_run_floor(folder / name, imports))
        rows: dict[str, tuple[Path, dict[str, str]]] = {
            "warm": (ROOT / "main.py", {}),
            "cold": (ROOT / "main.py", {"SANDBOX_MODE": "cold"}),
            "subprocess": (_BENCH / "subprocess_function.py", {}),
            "floor": (_BENCH / "floor_function.py", {name: str(folder / name) for name in sockets}),
        }
        servers = {}
        for name, (function, settings) in rows.items():
            servers[name] = stack.enter_context(run_server(folder / name, function=function, **settings))
        for server in servers.values():
            server.wait_until_open()
        # A warm start shows by taking less than half of a cold one.
        servers["warm"].wait_until_warm(servers["cold"].answer_seconds(PANDAS) / 2)
        yield servers


@contextmanager
def _run_floor(path: Path, imports: list[str]) -> Iterator[None]:
    """Run an interpreter that forks for each script that comes over the Unix socket `path`."""
    command = [*UNJAILED_COMMAND, "serve", str(path), *imports]
    process = subprocess.Popen(command, env=ENVIRONMENT, stdin=subprocess.DEVNULL)
    try:
        until = time.monotonic() + _START_SECONDS
        while not path.exists():
            if process.poll() is not None or time.monotonic() > until:
                raise ServerFailed(f"bench/unjailed.py did not start: {process.poll()}")
            time.sleep(0.02)
        yield
    finally:
        process.kill()
        process.wait()


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
