"""Breaks parts of a running, loaded service and measures how it recovers.

The faults themselves are in `signal_faults` and `resource_faults`.
"""

import contextlib
import http.client
import os
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from bench.servers import ServerFailed

from .clients import NO_ANSWER, OVERLOADED, RIGHT, Clients, Reply
from .launched import HOLDERS, Launched, launch, wait_for
from .mix import HELLO, PANDAS, Kind

SLEEP = Kind(
    "sleep",
    150,
    "import time\ndef main(token):\n    print(token)\n    open('here', 'w').close()\n"
    "    time.sleep(0.5)\n    return token",
    fields={"timeout": 3},
)
MIX = (HELLO, PANDAS, SLEEP)
CONCURRENCY = 2 * len(os.sched_getaffinity(0))
CAPACITY = 2 * CONCURRENCY
TIMEOUT_SECONDS = 10.0
# The longest time until a response: a turn in the queue and a turn in a jail that does not answer, each of which ends
# with the timeout and the wait for a report, and then a cold jail.
LONGEST_ANSWER_SECONDS = 2 * (TIMEOUT_SECONDS + 5) + TIMEOUT_SECONDS
_PROBE_SECONDS = 5.0  # the liveness probe's patience, see terraform/service.tf
_BEFORE_SECONDS = 2.0
_AFTER_SECONDS = 2.0
_LOOK_SECONDS = 0.05
_RECOVER_SECONDS = 60.0
_SETTLE_SECONDS = 30.0
_MEMORY = "memory"
# How much the memory of allocators varies from one time to another; everything else is counted exactly.
_MEMORY_NOISE = 1.1
# For each of two zygotes: one for the processes of each spare, and one for the network of each that has lived at once.
_MOST_HOLDERS = 2 * (CONCURRENCY + 2 * CONCURRENCY + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault.

    Attributes:
        name: what the table calls it.
        inject: breaks something, and returns the processes that it broke.
        codes: what callers may get besides right answers and `overloaded`.
        due: the code that some caller must get, or else the fault has not struck; empty if none must.
        watch_seconds: how long the load stays on after the fault, at least.
        repair: what only an operator or the platform can do, after that time; None if the service recovers by itself.
        ends_with: the status with which the service must end, so that the platform restarts it; None if it must not.
        kinds: the scripts of the load.
        start: starts the service in a folder, see `launch`.
    """

    name: str
    inject: Callable[[Launched], Sequence[psutil.Process]]
    codes: frozenset[str] = frozenset()
    due: str = ""
    watch_seconds: float = 4.0
    repair: Callable[[Launched], None] | None = None
    ends_with: int | None = None
    kinds: Sequence[Kind] = MIX
    start: Callable[[Path], AbstractContextManager[Launched]] = launch


@dataclass(slots=True)
class Recovery:
    """How the service recovered from one fault. Times are in seconds from the fault, or from its repair.

    Attributes:
        fault: its name.
        repaired: whether there was a repair, from which the times then count.
        first_right: until a request sent after it had the right answer.
        whole: until `/health` was 200 and every part ran, with spares.
        last_failure: from the fault itself until the last answer that was neither right nor `overloaded`.
        longest: how long the slowest answer took.
        codes: what callers got from the fault on, and how often.
        health: what `/health` answered meanwhile: statuses, and `none` for no answer in time.
        ended, status: until the service ended, and its status; None if it did not end.
        findings: what was wrong, a sentence each.
    """

    fault: str
    repaired: bool = False
    first_right: float | None = None
    whole: float | None = None
    last_failure: float | None = None
    longest: float = 0.0
    codes: Counter[str] = field(default_factory=Counter)
    health: Counter[str] = field(default_factory=Counter)
    ended: float | None = None
    status: int | None = None
    findings: list[str] = field(default_factory=list)


def break_service(fault: Fault, folder: Path) -> Recovery:
    """Start a service, put load on it, inject one fault and watch; everything that goes wrong is a finding."""
    recovery = Recovery(fault.name)
    try:
        with fault.start(folder / "service") as launched:
            _watch(fault, launched, recovery)
            if recovery.status is not None:
                _restart(fault, folder / "again", recovery)
    except (ServerFailed, OSError, subprocess.SubprocessError, psutil.Error) as error:
        recovery.findings.append(f"{type(error).__name__}: {error}")
    allowed = fault.codes | {RIGHT, OVERLOADED}
    unexpected = {code: number for code, number in recovery.codes.items() if code not in allowed}
    if unexpected:
        recovery.findings.append(f"callers got {unexpected}")
    if fault.due and fault.due not in recovery.codes:
        recovery.findings.append(f"no caller got {fault.due}")
    if recovery.longest > LONGEST_ANSWER_SECONDS:
        recovery.findings.append(f"an answer took {recovery.longest:.1f} s")
    if recovery.status != fault.ends_with:
        recovery.findings.append(f"the service ended with {recovery.status} instead of {fault.ends_with}")
    if recovery.whole is None or recovery.first_right is None:
        recovery.findings.append("it did not recover")
    return recovery


def _watch(fault: Fault, launched: Launched, recovery: Recovery) -> None:
    """Inject the fault under load and watch until the service is whole again or has ended."""
    wait_for(lambda: is_whole(launched, ()), "The service did not become whole.", launched)
    with Clients(launched.port, fault.kinds, CAPACITY, seed=1):
        time.sleep(_BEFORE_SECONDS)
    before = settle(launched, None)
    with Clients(launched.port, fault.kinds, CAPACITY, seed=2) as clients:
        time.sleep(_BEFORE_SECONDS)
        since = injected = time.monotonic()
        victims = fault.inject(launched)
        if fault.repair:
            _look_until(injected + fault.watch_seconds, launched, victims, recovery)
            if launched.process.poll() is None:
                recovery.repaired, since = True, time.monotonic()
                fault.repair(launched)
        recovery.whole = _until_whole(launched, victims, recovery)
        until = max(injected + fault.watch_seconds, time.monotonic() + _AFTER_SECONDS)
        _look_until(until, launched, victims, recovery)
        recovery.status = launched.process.poll()
        if recovery.status is not None:
            recovery.ended = time.monotonic() - injected
    _count_answers(clients.answers, injected, since, recovery)
    if recovery.status is None:
        after = settle(launched, before)
        for name in find_grown(before, after):
            if not name.startswith(_MEMORY):
                recovery.findings.append(f"left behind: {name} {before[name]:g} → {after[name]:g}")


def _look_until(until: float, launched: Launched, victims: Sequence[psutil.Process], recovery: Recovery) -> None:
    while time.monotonic() < until and launched.process.poll() is None:
        _look(launched, victims, recovery)


def _until_whole(launched: Launched, victims: Sequence[psutil.Process], recovery: Recovery) -> float | None:
    """Return how many seconds it takes until the service is whole; None if it ends, or takes too long."""
    started = time.monotonic()
    while time.monotonic() < started + _RECOVER_SECONDS and launched.process.poll() is None:
        if _look(launched, victims, recovery):
            return time.monotonic() - started
    return None


def _look(launched: Launched, victims: Sequence[psutil.Process], recovery: Recovery) -> bool:
    time.sleep(_LOOK_SECONDS)
    status = ask_health(launched.port)
    recovery.health[str(status or "none")] += 1
    return status == 200 and is_whole(launched, victims)


def _restart(fault: Fault, folder: Path, recovery: Recovery) -> None:
    """Do what the platform does when the service has ended, and measure until there is an answer again."""
    with fault.start(folder) as launched:
        with Clients(launched.port, fault.kinds, CAPACITY, seed=3) as clients:
            wait_for(lambda: is_whole(launched, ()), "The new service did not become whole.", launched)
            recovery.whole = launched.seconds()
        recovery.first_right = _first_right(clients.answers, launched.started)


def _count_answers(answers: Sequence[Reply], injected: float, since: float, recovery: Recovery) -> None:
    """Note what callers got whose answers came after the fault."""
    later = [answer for answer in answers if answer.sent + answer.seconds >= injected]
    recovery.codes.update(answer.code for answer in later)
    recovery.longest = max((answer.seconds for answer in later if answer.code != NO_ANSWER), default=0.0)
    failed = [answer.sent + answer.seconds for answer in later if answer.code not in (RIGHT, OVERLOADED)]
    recovery.last_failure = max(failed) - injected if failed else None
    recovery.first_right = _first_right(answers, since)


def _first_right(answers: Sequence[Reply], since: float) -> float | None:
    """Return how many seconds after a moment the first answer came that is right, of the requests sent after it."""
    right = [answer.sent + answer.seconds for answer in answers if answer.sent >= since and answer.right]
    return min(right) - since if right else None


def settle(launched: Launched, before: dict[str, float] | None) -> dict[str, float]:
    """Return what the service holds at rest: once nothing has grown since `before`, or nothing changes any more."""
    until = time.monotonic() + _SETTLE_SECONDS
    last: dict[str, float] = {}
    while True:
        stock = launched.stock()
        at_rest = is_whole(launched, (), spares=CONCURRENCY)
        grown = find_grown(before or last, stock) if before or last else ["everything"]
        if (at_rest and not grown) or time.monotonic() > until:
            return stock
        last = stock
        time.sleep(1)


def find_grown(before: dict[str, float], after: dict[str, float]) -> list[str]:
    """Return the names of what has grown beyond noise."""

    def usual(name: str) -> float:
        if name == HOLDERS:
            return max(before[name], _MOST_HOLDERS)
        return before[name] * _MEMORY_NOISE if name.startswith(_MEMORY) else before[name]

    return [name for name in before if after[name] > usual(name)]


def is_whole(launched: Launched, victims: Sequence[psutil.Process], spares: int = CONCURRENCY // 2) -> bool:
    """Return whether the server answers, no victim is held up, and each of two zygotes has its spares."""
    parts = launched.parts()
    if not (parts.spawn_broker and parts.gunicorn and parts.workers and parts.checkers and len(parts.zygotes) >= 2):
        return False
    if any(_is_held_up(process) for process in (*victims, *parts.checkers, *parts.nsjails, *parts.zygotes)):
        return False
    by_zygote = Counter(_parent(spare) for spare in parts.spares if not _is_held_up(spare))
    ready = sum(by_zygote[zygote.pid] >= spares for zygote in parts.zygotes)
    return ready >= 2 and ask_health(launched.port) == 200


def _parent(process: psutil.Process) -> int:
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.ppid()
    return 0


def _is_held_up(process: psutil.Process) -> bool:
    """Return whether a process is stopped or a zombie; one that does not exist is neither."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.status() in (psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE)
    return False


def ask_health(port: int) -> int | None:
    """Return the status of `/health`; None if no response comes in time."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PROBE_SECONDS)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
