"""Checks scripts against the policy, each within its time and memory, in processes beside the server.

A check is tried in two tiers. A fast checker gives it little CPU time, which is still far more than a script of
ordinary size needs. If that is not enough, a slow checker gives it a whole second at a low priority; there are few of
those. Of the scripts that wait for a checker, the shortest comes first. So a script that is slow to check delays only
others like it.

The report on an accepted script is cached, because many callers send one script with ever new arguments.
"""

import hashlib
import threading
from collections import OrderedDict, deque
from collections.abc import Sequence
from contextlib import suppress

from policy import Report
from policy.rules import Rule
from sandbox.limits import KB, MB
from service.admission import Busy, PrioritySemaphore
from service.checker_protocol import FAST, SLOW, Setup, Verdict
from service.checker_zygote import Checker, CheckersUnavailable, CheckerZygote, Tier

MEMORY_BYTES = 300 * MB
FAST_CPU_SECONDS = 0.05
SLOW_CPU_SECONDS = 1.0
# Both tries together end within 1.5 s.
_FAST_WALL_SECONDS = 0.3
_SLOW_WALL_SECONDS = 1.2
# How long a script waits for a free checker, and how many may wait for a slow one: each holds a thread of the server,
# and most threads are for scripts that take no time to check.
WAIT_SECONDS = 5.0
_MAX_WAITING = 16
# A longer script goes to a slow checker at once: a fast one could hardly finish it.
_FAST_SCRIPT_BYTES = 64 * KB

# The cache stays small: this many reports, each with at most this many imports.
_MAX_CACHED = 1024
_MAX_CACHED_IMPORTS = 32

_TOO_CONVOLUTED = Report("syntax_error", "Script is too large or too convoluted to be checked.")


class CheckFailed(Exception):
    """The check itself has a fault; the message names the exception and the line."""


class _TierPool:
    """The checkers of one tier, and the scripts that wait for one."""

    def __init__(self, zygote: CheckerZygote, tier: Tier, size: int, max_waiting: int | None = None) -> None:
        self._admitted = None if max_waiting is None else threading.Semaphore(size + max_waiting)
        self._zygote = zygote
        self._tier = tier
        self._size = size
        self._free = PrioritySemaphore(size)
        self._idle: deque[Checker] = deque()

    def fill(self) -> None:
        """Have all checkers ready."""
        while len(self._idle) < self._size:
            self._idle.append(self._zygote.fork(self._tier))

    def check(self, script: bytes) -> Verdict | None:
        """Return a checker's verdict on a script; None if the script took too much time or memory.

        Raises:
            Busy: too many scripts wait for a checker, or none was free in time.
            TimeoutError: the machine gave the checker too little CPU time.
            CheckersUnavailable: there is no checker.
        """
        if self._admitted is None:
            return self._check_in_turn(script)
        if not self._admitted.acquire(blocking=False):
            raise Busy
        try:
            return self._check_in_turn(script)
        finally:
            self._admitted.release()

    def _check_in_turn(self, script: bytes) -> Verdict | None:
        if not self._free.acquire(len(script), WAIT_SECONDS):
            raise Busy
        try:
            checker = self._take()
            verdict = None
            try:
                verdict = checker.check(script)
            finally:
                if verdict is None or verdict.retires:
                    checker.close()
                    with suppress(CheckersUnavailable):  # the next caller hears of it
                        self._keep(self._zygote.fork(self._tier))
                else:
                    self._keep(checker)
            return verdict
        finally:
            self._free.release()

    def _take(self) -> Checker:
        while self._idle:
            checker = self._idle.pop()
            if checker.is_alive():
                return checker
            checker.close()
        return self._zygote.fork(self._tier)

    def _keep(self, checker: Checker) -> None:
        if len(self._idle) < self._size:
            self._idle.append(checker)
        else:
            checker.close()

    def refresh(self) -> None:
        """Replace the checkers that exited while idle, and continue those that were stopped.

        Raises:
            CheckersUnavailable: there are none.
        """
        for _ in range(len(self._idle)):
            try:
                checker = self._idle.popleft()
            except IndexError:  # the others are in use
                return
            checker.resume()
            if not checker.is_alive():
                checker.close()
                checker = self._zygote.fork(self._tier)
            self._keep(checker)

    def close(self) -> None:
        """Kill every idle checker; a busy one dies with the zygote."""
        while self._idle:
            self._idle.pop().close()


class _ReportCache:
    """The reports on the scripts that were accepted last, by the SHA-256 of their text; the oldest leave first."""

    def __init__(self) -> None:
        self._reports: OrderedDict[bytes, Report] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, sha256: bytes) -> Report | None:
        with self._lock:
            if (report := self._reports.get(sha256)) is not None:
                self._reports.move_to_end(sha256)
            return report

    def put(self, sha256: bytes, report: Report) -> None:
        if report.code is not None or len(report.imports) > _MAX_CACHED_IMPORTS:
            return
        with self._lock:
            self._reports[sha256] = report
            if len(self._reports) > _MAX_CACHED:
                self._reports.popitem(last=False)


class CheckerPool:
    """Checks scripts; it starts nothing before `start` or the first check."""

    def __init__(self, rules: Sequence[Rule], script_bytes: int, cpus: int) -> None:
        """Take the policy.

        Args:
            rules: the policy's, validated.
            script_bytes: the longest script.
            cpus: how many CPUs the service may use: there are as many checkers, but at least two.
        """
        setup = Setup(tuple(rules), script_bytes, MEMORY_BYTES, FAST_CPU_SECONDS, SLOW_CPU_SECONDS)
        self._zygote = CheckerZygote(setup)
        self._cache = _ReportCache()
        slow = max(cpus // 2, 1)
        fast_tier = Tier(FAST, FAST_CPU_SECONDS, _FAST_WALL_SECONDS)
        slow_tier = Tier(SLOW, SLOW_CPU_SECONDS, _SLOW_WALL_SECONDS)
        self._fast = _TierPool(self._zygote, fast_tier, max(cpus - slow, 1))
        self._slow = _TierPool(self._zygote, slow_tier, slow, _MAX_WAITING)

    @property
    def failure(self) -> str:
        """Why no script can be checked; empty if scripts can."""
        return self._zygote.failure

    def start(self) -> None:
        """Start the processes; if that fails, the next check tries again, and raises if it fails too."""
        with suppress(CheckersUnavailable):
            for pool in (self._fast, self._slow):
                pool.fill()

    def refresh(self) -> None:
        """Replace the processes that exited while idle; if that fails, `failure` says why."""
        with suppress(CheckersUnavailable):
            for pool in (self._fast, self._slow):
                pool.refresh()

    def check(self, script: str, sha256: bytes | None = None) -> Report:
        """Check a script.

        Args:
            script: any str at all.
            sha256: the digest of its UTF-8 text, if the caller has it.

        Raises:
            Busy: it could not be checked in time because of others.
            CheckersUnavailable: no script can be checked.
            CheckFailed: the check has a fault.
        """
        text = script.encode("utf-8", "surrogatepass")
        key = sha256 or hashlib.sha256(text).digest()
        if (cached := self._cache.get(key)) is not None:
            return cached
        report = self._check(text)
        self._cache.put(key, report)
        return report

    def _check(self, text: bytes) -> Report:
        verdict = None
        if len(text) <= _FAST_SCRIPT_BYTES:
            with suppress(TimeoutError):
                verdict = self._fast.check(text)
        if verdict is None:
            try:
                verdict = self._slow.check(text)
            except TimeoutError as error:
                raise Busy from error
        if verdict is None:
            return _TOO_CONVOLUTED
        if verdict.report is None:
            raise CheckFailed(verdict.fault)
        return verdict.report

    def close(self) -> None:
        """End every process; idempotent."""
        self._zygote.close()
        for pool in (self._fast, self._slow):
            pool.close()
