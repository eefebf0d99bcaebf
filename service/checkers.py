"""Checks scripts against the policy, each within its time and memory, in processes beside the server.

A check has two tries. A quick checker gives it little CPU time, which is far more than a script of ordinary size takes.
If that is not enough, a patient checker, of which there are few, gives it a whole second at a low priority. Of the
scripts that wait for a checker the shortest comes first. So a script that is slow to check delays others like it, and
nobody else.

A script that was accepted is not checked again for a while: many callers send one script with ever new arguments.
"""

import hashlib
import threading
from collections import OrderedDict, deque
from collections.abc import Sequence
from contextlib import suppress
from heapq import heapify, heappop, heappush
from itertools import count

from policy import Report
from policy.rules import Rule
from sandbox.limits import KB, MB
from service.checker_messages import PATIENT, QUICK, Setup, Verdict
from service.checker_zygote import Checker, CheckersUnavailable, CheckerZygote, Kind

MEMORY_BYTES = 300 * MB
QUICK_SECONDS = 0.05
PATIENT_SECONDS = 1.0
# Both tries together end within 1.5 s.
_QUICK_WALL_SECONDS = 0.3
_PATIENT_WALL_SECONDS = 1.2
# How long a script waits for a checker that is free, and how many may wait for a patient one: each holds a thread of
# the server, and most of those are for scripts that take no time to check (service/gunicorn_worker.py).
WAIT_SECONDS = 5.0
_MOST_WAITING = 16
# A longer script is for a patient checker at once: a quick one could hardly end with it.
_QUICK_SCRIPT_BYTES = 64 * KB

# How many accepted scripts are known again, and how many modules one of them may import: what is kept stays small.
_MOST_KNOWN = 1024
_MOST_KNOWN_IMPORTS = 32

_TOO_CONVOLUTED = Report("syntax_error", "Script is too large or too convoluted to be checked.")


class CheckersBusy(Exception):
    """The script was not checked in time because others were."""


class CheckFailed(Exception):
    """The check itself has a fault; the message says where."""


class Turns:
    """A number of places, and who waits for one: whose script is the shortest comes first.

    The longer a script is, the longer its check may take. So no number of them makes one wait that is short.
    """

    def __init__(self, places: int) -> None:
        """Make free places."""
        self._lock = threading.Lock()
        self._free = places
        self._waiting: list[tuple[int, int, threading.Event]] = []
        self._numbers = count()

    def take(self, length: int, seconds: float) -> bool:
        """Take a place; return whether there was one in time.

        Args:
            length: the script's, by which who waits is ordered.
            seconds: how long to wait.
        """
        with self._lock:
            if self._free:
                self._free -= 1
                return True
            waiting = (length, next(self._numbers), threading.Event())
            heappush(self._waiting, waiting)
        if waiting[2].wait(seconds):
            return True
        with self._lock:
            if waiting[2].is_set():  # since a moment ago
                return True
            self._waiting.remove(waiting)
            heapify(self._waiting)
            return False

    def give_back(self) -> None:
        """Give a place to who comes next."""
        with self._lock:
            if self._waiting:
                heappop(self._waiting)[2].set()
            else:
                self._free += 1


class _Lane:
    """Some checkers of one kind, and those who wait for one."""

    def __init__(self, zygote: CheckerZygote, kind: Kind, checkers: int, most_waiting: int | None = None) -> None:
        self._admitted = None if most_waiting is None else threading.Semaphore(checkers + most_waiting)
        self._zygote = zygote
        self._kind = kind
        self._checkers = checkers
        self._turns = Turns(checkers)
        self._idle: deque[Checker] = deque()

    def fill(self) -> None:
        """Have all checkers ready."""
        while len(self._idle) < self._checkers:
            self._idle.append(self._zygote.order(self._kind))

    def check(self, script: bytes) -> Verdict | None:
        """Return what a checker says of a script; None if the script took too much of it.

        Raises:
            CheckersBusy: too many wait for a checker, or none was free in time.
            TimeoutError: the machine has had too little CPU time for the one that was.
            CheckersUnavailable: there is none.
        """
        if self._admitted is None:
            return self._check_in_turn(script)
        if not self._admitted.acquire(blocking=False):
            raise CheckersBusy
        try:
            return self._check_in_turn(script)
        finally:
            self._admitted.release()

    def _check_in_turn(self, script: bytes) -> Verdict | None:
        if not self._turns.take(len(script), WAIT_SECONDS):
            raise CheckersBusy
        try:
            checker = self._take()
            answer = None
            try:
                answer = checker.check(script)
            finally:
                if answer is None or answer.last:
                    checker.close()
                    with suppress(CheckersUnavailable):  # who comes next is told
                        self._keep(self._zygote.order(self._kind))
                else:
                    self._keep(checker)
            return answer
        finally:
            self._turns.give_back()

    def _take(self) -> Checker:
        while self._idle:
            checker = self._idle.pop()
            if checker.waits():
                return checker
            checker.close()
        return self._zygote.order(self._kind)

    def _keep(self, checker: Checker) -> None:
        if len(self._idle) < self._checkers:
            self._idle.append(checker)
        else:
            checker.close()

    def refresh(self) -> None:
        """Replace the checkers that have ended while nobody used them.

        Raises:
            CheckersUnavailable: there are none.
        """
        for _ in range(len(self._idle)):
            try:
                checker = self._idle.popleft()
            except IndexError:  # the others are in use
                return
            checker.go_on()
            if not checker.waits():
                checker.close()
                checker = self._zygote.order(self._kind)
            self._keep(checker)

    def close(self) -> None:
        """Kill every checker that waits; one that checks dies with the zygote."""
        while self._idle:
            self._idle.pop().close()


class _Accepted:
    """The reports on the scripts that were accepted last, by the SHA-256 of their text."""

    def __init__(self) -> None:
        self._reports: OrderedDict[bytes, Report] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, digest: bytes) -> Report | None:
        with self._lock:
            if (report := self._reports.get(digest)) is not None:
                self._reports.move_to_end(digest)
            return report

    def add(self, digest: bytes, report: Report) -> None:
        if report.code is not None or len(report.imports) > _MOST_KNOWN_IMPORTS:
            return
        with self._lock:
            self._reports[digest] = report
            if len(self._reports) > _MOST_KNOWN:
                self._reports.popitem(last=False)


class Checkers:
    """Checks scripts; nothing is started before `start`, or before the first check."""

    def __init__(self, rules: Sequence[Rule], script_bytes: int, cpus: int) -> None:
        """Take the policy.

        Args:
            rules: the policy's, validated.
            script_bytes: the longest script.
            cpus: as many checkers there are, and two at the least.
        """
        setup = Setup(tuple(rules), script_bytes, MEMORY_BYTES, QUICK_SECONDS, PATIENT_SECONDS)
        self._zygote = CheckerZygote(setup)
        self._accepted = _Accepted()
        patient = max(cpus // 2, 1)
        quick_kind = Kind(QUICK, QUICK_SECONDS, _QUICK_WALL_SECONDS)
        self._quick = _Lane(self._zygote, quick_kind, max(cpus - patient, 1))
        self._patient = _Lane(
            self._zygote, Kind(PATIENT, PATIENT_SECONDS, _PATIENT_WALL_SECONDS), patient, _MOST_WAITING
        )

    @property
    def failure(self) -> str:
        """Why no script can be checked; empty if scripts can."""
        return self._zygote.failure

    def start(self) -> None:
        """Start the processes; if that fails, the next check tries again, and says so if it fails too."""
        with suppress(CheckersUnavailable):
            for lane in (self._quick, self._patient):
                lane.fill()

    def refresh(self) -> None:
        """Replace what has ended while nobody used it; if that fails, `failure` says why."""
        with suppress(CheckersUnavailable):
            for lane in (self._quick, self._patient):
                lane.refresh()

    def check(self, script: str) -> Report:
        """Check a script.

        Args:
            script: any str at all.

        Raises:
            CheckersBusy: it could not be checked in time because of others.
            CheckersUnavailable: nothing can be checked.
            CheckFailed: the check has a fault.
        """
        text = script.encode("utf-8", "surrogatepass")
        digest = hashlib.sha256(text).digest()
        if (known := self._accepted.find(digest)) is not None:
            return known
        report = self._check(text)
        self._accepted.add(digest, report)
        return report

    def _check(self, text: bytes) -> Report:
        answer = None
        if len(text) <= _QUICK_SCRIPT_BYTES:
            with suppress(TimeoutError):
                answer = self._quick.check(text)
        if answer is None:
            try:
                answer = self._patient.check(text)
            except TimeoutError as error:
                raise CheckersBusy from error
        if answer is None:
            return _TOO_CONVOLUTED
        if answer.report is None:
            raise CheckFailed(answer.fault)
        return answer.report

    def close(self) -> None:
        """End every process; idempotent."""
        self._zygote.close()
        for lane in (self._quick, self._patient):
            lane.close()
