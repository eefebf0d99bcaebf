"""Files without a name: who fills the disk by them is found, and nobody else."""

import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from sandbox.jail.disk import DiskWatch
from tests.attacking import LIMITS
from tests.conftest import Server

pytestmark = pytest.mark.slow

MB = 2**20
LIMIT_BYTES = 4 * MB

HIDE = """
import os, time

def main():
    held = []
    for _ in range(64):
        held.append(os.open("file", os.O_CREAT | os.O_RDWR))
        os.unlink("file")
        os.write(held[-1], b"x" * 4 * 2**20)
        time.sleep(0.01)
    time.sleep(1)
    return "reached"
"""
# Much is written, again and again, and never much at once.
REWRITE = """
import os, time

def main():
    until = time.monotonic() + 2
    while time.monotonic() < until:
        with open("file", "wb") as file:
            file.write(b"x" * 2 * 2**20)
        os.unlink("file")
        time.sleep(0.1)
    return "went on"
"""
WAIT = "import time\ndef main():\n    time.sleep(2)\n    return 'went on'"


def test_who_fills_the_disk_is_ended_and_no_neighbour(jailed: Server) -> None:
    with ThreadPoolExecutor(3) as pool:
        neighbours = [pool.submit(jailed.post, script) for script in (REWRITE, WAIT)]
        answer = jailed.post(HIDE).json()
        others = [one.result().json() for one in neighbours]
    if jailed.isolation() == "namespaces":
        assert "No space left" in answer["error"]
    else:
        megabytes = LIMITS["scratch_mb"]
        assert answer["error"] == f"The script's files took more than the {megabytes} MB of scratch space."
    assert answer["code"] == "script_error"
    assert [one.get("result") for one in others] == ["went on"] * 2, others


def child(act: Callable[[], object]) -> int:
    pid = os.fork()
    if pid == 0:
        act()
        signal.pause()
    return pid


def hide(size_bytes: int) -> None:
    fd = os.open(f"file-{os.getpid()}", os.O_CREAT | os.O_RDWR)
    os.unlink(f"file-{os.getpid()}")
    os.write(fd, b"x" * size_bytes)


def hide_more_and_more() -> None:
    """Fill the disk as a script would: others give space back meanwhile, which hides what is lost for a while."""
    for _ in range(100):
        hide(32 * MB)
        time.sleep(0.1)


def test_who_stops_late_is_counted_then_and_goes_on(
    tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits for the disk cannot stop before it is done with that."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sandbox.jail.disk._STOP_SECONDS", 0.1)
    os.sync()
    watch = DiskWatch(str(tmp_path), LIMIT_BYTES)
    watch.look([])
    free = os.statvfs(tmp_path).f_bfree * os.statvfs(tmp_path).f_frsize
    pids = [child(hide_more_and_more), child(lambda: None)]
    try:
        deadline = time.monotonic() + 20
        while free - os.statvfs(tmp_path).f_bfree * os.statvfs(tmp_path).f_frsize < 60 * MB:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        watch.look(pids)
        _, _, usage = os.wait4(pids[1], os.WUNTRACED)
        assert watch.count(pids[1], usage)
        time.sleep(0.2)
        assert watch.culprit() == 0
        watch.look(pids)
        _, _, usage = os.wait4(pids[0], os.WUNTRACED)
        assert watch.count(pids[0], usage)
        assert watch.culprit() == pids[0]
        # A stop that nobody has asked for is the script's own.
        os.kill(pids[1], signal.SIGSTOP)
        _, _, usage = os.wait4(pids[1], os.WUNTRACED)
        assert not watch.count(pids[1], usage)
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


@pytest.mark.parametrize("much", [True, False], ids=["much", "little"])
def test_all_are_stopped_for_a_moment_only_where_much_is_lost(
    much: bool, tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    os.sync()  # what was deleted a moment ago is given back now, and not meanwhile
    watch = DiskWatch(str(tmp_path), LIMIT_BYTES)
    watch.look([])  # what is free before
    pids = [child(hide_more_and_more if much else lambda: hide(2 * MB)), child(lambda: None)]
    try:
        deadline = time.monotonic() + (20 if much else 3)
        culprit = 0
        stopped = set()
        while not culprit and time.monotonic() < deadline:
            watch.look(pids)
            time.sleep(0.01)
            pid, status, usage = os.wait4(-1, os.WNOHANG | os.WUNTRACED)
            if pid and os.WIFSTOPPED(status):
                stopped.add(pid)
                watch.count(pid, usage)
            culprit = watch.culprit()
        assert culprit == (pids[0] if much else 0)
        if much:
            assert stopped == set(pids)
            for pid in pids:
                assert os.waitid(os.P_PID, pid, os.WCONTINUED | os.WNOHANG)
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
