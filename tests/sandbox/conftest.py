"""A server at each level of isolation, with the policy off, for the tests that try to break out."""

import os
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.attacking import ORDINARY_USER, SETTINGS
from tests.conftest import ROOT, Serve, Server, Service

SITE_PACKAGES = ROOT / ".venv-sandbox" / "lib" / "python3.11" / "site-packages"
LEVELS = ("namespaces", "seccomp", "process")


@pytest.fixture(scope="module", params=["root", pytest.param("user", marks=pytest.mark.slow)])
def user(request: pytest.FixtureRequest) -> int | None:
    if request.param == "root":
        return None
    if os.geteuid() != 0:
        pytest.skip("only root can start the service as another user")
    return ORDINARY_USER


WARM = [(level, "warm") for level in LEVELS]
COLD = [pytest.param((level, "cold"), marks=pytest.mark.slow) for level in LEVELS]


@pytest.fixture(scope="module", params=[*WARM, *COLD], ids="-".join)
def jailed(request: pytest.FixtureRequest, user: int | None, serve: Serve, no_rules: Path) -> Server:
    """A server at one level; warm, or one jail per script."""
    server = start_at_level(serve, *request.param, user=user, POLICY_FILE=str(no_rules))
    assert server.isolation() == request.param[0]
    return server


def start_at_level(serve: Serve, level: str, mode: str, *, user: int | None, **settings: str) -> Server:
    """Start a server with `SETTINGS` at a level, by taking away what higher levels need, and wait until it is idle.

    If this host does not allow the level, the server is at another.
    """
    settings = SETTINGS | {"SANDBOX_MODE": mode} | settings
    if level == "process":
        settings["NSJAIL"] = "/bin/false"
    server = serve(user=user, without_namespaces=level == "seccomp", **settings)
    if server.isolation() == level:
        wait_until_idle(server, level, mode)
    return server


def wait_until_idle(server: Server, level: str, mode: str) -> None:
    """Wait until there are gunicorn's two processes, the checkers, two zygotes and their spares, and nothing else.

    Only processes that keep a network namespace may come on top: at most one for each script that ran and each spare
    that waited at the same time.
    """
    nsjail = 0 if level == "process" else 1
    spare = 2 if level == "namespaces" else 1  # its process, and the first of its process namespace
    spares = 2 * len(os.sched_getaffinity(0))
    expected = 2 + checker_processes() + (2 * (nsjail + 1 + spare * spares) if mode == "warm" else 0)
    deadline = time.monotonic() + 15
    while True:
        living = server.processes()
        network_holders = [process for process in living if keeps_a_network(process)]
        if len(living) - len(network_holders) == expected:
            break
        assert time.monotonic() < deadline, f"{len(living)} processes instead of {expected}: {living}"
        time.sleep(0.05)
    assert len(network_holders) <= 2 * 2 * spares


def checker_processes() -> int:
    """Return how many processes of a service check scripts, or start the processes that do."""
    return 1 + max(len(os.sched_getaffinity(0)), 2)


def keeps_a_network(process: psutil.Process) -> bool:
    """Return whether a process does nothing but keep a network namespace.

    Such a process sends no signal when it exits (the 38th field of /proc/PID/stat, see proc(5)). Neither does the first
    process of a process namespace, but that is in another process namespace than its parent.
    """
    try:
        stat = Path(f"/proc/{process.pid}/stat").read_text(errors="replace")
        exit_signal = stat.rpartition(")")[2].split()[35]
        own, parents = (Path(f"/proc/{pid}/ns/pid").readlink() for pid in (process.pid, process.ppid()))
    except (FileNotFoundError, ProcessLookupError, psutil.NoSuchProcess):
        return False
    return exit_signal == "0" and own == parents


# A script for `running`.
WAIT = """
import os, time

def main():
    os.mkdir("here")
    while os.path.exists("here"):
        time.sleep(0.01)
    return "done"
"""


@contextmanager
def running(server: Service, script: str, **args: object) -> Iterator[tuple[psutil.Process, Future[Any]]]:
    """Run a script that makes a folder `here` and ends when the folder is removed; find its process meanwhile.

    Yields:
        the process that runs the script, and the future of its answer.
    """
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(lambda: server.post(script, args=args).json())
        deadline = time.monotonic() + 10
        while not (found := [one for one in server.processes() if has_begun(one)]):
            assert not answer.done(), answer.result()
            assert time.monotonic() < deadline, "the script does not begin"
            time.sleep(0.01)
        [process] = found
        try:
            yield process, answer
        finally:
            (scratch_of(process) / "here").rmdir()


def has_begun(process: psutil.Process) -> bool:
    try:
        return (scratch_of(process) / "here").exists()
    except PermissionError:  # even root may not look into this host's first process
        return False


def scratch_of(process: psutil.Process) -> Path:
    """Return a path to a process's working folder, in whatever mount namespace that is; only root can follow it."""
    return Path(f"/proc/{process.pid}/cwd")
