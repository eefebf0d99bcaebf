"""Checks scripts against the policy, each within its time and memory, in processes beside the server.

A check has two tries. A quick checker gives it little CPU time, which is far more than a script of ordinary size takes.
If that is not enough, a patient checker, of which there are few, gives it a whole second at a low priority. So a script
that is slow to check delays others like it, and nobody else.
"""

import threading
from collections import deque
from collections.abc import Sequence
from contextlib import suppress

from policy import Report
from policy.rules import Rule
from sandbox.limits import KB, MB
from service.checker_messages import PATIENT, QUICK, Answer, Setup
from service.checker_zygote import Checker, CheckersUnavailable, CheckerZygote, Kind

MEMORY_BYTES = 300 * MB
QUICK_SECONDS = 0.05
PATIENT_SECONDS = 1.0
# Both tries together end within 1.5 s.
_QUICK_WALL_SECONDS = 0.3
_PATIENT_WALL_SECONDS = 1.2
# How long a script waits for a checker that is free, and how many may wait for a patient one: each holds a thread of
# the server, and most of those are for scripts that take no time to check (service/server.py).
WAIT_SECONDS = 5.0
_MOST_WAITING = 16
# A longer script is for a patient checker at once: a quick one could hardly end with it.
_QUICK_SCRIPT_BYTES = 64 * KB

_TOO_CONVOLUTED = Report("syntax_error", "Script is too large or too convoluted to be checked.")


class CheckersBusy(Exception):
    """The script was not checked in time because others were."""


class CheckFailed(Exception):
    """The check itself has a fault; the message says where."""


class _Lane:
    """Some checkers of one kind, and those who wait for one."""

    def __init__(self, zygote: CheckerZygote, kind: Kind, count: int, most_waiting: int | None = None) -> None:
        self._admitted = None if most_waiting is None else threading.Semaphore(count + most_waiting)
        self._zygote = zygote
        self._kind = kind
        self._count = count
        self._places = threading.Semaphore(count)
        self._idle: deque[Checker] = deque()

    def fill(self) -> None:
        """Have all checkers ready."""
        for _ in range(self._count):
            self._idle.append(self._zygote.order(self._kind))

    def check(self, script: bytes) -> Answer | None:
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

    def _check_in_turn(self, script: bytes) -> Answer | None:
        if not self._places.acquire(timeout=WAIT_SECONDS):
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
                        self._idle.append(self._zygote.order(self._kind))
                else:
                    self._idle.append(checker)
            return answer
        finally:
            self._places.release()

    def _take(self) -> Checker:
        while self._idle:
            checker = self._idle.pop()
            if checker.waits():
                return checker
            checker.close()
        return self._zygote.order(self._kind)

    def close(self) -> None:
        """Kill every checker that waits; one that checks dies with the zygote."""
        while self._idle:
            self._idle.pop().close()


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
