"""A script whose end takes long costs its neighbours nothing: no life, and no more than its share of the CPUs."""

import secrets
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from sandbox.host.shares import lacks_fair_shares
from tests.conftest import Serve, Server
from tests.sandbox.conftest import has_begun
from tests.sandbox.test_zygote import living, wait_until, warm, zygotes

pytestmark = pytest.mark.slow

_FREEZER = Path("/sys/fs/cgroup/freezer")
HELLO = "def main():\n    return 'hello'"
SLEEP = "import time\n\ndef main(seconds):\n    time.sleep(seconds)\n    return 'slept'"
STAY = "import os, time\n\ndef main():\n    os.mkdir('here')\n    time.sleep(60)\n    return 'stayed'"
BURN = """
import hashlib, threading

def burn():
    while True:
        hashlib.pbkdf2_hmac("sha256", b"x", b"x", 10**7)

def main(threads, megabytes=0):
    kept = b"x" * (megabytes * 2**20)
    for _ in range(threads - 1):
        threading.Thread(target=burn).start()
    burn()
    return "burnt"
"""


@contextmanager
def frozen(process: psutil.Process) -> Iterator[None]:
    """Keep a process from doing anything, even from dying: the freezer of the first version of control groups can."""
    if not (_FREEZER / "cgroup.procs").exists():
        pytest.skip("this machine has no freezer of control groups' first version")
    group = _FREEZER / f"test-{secrets.token_hex(8)}"
    group.mkdir()
    (group / "cgroup.procs").write_text(str(process.pid))
    (group / "freezer.state").write_text("FROZEN")
    try:
        yield
    finally:
        (group / "freezer.state").write_text("THAWED")
        process.wait(10)
        deadline = time.monotonic() + 10
        while (group / "cgroup.procs").read_text() and time.monotonic() < deadline:
            time.sleep(0.01)
        group.rmdir()


def begun(server: Server) -> psutil.Process:
    """Return the process of the one script that has made a folder `here`; wait for it."""
    wait_until(lambda: any(has_begun(one) for one in server.processes()), "the script does not begin")
    [process] = [one for one in server.processes() if has_begun(one)]
    return process


@pytest.mark.needs_root
@pytest.mark.parametrize("without_namespaces", [False, True], ids=["namespaces", "seccomp"])
def test_a_script_that_cannot_die_costs_no_neighbour_its_life(without_namespaces: bool, new_server: Serve) -> None:
    """It is answered soon, its slot is free when it has exited, and its neighbours notice nothing."""
    server = warm(new_server(without_namespaces=without_namespaces, SANDBOX_CONCURRENCY="2"))
    before = set(zygotes(server))
    with ThreadPoolExecutor() as pool:
        neighbour = pool.submit(server.post, SLEEP, args={"seconds": 9})
        answer = pool.submit(server.post, STAY, timeout=2)
        with frozen(process := begun(server)):
            stuck = answer.result(10).json()
            assert stuck["code"] == "timeout"
            assert 2000 <= stuck["usage"]["wall_ms"] < 4000
            assert living(process.pid)
            waiting = pool.submit(server.post, HELLO)
            time.sleep(0.5)
            assert not waiting.done()
        assert waiting.result(10).json()["result"] == "hello"
        assert neighbour.result(20).json()["result"] == "slept"
    assert set(zygotes(server)) == before


def test_much_memory_and_busy_neighbours_cost_nobody_his_life(new_server: Serve) -> None:
    server = warm(new_server(SANDBOX_CONCURRENCY="4"))
    before = set(zygotes(server))
    with ThreadPoolExecutor() as pool:
        neighbour = pool.submit(server.post, SLEEP, args={"seconds": 8})
        slow = [pool.submit(server.post, BURN, args={"threads": 40, "megabytes": 380}, timeout=3)]
        slow += [pool.submit(server.post, BURN, args={"threads": 63}, timeout=6) for _ in range(2)]
        assert [one.result().json()["code"] for one in slow] == ["timeout"] * 3
        assert neighbour.result().json()["result"] == "slept"
    assert set(zygotes(server)) == before


def test_what_a_script_used_is_known_when_it_is_stopped_at_its_deadline(new_server: Serve) -> None:
    script = "def main():\n    kept = b'x' * (100 * 2**20)\n    while True:\n        pass\n    return 1"
    usage = warm(new_server()).post(script, timeout=1).json()["usage"]
    assert 95 <= usage["peak_memory_mb"] <= 110
    assert 100 <= usage["cpu_ms"] <= 1100
    assert 1000 <= usage["wall_ms"] < 1500


@pytest.mark.skipif(
    lacks_fair_shares() is not None, reason="this kernel does not share the CPUs among sessions: no autogroups"
)
@pytest.mark.parametrize("without_namespaces", [False, True], ids=["namespaces", "seccomp"])
def test_many_threads_get_no_more_than_one_share_of_the_cpus(without_namespaces: bool, new_server: Serve) -> None:
    """Were there 190 shares, a second of work would take a minute and a half on two CPUs."""
    work = "import time\n\ndef main():\n    while time.process_time() < 1:\n        pass\n    return 'worked'"
    settings = {"SANDBOX_CONCURRENCY": "4", "SANDBOX_TIMEOUT_SECONDS": "20", "SANDBOX_CPU_SECONDS": "60"}
    server = warm(new_server(without_namespaces=without_namespaces, **settings))
    with ThreadPoolExecutor() as pool:
        burning = [pool.submit(server.post, BURN, args={"threads": 63}, timeout=12) for _ in range(3)]
        time.sleep(1)
        answer = server.post(work, timeout=10).json()
        assert "result" in answer, answer
        for one in burning:
            one.result()
