"""A pool of spares: keeps a zygote alive and its spares ready, in a thread of its own."""

import logging
import math
import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from ..errors import ImportFailed, SandboxUnavailable, SpareDied
from ..protocol import Order
from .spare import Spare
from .zygote import Zygote

_log = logging.getLogger(__name__)

# The pause before the next zygote is started. Each time that a zygote fails at once it doubles, up to the longest.
_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 10.0
# A zygote that has served this long has not failed at once.
_SETTLED_SECONDS = 10.0

# The pause before spares that died unclaimed are replaced.
_REPLACE_SECONDS = 0.1
# How late a thread may wake up on a busy host.
_LATE_SECONDS = 1.0


class SparePool:
    """Starts a zygote, replaces it when it dies or has served long enough, and hands out its spares.

    Attributes:
        failing: whether the last zygote has failed and no other has replaced it.
        refusal: why no zygote can ever start; empty if one may.
    """

    def __init__(
        self,
        name: str,
        start: Callable[[], Zygote],
        order: Callable[[int, int], Order],
        check: Callable[[Spare], None],
        *,
        spares: int,
        recycle_scripts: int,
        recycle_seconds: float,
    ) -> None:
        """Take the settings; `start` starts the pool.

        Args:
            name: the zygote's name in the log.
            start: starts a zygote.
            order: makes an order for a spare, given its index and how much address space the zygote takes.
            check: proves a zygote by its first spare, or raises SandboxUnavailable.
            spares: how many to keep ready; with 0 each is made when a script needs it.
            recycle_scripts: how many scripts one zygote serves before another replaces it.
            recycle_seconds: how long one zygote serves before another replaces it.
        """
        self._name = name
        self._start = start
        self._order = order
        self._check = check
        self._spares = spares
        self._recycle_scripts = recycle_scripts
        self._recycle_seconds = recycle_seconds
        self._ready: deque[Spare] = deque()
        self._zygote: Zygote | None = None
        self.failing = False
        self.refusal = ""
        self._forking = False
        self._waiting = 0
        self._replace_from = 0.0
        self._serving_from = math.inf
        self._closing = threading.Event()
        self._changed = threading.Condition()
        self._wake = os.eventfd(0)
        # The thread waits for these: the wake-up, a message of the zygote, and the death of a spare that waits.
        self._events = select.epoll()
        self._events.register(self._wake, select.EPOLLIN)
        self._thread = threading.Thread(target=self._serve_forever, name=f"pool of the {name} zygote", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    @contextmanager
    def claim(self) -> Iterator[Spare | None]:
        """Take a spare, and wait for its fork if need be; yield None if there is no zygote now."""
        with self._changed:
            spare = self._take()
            zygote = self._zygote
            if zygote is not None and spare is not None:
                zygote.running += 1
                zygote.served += 1
                scarce = self._scarce(zygote)
        if zygote is None or spare is None:
            yield None
            return
        if scarce:
            os.eventfd_write(self._wake, 1)
        try:
            yield spare
        except SandboxUnavailable as error:
            if not isinstance(error, SpareDied):
                zygote.jail.kill()  # it broke the protocol: it gets no other script
            raise
        finally:
            spare.close()
            with self._changed:
                zygote.running -= 1
                os.eventfd_write(self._wake, 1)
                unused = zygote is not self._zygote and not zygote.running
            if unused:
                zygote.close()

    def close(self) -> None:
        """Kill the zygote and all that it has forked, and end the thread."""
        self._closing.set()
        os.eventfd_write(self._wake, 1)
        with self._changed:
            if self._zygote is not None:
                self._zygote.jail.kill()
        if self._thread.is_alive():
            self._thread.join()

    def _take(self) -> Spare | None:
        """Take a living spare, or wait while one is forked; the caller holds the lock."""
        self._waiting += 1
        try:
            while True:
                while self._ready:
                    spare = self._ready.popleft()
                    self._events.unregister(spare.control_fd)
                    if spare.alive():
                        return spare
                    spare.close()
                if not self._forking:
                    return None
                os.eventfd_write(self._wake, 1)
                self._changed.wait()
        finally:
            self._waiting -= 1

    def _serve_forever(self) -> None:
        """Serve with one zygote after another."""
        pause_seconds = _FIRST_PAUSE_SECONDS
        while not self._closing.is_set():
            self._serving_from = math.inf
            try:
                self._serve()
                pause_seconds = _FIRST_PAUSE_SECONDS
            except (SandboxUnavailable, OSError) as error:  # an OSError if the host has run out of something
                self._install(None)  # scripts of a zygote that only failed to fork run to their end
                self.failing = True
                self.refusal = str(error) if isinstance(error, ImportFailed) else ""
                if time.monotonic() - self._serving_from >= _SETTLED_SECONDS:
                    pause_seconds = _FIRST_PAUSE_SECONDS
                if not self._closing.is_set():
                    _log.error("The %s zygote failed, and another is started: %s", self._name, error)
                    self._closing.wait(pause_seconds)
                    pause_seconds = min(pause_seconds * 2, _LONGEST_PAUSE_SECONDS)
        self._install(None)

    def _serve(self) -> None:
        """Start a zygote and keep its spares ready until it is time to replace it.

        Raises:
            SandboxUnavailable: the zygote failed.
        """
        zygote = self._start()
        try:
            zygote.wait_until_warm()
            zygote.order(self._order)
            with closing(zygote.take()) as spare:
                self._check(spare)
        except (SandboxUnavailable, OSError):
            zygote.close()
            raise
        self._install(zygote)
        self._serving_from = time.monotonic()
        self.failing = False
        self.refusal = ""
        control = zygote.jail.control.fileno()
        self._events.register(control, select.EPOLLIN)
        try:
            self._tend(zygote, control)
        finally:
            self._events.unregister(control)
        with self._changed:
            # Until the next zygote is warm, a script that finds no spare ready runs in a cold jail.
            self._forking = False
            self._changed.notify_all()

    def _tend(self, zygote: Zygote, control: int) -> None:
        """Keep the spares of a zygote ready until it has served long enough."""
        until = time.monotonic() + self._recycle_seconds
        while not self._closing.is_set() and zygote.served < self._recycle_scripts and time.monotonic() < until:
            pause_seconds = self._order_in(zygote)
            if pause_seconds <= 0:
                zygote.order(self._order)
                continue
            answer_seconds = zygote.answer_in()
            if answer_seconds <= 0:
                raise zygote.jail.failure("its zygote does not answer")
            happened = self._wait(zygote, min(pause_seconds, answer_seconds, until - time.monotonic()))
            if self._wake in happened:
                os.eventfd_read(self._wake)
            elif control in happened:
                spare = zygote.take()
                with self._changed:
                    self._ready.append(spare)
                    self._events.register(spare.control_fd, select.EPOLLIN)
                    self._changed.notify()
            elif happened:
                self._drop_dead_spares()

    def _wait(self, zygote: Zygote, seconds: float) -> set[int]:
        """Wait until there is something to do; return the descriptors that are ready."""
        started = time.monotonic()
        happened = {fd for fd, _ in self._events.poll(seconds)}
        if time.monotonic() - started > seconds + _LATE_SECONDS:
            # This process was paused, as in a container without CPU between requests. So was the zygote: it gets more
            # time to answer.
            zygote.wait_anew()
        return happened

    def _drop_dead_spares(self) -> None:
        """Close the spares that died unclaimed, and replace them after a pause, in case they all die."""
        with self._changed:
            dead = [spare for spare in self._ready if not spare.alive()]
            self._ready = deque(spare for spare in self._ready if spare not in dead)
        for spare in dead:
            spare.close()  # which takes it from the epoll object too
        if dead:
            _log.warning("%d spares of the %s zygote died before they had a script.", len(dead), self._name)
            self._replace_from = time.monotonic() + _REPLACE_SECONDS

    def _order_in(self, zygote: Zygote) -> float:
        """Return in how many seconds to order one more spare; infinity if there are enough.

        A zygote cannot report a script's end while it forks. So if spares are not scarce, the next is ordered when no
        script runs.
        """
        coming = len(self._ready) + zygote.on_order
        if coming >= self._spares + self._waiting:
            return math.inf
        if not self._waiting and (pause_seconds := self._replace_from - time.monotonic()) > 0:
            return pause_seconds
        return 0 if self._scarce(zygote) or not zygote.running else math.inf

    def _scarce(self, zygote: Zygote) -> bool:
        """Return whether half of the spares or more are missing."""
        return len(self._ready) + zygote.on_order <= self._spares // 2

    def _install(self, zygote: Zygote | None) -> None:
        """Replace the zygote by another, or by none; the old one is closed after its last script."""
        with self._changed:
            before, self._zygote = self._zygote, zygote
            unclaimed, self._ready = self._ready, deque()
            self._forking = zygote is not None
            unused = before is not None and not before.running
            self._changed.notify_all()
        for spare in unclaimed:
            spare.close()
        if before is not None and unused:
            before.close()
