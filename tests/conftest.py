"""The real server, on a real port, for every test that needs one."""

import ctypes
import functools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

ROOT = Path(__file__).parent.parent
MUST_RUN = os.environ.get("TESTS_MUST_RUN") == "1"

_PR_SET_CHILD_SUBREAPER = 36
_LAST = ("needs_terraform_provider", "needs_docker")


def pytest_configure(config: pytest.Config) -> None:
    """Give each run its own temporary folder, which the service can reach as an ordinary user.

    All runs of a user share pytest's folder, and each run closes it to other users again.
    """
    if config.option.basetemp is None:
        folder = Path(tempfile.mkdtemp(prefix="executor-tests-"))
        folder.chmod(0o755)
        config.option.basetemp = str(folder / "run")
        config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


@pytest.fixture(scope="session", autouse=True)
def open_basetemp(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Let ordinary users pass through the temporary folder."""
    tmp_path_factory.getbasetemp().chmod(0o711)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the tests that build an image after all others, and the tests that run Terraform last."""
    items.sort(key=lambda item: [item.get_closest_marker(name) is not None for name in _LAST])


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test that needs what this host lacks."""
    if item.get_closest_marker("needs_root") and os.geteuid() != 0:
        pytest.skip("only root may start other users' processes and look into them")
    if item.get_closest_marker("needs_docker") and not docker_works():
        pytest.skip("there is no docker command that works (docker info)")


@functools.cache
def docker_works() -> bool:
    if not shutil.which("docker"):
        return False
    return subprocess.run(["docker", "info"], capture_output=True, check=False, timeout=300).returncode == 0


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, None]:
    """Report a skipped test as failed if TESTS_MUST_RUN=1, as in CI."""
    outcome = yield
    report = outcome.get_result()
    # The provider is a download of half a gigabyte that pip does not do: even CI may skip the tests that need it.
    if MUST_RUN and report.skipped and not item.get_closest_marker("needs_terraform_provider"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, and TESTS_MUST_RUN is set: {report.longrepr}"


@dataclass
class Service:
    """The service on a port of this machine, as a process or in a container."""

    port: int
    session: requests.Session = field(default_factory=requests.Session, kw_only=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def processes(self) -> list[psutil.Process]:
        """Return processes that include all of the service's."""
        return list(psutil.process_iter())

    def isolation(self) -> str | None:
        """Return the level that /health names."""
        level: str | None = requests.get(f"{self.url}/health", timeout=60).json().get("isolation")
        return level

    def post(self, script: str, **fields: Any) -> requests.Response:
        """Send a script to /execute."""
        return requests.post(f"{self.url}/execute", json={"script": script, **fields}, timeout=60)

    def send(self, body: bytes, **headers: str) -> requests.Response:
        """Send any body to /execute, over a connection that stays open."""
        headers = {"Content-Type": "application/json", **headers}
        return self.session.post(f"{self.url}/execute", data=body, headers=headers, timeout=60)

    def connect(self) -> socket.socket:
        """Open a bare connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def exchange(self, sent: bytes) -> bytes:
        """Send bytes, shut down the sending side, and return everything that comes back."""
        with self.connect() as connection:
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(65536), b""))


@dataclass
class Server(Service):
    """The service as a process of this machine."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def main(self) -> psutil.Process:
        return psutil.Process(self.process.pid)

    def processes(self) -> list[psutil.Process]:
        """Return the server's process and all that descend from it."""
        return [self.main, *self.main.children(recursive=True)]

    def log_text(self) -> str:
        return self.log.read_text()

    def log_lines(self) -> list[dict[str, Any]]:
        """Return the log's lines, each of which must be a JSON object."""
        return [json.loads(line) for line in self.log_text().splitlines()]

    def stop(self) -> float:
        """Stop the server as Cloud Run does, check that it left no process, and return the seconds that it took."""
        self.session.close()
        started = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(60)
        took = time.monotonic() - started
        left = _orphans()
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        assert not left, f"the server left processes: {left}"
        assert status == 0, self.log_text()
        return took


Serve = Callable[..., Server]
_running: list[Server] = []
# The processes that tests started themselves and still wait for.
started_by_tests: set[int] = set()


def _orphans() -> dict[int, str]:
    """Return our living children that no test started: the kernel gives us the processes that a server left behind."""
    servers = {server.process.pid for server in _running} | started_by_tests
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            name, _, rest = (entry / "stat").read_text(errors="replace").rpartition(")")
        except (FileNotFoundError, ProcessLookupError):
            continue
        state, parent = rest.split()[:2]
        if int(parent) == os.getpid() and state != "Z" and int(entry.name) not in servers:
            found[int(entry.name)] = name
    return found


FUNCTIONS_FRAMEWORK = ("functions_framework", "--target", "app", "--host", "127.0.0.1")


def start_server(
    folder: Path,
    environment: dict[str, str],
    *,
    user: int | None = None,
    without_namespaces: bool = False,
    open_files: str = "",
    groups: Sequence[int] = (),
    module: Sequence[str] = FUNCTIONS_FRAMEWORK,
) -> subprocess.Popen[bytes]:
    """Start functions-framework as `make run` does, with only this environment; its output goes to `folder`/log."""
    limit = ["prlimit", f"--nofile={open_files}"] if open_files else []
    refuse = [sys.executable, str(ROOT / "tests" / "refuse_namespaces.py")] if without_namespaces else []
    base = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(ROOT)}
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            [*limit, *refuse, sys.executable, "-m", *module],
            cwd=ROOT,
            env=base | environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            user=user,
            group=user,
            extra_groups=list(groups) if groups or user is not None else None,
        )


def copy_of_repository(to: Path) -> Path:
    """Copy every file that is, or would be, committed; return the copy's folder."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.decode()
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, to / name)
    return to


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def servers(make_folder: Callable[[], Path]) -> Iterator[Serve]:
    """Yield a function that starts a server in its own folder; at the end, stop every server that it started.

    The function takes environment variables, and `user`, a user id; `without_namespaces`, as in a plain `docker run`;
    `open_files`, a limit in the form of prlimit(1); `groups`, its supplementary groups; `module`, the Python module to
    run, with its arguments.
    """
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    def start(
        user: int | None = None,
        without_namespaces: bool = False,
        open_files: str = "",
        groups: Sequence[int] = (),
        module: Sequence[str] = FUNCTIONS_FRAMEWORK,
        **environment: str,
    ) -> Server:
        folder = make_folder()
        if user is not None:
            os.chown(folder, user, user)
        port = free_port()
        environment["PORT"] = str(port)
        process = start_server(
            folder,
            environment,
            user=user,
            without_namespaces=without_namespaces,
            open_files=open_files,
            groups=groups,
            module=module,
        )
        server = Server(port, process, folder / "log")
        _running.append(server)
        deadline = time.monotonic() + 30
        while True:
            try:
                requests.get(f"{server.url}/health", timeout=30)
                return server
            except requests.ConnectionError:
                assert server.process.poll() is None, server.log_text()
                assert time.monotonic() < deadline, server.log_text()
                time.sleep(0.02)

    yield start
    for server in _running:
        if server.process.poll() is None:
            server.stop()


@pytest.fixture(scope="session")
def new_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """A function that starts a server for one test; see `servers`."""
    with servers(lambda: tmp_path_factory.mktemp("server")) as start:
        yield start


@pytest.fixture(scope="session")
def serve(new_server: Serve) -> Serve:
    """Like `new_server`, but tests that ask for the same settings share a server."""
    servers: dict[tuple[Any, ...], Server] = {}

    def shared(user: int | None = None, without_namespaces: bool = False, **environment: str) -> Server:
        key = (user, without_namespaces, *sorted(environment.items()))
        if key not in servers:
            servers[key] = new_server(user, without_namespaces, **environment)
        return servers[key]

    return shared


@pytest.fixture(scope="session")
def server(serve: Serve) -> Server:
    """A server with the default settings."""
    return serve()


@pytest.fixture(scope="session")
def no_rules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A policy that denies nothing, in a folder that every user can reach."""
    file = tmp_path_factory.mktemp("policy") / "none.yaml"
    file.write_text("version: 1\n")
    for folder in (file, *list(file.parents)[:3]):
        folder.chmod(0o755)
    return file
