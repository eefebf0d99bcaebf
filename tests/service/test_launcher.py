"""The first process of a container, here without one: who runs as whom, and how it all ends."""

import contextlib
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
import requests

from tests.attacking import ORDINARY_USER
from tests.conftest import ROOT, Serve, Server, free_port, start_server

LAUNCHER = ("service.launcher",)
SERVER_UID = 65_532
SLEEP = "import time\ndef main(seconds):\n    time.sleep(seconds)\n    return 'slept'\n"


@pytest.fixture
def launched(new_server: Serve) -> Iterator[Server]:
    server = new_server(module=LAUNCHER)
    yield server
    if server.process.poll() is None:
        server.stop()


def status_of(process: psutil.Process) -> dict[str, str]:
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def child(server: Server, uid: int) -> psutil.Process:
    """Return the launcher's child of this user: the HTTP server's, or root's, which starts the jails."""
    [found] = [process for process in server.main.children() if process.uids().effective == uid]
    return found


def listens(process: psutil.Process) -> bool:
    try:
        return bool(process.net_connections("tcp"))
    except psutil.NoSuchProcess:
        return False


def users_in_jails(server: Server) -> list[int]:
    """Return under which user ids processes run inside jails."""
    found = []
    for process in child(server, 0).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.name() != "nsjail":
                found.append(process.uids().effective)
    return found


def wait_until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def wait_until_gone(processes: list[psutil.Process]) -> None:
    _, left = psutil.wait_procs(processes, timeout=20)
    assert not left


@pytest.mark.needs_root
def test_the_server_is_an_unprivileged_user_and_so_is_what_runs_scripts(launched: Server) -> None:
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(launched.post, SLEEP, args={"seconds": 1})
        time.sleep(0.5)
        server = child(launched, SERVER_UID)
        for process in (server, *server.children(recursive=True)):
            status = status_of(process)
            assert status["Uid"].split() == status["Gid"].split() == [str(SERVER_UID)] * 4
            assert status["Groups"] == ""
            assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {"0" * 16}
            assert status["NoNewPrivs"] == "1"
        assert {process.uids().effective for process in launched.processes() if listens(process)} == {SERVER_UID}
        # What has just been started is nsjail's, or the shell's that starts it, for a moment more.
        deadline = time.monotonic() + 10
        while min(found := users_in_jails(launched), default=0) < 100_000:
            assert time.monotonic() < deadline, found
            time.sleep(0.05)
        assert answer.result().json()["result"] == "slept"
    assert launched.isolation() == "namespaces"


@pytest.mark.slow
@pytest.mark.needs_root
def test_the_level_seccomp_is_served_too(new_server: Serve) -> None:
    server = new_server(module=LAUNCHER, without_namespaces=True)
    assert server.isolation() == "seccomp"
    assert server.post(SLEEP, args={"seconds": 0}).json()["result"] == "slept"
    server.stop()


@pytest.mark.slow
@pytest.mark.needs_root
def test_an_ordinary_user_is_served_without_another_process(new_server: Serve) -> None:
    server = new_server(user=ORDINARY_USER, module=LAUNCHER)
    assert server.isolation() == "namespaces"
    [only] = server.main.children()
    assert only.uids().effective == ORDINARY_USER
    assert server.post(SLEEP, args={"seconds": 0}).json()["result"] == "slept"
    server.stop()


@pytest.mark.slow
def test_stop_lets_scripts_finish_and_leaves_no_process(launched: Server) -> None:
    with ThreadPoolExecutor() as pool:
        running = pool.submit(launched.post, SLEEP, args={"seconds": 2})
        time.sleep(1)
        stopping = pool.submit(launched.stop)
        assert running.result().json()["result"] == "slept"
        assert stopping.result() < 8


@pytest.mark.slow
@pytest.mark.needs_root
def test_it_ends_with_the_status_of_a_server_that_is_killed(launched: Server) -> None:
    everything = launched.processes()
    child(launched, SERVER_UID).kill()
    assert launched.process.wait(20) == 128 + signal.SIGKILL
    wait_until_gone(everything)


@pytest.mark.slow
@pytest.mark.needs_root
def test_what_the_killed_server_leaves_behind_is_not_waited_for(launched: Server) -> None:
    """Its worker would go on for as long as a client uses its connection."""
    everything = launched.processes()
    over = threading.Event()

    def ask() -> None:
        with contextlib.suppress(requests.ConnectionError):
            while not over.is_set():
                launched.send(b'{"script": "def main():\\n    return 1"}')

    client = threading.Thread(target=ask)
    client.start()
    try:
        wait_until(lambda: '"status":200' in launched.log_text(), "nothing was answered")
        child(launched, SERVER_UID).kill()
        assert launched.process.wait(9) == 128 + signal.SIGKILL
    finally:
        over.set()
        client.join()
    wait_until_gone(everything)


@pytest.mark.slow
@pytest.mark.needs_root
def test_the_wait_for_the_last_jails_is_bounded_for_the_first_process_of_a_container() -> None:
    """That process does not feel an alarm that it has no handler for."""
    script = """
import os, time
from service import launcher
broker = os.fork()
if broker == 0:
    time.sleep(60)
launcher._BROKER_SECONDS = 1
launcher._end(broker, 7)
"""
    command = ["unshare", "--pid", "--fork", sys.executable, "-c", script]
    assert subprocess.run(command, cwd=ROOT, timeout=30, check=False).returncode == 7


@pytest.mark.slow
@pytest.mark.needs_root
@pytest.mark.parametrize("user", [SERVER_UID, 0], ids=["server", "spawn broker"])
def test_a_stopped_process_is_continued(user: int, launched: Server) -> None:
    stopped = child(launched, user)
    stopped.suspend()
    wait_until(lambda: f"Process {stopped.pid} was stopped, and is continued." in launched.log_text(), "not noticed")
    wait_until(lambda: stopped.status() != psutil.STATUS_STOPPED, "not continued")
    assert launched.post(SLEEP, args={"seconds": 0}).json()["result"] == "slept"


@pytest.mark.slow
@pytest.mark.needs_root
def test_it_ends_in_failure_when_nothing_starts_jails_any_more(launched: Server) -> None:
    everything = launched.processes()
    child(launched, 0).kill()
    assert launched.process.wait(20) == 1
    assert "The spawn broker exited, and so the service stops." in launched.log_text()
    wait_until_gone(everything)


@pytest.mark.slow
@pytest.mark.needs_root
def test_a_dead_zygote_is_replaced(launched: Server) -> None:
    hello = "def main():\n    return 1\n"
    assert launched.post(hello).json()["result"] == 1
    for jail in child(launched, 0).children():
        jail.kill()
    deadline = time.monotonic() + 10
    while launched.post(hello).json().get("result") != 1:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    while len(child(launched, 0).children()) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_wrong_settings_are_said_once(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    process = start_server(tmp_path, {"PORT": str(free_port()), "LOG_FORMAT": "xml"}, module=LAUNCHER)
    assert process.wait(30) == 1
    said = (tmp_path / "log").read_text()
    assert said.splitlines() == ["Wrong settings:", "LOG_FORMAT='xml': expected one of json, text"]


@pytest.mark.needs_root
def test_root_that_cannot_stop_being_root_is_refused_with_the_remedy() -> None:
    command = ["setpriv", "--bounding-set=-all", sys.executable, "-m", *LAUNCHER]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert "docker run --user 65532" in done.stderr
