"""The processes that check scripts: what they answer, what they may do, and what becomes of one that fails."""

import hashlib
import json
import os
import re
import resource
import secrets
import signal
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from policy import load_policy
from policy.rules import SHIPPED, load_rules
from sandbox.host.seccomp import compile_filter, load_filter
from sandbox.jail import kernel
from sandbox.limits import MB
from service import checker_process
from service.admission import Busy
from service.checker_protocol import LENGTH_BYTES, Verdict
from service.checker_zygote import Checker, CheckersUnavailable, CheckerZygote, Tier
from service.checkers import CheckerPool, CheckFailed

SCRIPT_BYTES = 256 * 2**10
HELLO = "def main():\n    return 'hello'\n"
KNOWN = "import numpy\n\ndef main():\n    return 1\n"
# Nearly half a second of CPU time, by nothing but its length.
LONG = "def main():\n    return 1\n" + ";".join(f"a{number}=1" for number in range(29_000))
TOO_CONVOLUTED = "Script is too large or too convoluted to be checked."


@pytest.fixture(scope="module")
def checkers() -> Iterator[CheckerPool]:
    made = CheckerPool(load_rules(SHIPPED), SCRIPT_BYTES, cpus=2)
    made.start()
    yield made
    made.close()


def unknown() -> str:
    """Return a script that is accepted and was not checked before."""
    return f"{HELLO}# {secrets.token_hex(8)}\n"


def zygote() -> psutil.Process:
    living = [one for one in psutil.Process().children() if one.status() != psutil.STATUS_ZOMBIE]
    [found] = [one for one in living if "service.checker_process" in one.cmdline()]
    return found


@pytest.fixture
def held_up(checkers: CheckerPool) -> Iterator[None]:
    """Stop every checker for as long as the test lasts, as a machine does that has no CPU time left for them."""
    checkers.check(KNOWN)
    for pool in (checkers._fast, checkers._slow):
        pool.close()
        pool.fill()
    stopped = zygote().children()
    for process in stopped:
        process.suspend()
    yield
    for process in stopped:
        if process.is_running():
            process.resume()


@pytest.mark.parametrize(
    "script",
    [
        HELLO,
        "def main(:\n",
        "import pdb\n\ndef main():\n    return eval('1')",
        "x = 1",
        "def main():\n    pass",
        "import numpy as np\n\ndef main():\n    return np.pi",
        "# \ud800",
        "",
        "größe = 1\n\ndef main():\n    return größe",
        HELLO + "#" * (SCRIPT_BYTES - len(HELLO)),
        HELLO + "#" * SCRIPT_BYTES,
    ],
    ids=lambda script: ascii(script[:20]),
)
def test_a_checker_says_what_the_policy_says(checkers: CheckerPool, script: str) -> None:
    assert checkers.check(script) == load_policy().check(script)


def test_a_check_that_takes_too_long_is_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.checkers.FAST_CPU_SECONDS", 0.005)
    monkeypatch.setattr("service.checkers.SLOW_CPU_SECONDS", 0.02)
    check_refuses(LONG, TOO_CONVOLUTED)


def test_a_check_that_takes_too_much_memory_is_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.checkers.MEMORY_BYTES", 16 * MB)
    # CPython's parser says of a deep script, too, that there is no memory.
    check_refuses(LONG, TOO_CONVOLUTED + "|Script is nested too deeply to be parsed.")


def check_refuses(script: str, error: str) -> None:
    """Check that a script is refused, in time, and that the next one is none the worse for it."""
    checkers = CheckerPool(load_rules(SHIPPED), SCRIPT_BYTES, cpus=2)
    checkers.start()
    try:
        started = time.monotonic()
        report = checkers.check(script)
        assert time.monotonic() - started < 1.5
        assert report.code == "syntax_error"
        assert re.fullmatch(error, report.error)
        assert checkers.check(unknown()).code is None
    finally:
        checkers.close()


@pytest.mark.slow
def test_long_checks_hold_up_no_short_one(checkers: CheckerPool) -> None:
    with ThreadPoolExecutor() as pool:
        answers = [pool.submit(checkers.check, f"{LONG};b={number}") for number in range(4)]
        took = []
        while not all(answer.done() for answer in answers):
            begun = time.monotonic()
            assert checkers.check(unknown()).code is None
            took.append(time.monotonic() - begun)
        assert [answer.result().code for answer in answers] == [None] * 4
    assert len(took) > 20
    assert max(took) < 0.5


@pytest.mark.slow
def test_of_those_who_wait_the_shortest_script_comes_first(checkers: CheckerPool) -> None:
    """Forty of these, one after another, take a second and a half."""
    slow = HELLO + ";".join(f"a{number}=1" for number in range(7000))
    with ThreadPoolExecutor(40) as pool:
        answers = [pool.submit(checkers.check, slow) for _ in range(40)]
        took = []
        while sum(answer.done() for answer in answers) < 20:
            begun = time.monotonic()
            assert checkers.check(unknown()).code is None
            took.append(time.monotonic() - begun)
        for answer in answers:
            answer.result()
    assert max(took) < 0.3


def test_who_waits_too_long_for_a_checker_is_told(checkers: CheckerPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.checkers.WAIT_SECONDS", 0.01)
    with ThreadPoolExecutor() as pool:
        first = pool.submit(checkers.check, f"{LONG};c=1")
        time.sleep(0.1)
        with pytest.raises(Busy):
            checkers.check(f"{LONG};c=2")
        assert first.result().code is None


def test_a_killed_checker_is_replaced(checkers: CheckerPool) -> None:
    checkers.check(unknown())
    killed = zygote().children()
    for process in killed:
        process.kill()
    psutil.wait_procs(killed, timeout=5)
    assert checkers.check(unknown()).code is None
    assert not checkers.failure


def test_a_checker_that_has_gone_and_has_no_successor_is_not_used_again(
    checkers: CheckerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkers.check(unknown())
    for process in zygote().children():
        process.suspend()
    with monkeypatch.context() as patched, ThreadPoolExecutor() as pool:
        patched.setattr(CheckerZygote, "fork", unavailable)
        checking = pool.submit(checkers.check, unknown())
        time.sleep(0.1)
        for process in zygote().children():
            process.kill()
        with suppress(CheckersUnavailable):
            checking.result()
    # Their descriptors are other connections' now.
    others = [socket.socketpair() for _ in range(20)]
    assert checkers.check(unknown()).code is None
    for pair in others:
        for one in pair:
            one.close()


def test_what_has_ended_while_nobody_used_it_is_replaced(checkers: CheckerPool) -> None:
    checkers.check(unknown())
    for pool in (checkers._fast, checkers._slow):
        pool.close()
        pool.fill()
    before = zygote()
    killed = before.children()
    before.kill()
    psutil.wait_procs([before, *killed], timeout=5)
    checkers.refresh()
    assert not checkers.failure
    assert zygote().pid != before.pid
    assert len(zygote().children()) == len(killed) == 2


@pytest.mark.usefixtures("held_up")
def test_what_was_stopped_goes_on(checkers: CheckerPool) -> None:
    checkers.refresh()
    assert checkers.check(unknown()).code is None


def unavailable(*_: object) -> None:
    raise CheckersUnavailable("none can be forked")


def test_a_killed_zygote_is_replaced_with_its_checkers(checkers: CheckerPool) -> None:
    checkers.check(unknown())
    before = zygote()
    checker = before.children()[0]
    before.kill()
    psutil.wait_procs([checker], timeout=5)
    assert not checker.is_running()
    assert checkers.check(unknown()).code is None
    assert zygote().pid != before.pid


@pytest.mark.usefixtures("held_up")
def test_a_script_that_was_accepted_is_not_checked_again(checkers: CheckerPool) -> None:
    assert checkers.check(KNOWN).imports == {"numpy"}


@pytest.mark.slow
@pytest.mark.usefixtures("held_up")
def test_a_check_that_gets_no_cpu_time_says_nothing_of_the_script(checkers: CheckerPool) -> None:
    with pytest.raises(Busy):
        checkers.check(unknown())


def test_what_is_known_is_bounded_and_no_refusal(checkers: CheckerPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.checkers._MAX_CACHED", 2)
    scripts = [unknown() for _ in range(3)]
    for script in (*scripts, "x = 1", HELLO + "".join(f"import a{number}\n" for number in range(33))):
        checkers.check(script)
    assert len(checkers._cache._reports) <= 1024
    known = [checkers._cache.get(hashlib.sha256(script.encode()).digest()) is not None for script in scripts]
    assert known[1:] == [True, True]
    assert checkers._cache.get(hashlib.sha256(b"x = 1").digest()) is None


def test_nothing_is_checked_after_the_end() -> None:
    made = CheckerPool(load_rules(SHIPPED), SCRIPT_BYTES, cpus=1)
    assert made.check(unknown()).code is None
    mine = psutil.Process(made._zygote._process.pid)  # type: ignore[union-attr]
    processes = [mine, *mine.children()]
    made.close()
    made.close()
    assert psutil.wait_procs(processes, timeout=5)[1] == []
    with pytest.raises(CheckersUnavailable):
        made.check(unknown())


def test_why_nothing_can_be_checked_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.checker_zygote.sys.executable", "/bin/false")
    made = CheckerPool(load_rules(SHIPPED), SCRIPT_BYTES, cpus=1)
    made.start()
    assert "Scripts cannot be checked" in made.failure
    with pytest.raises(CheckersUnavailable, match="Scripts cannot be checked"):
        made.check(unknown())
    monkeypatch.undo()
    monkeypatch.setattr("service.checker_zygote._RETRY_SECONDS", 0)
    assert made.check(unknown()).code is None
    assert not made.failure
    made.close()


def test_a_checker_has_no_privileges_and_one_socket(checkers: CheckerPool) -> None:
    checkers.start()
    for process in zygote().children():
        status = dict(line.split(":\t", 1) for line in Path(f"/proc/{process.pid}/status").read_text().splitlines())
        assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {"0" * 16}
        assert (status["NoNewPrivs"], status["Seccomp"], status["Groups"].strip()) == ("1", "2", "")
        user = checker_process.UNPRIVILEGED_ID if os.geteuid() == 0 else os.geteuid()
        assert set(status["Uid"].split()) == {str(user)}
        folder = Path(f"/proc/{process.pid}/fd")
        held = {int(one.name): str(one.readlink()) for one in folder.iterdir()}
        assert [held.pop(number) for number in range(3)] == ["/dev/null"] * 3
        assert list(held) == [checker_process.SOCKET_FD]
        assert held[checker_process.SOCKET_FD].startswith("socket:")
        assert set(process.environ()) <= {"PYTHONPATH", "LANG", "LC_CTYPE"}
        assert process.nice() in (0, 5)
        assert Path(f"/proc/{process.pid}/oom_score_adj").read_text() == "1000\n"
        limits = Path(f"/proc/{process.pid}/limits").read_text()
        for name, value in {"open files": "4", "processes": "0", "file size": "0", "core file size": "0"}.items():
            assert re.search(rf"^Max {name} +{value} +{value} ", limits, re.MULTILINE)
        found = re.search(r"^Max address space +(\d+) +(\d+) ", limits, re.MULTILINE)
        assert found
        assert found[1] == found[2]
        assert 300 * MB < int(found[1]) < 600 * MB


ACTS: dict[str, Callable[[], object]] = {
    "open a file": lambda: os.open("/etc/hostname", os.O_RDONLY),
    "make a socket": lambda: socket.socket(socket.AF_INET),
    "make a pair of sockets": socket.socketpair,
    "make a pipe": os.pipe,
    "start a process": lambda: os.fork() or os._exit(0),
    "signal another": lambda: os.kill(os.getppid(), 0),
    "look at a path": lambda: os.stat("/"),
    "leave its folder": lambda: os.chdir("/"),
}


def tried_in_a_child(isolated: bool) -> dict[str, str]:
    """Fork, isolate the child as a checker is or not at all, and return what came of each act there."""
    program = compile_filter(load_filter(checker_process.FILTER))
    ours, theirs = socket.socketpair()
    with ours:
        pid = os.fork()
        if pid == 0:
            came = {}
            try:
                fd = theirs.detach()
                if isolated:
                    kernel.drop_capabilities()
                    kernel.forbid_new_privileges()
                    null = os.open("/dev/null", os.O_RDWR)
                    checker_process.isolate(fd, null, program, resource.RLIM_INFINITY)
                    fd = checker_process.SOCKET_FD
                for name, act in ACTS.items():
                    try:
                        act()
                        came[name] = "done"
                    except OSError as error:
                        came[name] = type(error).__name__
                os.write(fd, json.dumps(came).encode())
            finally:
                os._exit(0)
        theirs.close()
        said = ours.recv(2**16)
        os.waitpid(pid, 0)
    return json.loads(said)  # type: ignore[no-any-return]


def test_a_checker_reaches_nothing() -> None:
    assert tried_in_a_child(isolated=False) == dict.fromkeys(ACTS, "done")
    refused = tried_in_a_child(isolated=True)
    assert {name for name, came in refused.items() if came == "done"} == set()


@pytest.fixture
def forged() -> Iterator[tuple[Checker, socket.socket]]:
    """A checker whose part is played by the test."""
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        signal.pause()
    checker = Checker(pid, ours, os.pidfd_open(pid), Tier(b"", 0.1, 0.1))
    with theirs:
        yield checker, theirs
    checker.close()
    os.waitpid(pid, 0)


def message(text: bytes) -> bytes:
    return len(text).to_bytes(LENGTH_BYTES, "big") + text


@pytest.mark.parametrize(
    "said",
    [
        message(b"not JSON"),
        message(b'{"report": 1}'),
        message(b'{"report": {"code": "made_up", "line": "1"}}'),
        message(b'{"report": {"violations": [{}]}}'),
        message(b"\xff"),
        (2**62).to_bytes(LENGTH_BYTES, "big") + b"{}",
        message(b"[" * 100_000),
    ],
    ids=lambda said: ascii(said[:30]),
)
def test_what_a_checker_must_not_say_is_not_believed(forged: tuple[Checker, socket.socket], said: bytes) -> None:
    checker, theirs = forged
    theirs.sendall(said)
    assert checker.check(b"") is None


def test_a_checker_that_ends_in_the_middle_says_nothing(forged: tuple[Checker, socket.socket]) -> None:
    checker, theirs = forged
    theirs.sendall(message(b"{}")[:-1])
    theirs.shutdown(socket.SHUT_WR)
    assert checker.check(b"") is None


@pytest.mark.slow
@pytest.mark.parametrize("often", [False, True])
def test_a_checker_that_says_too_little_is_given_up(forged: tuple[Checker, socket.socket], often: bool) -> None:
    checker, theirs = forged
    started = time.monotonic()
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(checker.check, b"")
        for _ in range(30 if often else 0):
            time.sleep(0.05)
            theirs.send(b"\0")
        with pytest.raises(TimeoutError):
            answer.result()
        if not often:
            assert time.monotonic() - started < 1


def test_a_fault_of_the_check_is_no_fault_of_the_script(checkers: CheckerPool, monkeypatch: pytest.MonkeyPatch) -> None:
    def faulty(self: Checker, script: bytes) -> Any:
        return Verdict(None, "KeyError at checker.py:1")

    monkeypatch.setattr(Checker, "check", faulty)
    with pytest.raises(CheckFailed, match="KeyError at"):
        checkers.check(unknown())


def test_an_exception_in_the_check_is_told_without_the_script(monkeypatch: pytest.MonkeyPatch) -> None:
    class Faulty:
        def check(self, script: str) -> Any:
            raise KeyError(script)

    process = checker_process.CheckerProcess.__new__(checker_process.CheckerProcess)
    process.policy = Faulty()  # type: ignore[assignment]
    report, fault = process.check("secret")
    assert report is None
    assert fault.startswith("KeyError at ")
    assert "secret" not in fault
