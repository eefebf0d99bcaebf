"""A spare that cannot be made costs the scripts that run nothing, and the zygote's supervisor leaks nothing by it."""

import os
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
import requests

from tests.attacking import ORDINARY_USER
from tests.conftest import Serve, Server
from tests.sandbox.conftest import WAIT, running, scratch_of
from tests.sandbox.test_zygote import living, wait_until, warm, zygotes

pytestmark = pytest.mark.slow

HELLO = "def main():\n    return 'hello'"


def held_by(zygote: psutil.Process) -> tuple[int, int]:
    """Return how many descriptors and children a zygote's supervisor has."""
    return len(os.listdir(f"/proc/{zygote.pid}/fd")), len(zygote.children())


def assert_not_more(zygote: psutil.Process, before: tuple[int, int]) -> None:
    """Assert that it holds what it held, but for one network namespace that is made for the next spare."""
    assert all(now <= then + 1 for now, then in zip(held_by(zygote), before, strict=True)), (held_by(zygote), before)


@pytest.fixture
def on_demand(new_server: Serve) -> Server:
    """A server whose zygotes are warm, and fork a spare only when a script comes."""
    server = new_server(SANDBOX_CONCURRENCY="2", SANDBOX_SPARES="0")
    wait_until(lambda: len(zygotes(server)) == 2, "not warm")
    if server.isolation() != "namespaces":
        pytest.skip("only who made a jail's user namespace may lower its limits from outside")
    for _ in range(3):
        assert server.post(HELLO).json()["result"] == "hello"
    return server


# With each descriptor more, it is another step that fails.
@pytest.mark.needs_root
@pytest.mark.parametrize("spare_descriptors", [0, 1, 2, 5, 9, 11, 12, 13, 14])
def test_without_descriptors_nothing_that_runs_is_lost(spare_descriptors: int, on_demand: Server) -> None:
    with running(on_demand, WAIT) as (process, answer):
        zygote = psutil.Process(process.pid).parent()
        assert zygote is not None
        before = held_by(zygote)
        used = set(map(int, os.listdir(f"/proc/{zygote.pid}/fd")))
        free = [number for number in range(1000) if number not in used]
        most = free[spare_descriptors]
        zygote.rlimit(resource.RLIMIT_NOFILE, (most, most))
        assert on_demand.post(HELLO).json()["result"] == "hello"
        assert process.is_running()
        assert "A spare cannot be made: " in on_demand.log_text()
        assert "Too many open files" in on_demand.log_text()
        assert_not_more(zygote, before)
    assert answer.result(10)["result"] == "done"
    wait_until(lambda: not living(zygote.pid), "the zygote that cannot fork is still there")
    assert on_demand.post(HELLO).json()["result"] == "hello"


@pytest.mark.needs_root
def test_without_processes_nothing_that_runs_is_lost(on_demand: Server) -> None:
    with running(on_demand, WAIT) as (process, answer):
        zygote = psutil.Process(process.pid).parent()
        assert zygote is not None
        before = held_by(zygote)
        zygote.rlimit(resource.RLIMIT_NPROC, (1, 1))
        assert on_demand.post(HELLO).json()["result"] == "hello"
        assert "A spare cannot be made: BlockingIOError" in on_demand.log_text()
        assert_not_more(zygote, before)
    assert answer.result(10)["result"] == "done"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a few files, for temporary files."""
    for folder in (tmp_path, *list(tmp_path.parents)[:3]):
        folder.chmod(0o755)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,nr_inodes=40,mode=1777", "none", tmp_path], check=True)
    yield tmp_path
    subprocess.run(["umount", "--lazy", tmp_path], check=True)


@pytest.mark.needs_root
def test_a_full_disk_costs_nothing_that_runs_and_shows_in_health(small_disk: Path, new_server: Serve) -> None:
    settings = {"SANDBOX_CONCURRENCY": "2", "SANDBOX_SPARES": "1", "TMPDIR": str(small_disk)}
    server = warm(new_server(without_namespaces=True, **settings))
    with running(server, WAIT) as (process, answer):
        try:
            for number in range(1000):
                (small_disk / str(number)).touch()
        except OSError:
            pass
        answers = [server.post(HELLO) for _ in range(4)]
        assert {200, 503} >= {one.status_code for one in answers}
        wait_until(lambda: requests.get(f"{server.url}/health", timeout=30).status_code == 503, "still healthy")
        assert "No space left on device" in requests.get(f"{server.url}/health", timeout=30).json()["reason"]
        assert process.is_running()
    assert answer.result(10)["result"] == "done"
    for file in small_disk.iterdir():
        if file.is_file():
            file.unlink()
    wait_until(lambda: requests.get(f"{server.url}/health", timeout=30).status_code == 200, "still unhealthy", 30)
    assert server.post(HELLO).json()["result"] == "hello"


LEAVE_FOLDER = """
import os, time

def main():
    os.mkdir("left")
    folder = os.getcwd()
    time.sleep(1)
    return folder
"""


def assert_costs_its_neighbour_nothing(server: Server, act: Callable[[psutil.Process], object]) -> None:
    """Do something to a script that leaves a folder, and check that its neighbour does not notice the end of it."""
    with running(server, WAIT) as (neighbour, answer):
        zygote = neighbour.parent()
        assert zygote is not None
        with ThreadPoolExecutor(1) as pool:
            leaving = pool.submit(server.post, LEAVE_FOLDER)
            wait_until(lambda: any((scratch_of(one) / "left").exists() for one in zygote.children()), "no folder")
            act(next(one for one in zygote.children() if (scratch_of(one) / "left").exists()))
            folder = Path(leaving.result().json()["result"])
        wait_until(lambda: not folder.exists(), f"{folder} is left")
        assert neighbour.is_running()
    assert answer.result(10)["result"] == "done"


@pytest.mark.needs_root
def test_a_scratch_folder_is_removed_also_where_there_can_be_no_process_for_it(new_server: Serve) -> None:
    server = warm(new_server(user=ORDINARY_USER, without_namespaces=True, SANDBOX_CONCURRENCY="2"))

    def bound(process: psutil.Process) -> None:
        zygote = process.parent()
        assert zygote is not None
        command = ["prlimit", f"--pid={zygote.pid}", "--nproc=1:1"]
        subprocess.run(command, check=True, user=ORDINARY_USER, group=ORDINARY_USER, extra_groups=[])

    assert_costs_its_neighbour_nothing(server, bound)


@pytest.mark.needs_root
def test_a_scratch_folder_that_has_gone_costs_no_neighbour_anything(new_server: Serve) -> None:
    """Without Landlock a script can remove its own."""
    server = warm(new_server(without_namespaces=True, SANDBOX_CONCURRENCY="2"))
    assert_costs_its_neighbour_nothing(server, lambda process: shutil.rmtree(scratch_of(process).resolve()))
