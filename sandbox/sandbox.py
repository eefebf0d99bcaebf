"""The sandbox as the service sees it: it finds the strongest isolation that works here and runs scripts in it."""

import os
import shutil
import threading
from contextlib import closing
from pathlib import Path

from . import interpreter
from .errors import SandboxUnavailable
from .isolation import Health, IsolationLevel, Way, ways
from .jail import scratch
from .jail_process import Jail
from .limits import Limits
from .messages import Script
from .outcome import Outcome
from .place import Place
from .probe import REMEDIES, look_around
from .self_test import self_test
from .slots import Slots
from .spare import Spare

_SELF_TEST_SECONDS = 5.0


class Sandbox:
    """Runs scripts, each in a jail of its own. Nothing is started before `start`."""

    def __init__(
        self,
        limits: Limits,
        *,
        min_isolation: IsolationLevel = IsolationLevel.PROCESS,
        concurrency: int = 2,
        nsjail: Path | None = None,
        python: Path | None = None,
    ) -> None:
        """Take the settings.

        Args:
            limits: what a script may use.
            min_isolation: the level below which nothing runs.
            concurrency: how many scripts may run at once.
            nsjail: another nsjail binary than the one that comes with the service.
            python: the scripts' interpreter; None: that of the environment beside the service.
        """
        self._limits = limits
        self._min_isolation = min_isolation
        self._slots = Slots(concurrency, limits.timeout_seconds)
        self._concurrency = concurrency
        self._nsjail = nsjail
        self._python = python or interpreter.default_python()
        self._lock = threading.Lock()
        self._started = False
        self._closed = False
        self._health = Health(None, "The sandbox has not been started.")
        self._place: Place | None = None
        self._way: Way | None = None
        self._jails: set[Jail] = set()

    def start(self) -> None:
        """Find the strongest isolation that works and prove it; what fails shows in `health`. Idempotent."""
        with self._lock:
            if self._started:
                return
            try:
                self._health = self._find_isolation()
            except SandboxUnavailable as error:
                self._health = Health(None, str(error))
            self._started = True

    def health(self) -> Health:
        """Return whether scripts can be run safely; starts the sandbox where it was not."""
        self.start()
        return self._health

    def run(self, script: str, args_json: bytes, timeout_seconds: float) -> Outcome:
        """Run one script; waits for a slot, then for the script's end.

        Args:
            script: its source.
            args_json: a JSON object in UTF-8, the keyword arguments of its `main`.
            timeout_seconds: its wall-clock limit, at most that of the sandbox.

        Raises:
            Overloaded: every slot is busy and the queue is full.
            SandboxUnavailable: no script can be run safely, or the jail failed under this one.
        """
        health = self.health()
        if self._place is None or self._way is None or health.isolation is None:
            raise SandboxUnavailable(health.reason)
        with self._slots.claim() as slot:
            return self._run(
                self._place, self._way, slot, Script(source=script, args=args_json.decode()), timeout_seconds
            )

    def close(self) -> None:
        """Kill what still runs and leave nothing behind; idempotent."""
        self._closed = True
        for jail in list(self._jails):
            jail.kill()
        place, self._place = self._place, None
        if place is not None:
            shutil.rmtree(place.scratch_root, ignore_errors=True)

    def _run(self, place: Place, way: Way, slot: int, script: Script, timeout_seconds: float) -> Outcome:
        """Run one script in a jail of its own."""
        order = place.order(way, slot, self._limits)
        jail = Jail(lambda control_fd: place.command(way, slot, self._limits, control_fd))
        self._jails.add(jail)
        try:
            if self._closed:
                raise SandboxUnavailable("The service is shutting down.")
            jail.begin(place.interpreter.bundle, place.setup(way, self._limits), order)
            with closing(Spare(jail.control, self._limits, jail.failure)) as spare:
                return spare.run(script, timeout_seconds)
        finally:
            jail.close()
            self._jails.discard(jail)
            if order["own_scratch"] and os.path.lexists(order["scratch"]):
                scratch.remove(order["scratch"])

    def _find_isolation(self) -> Health:
        place, missing = look_around(self._python, self._nsjail, self._concurrency)
        self._place = place
        for way in ways(root=place.root):
            if not way.level.at_least(self._min_isolation):
                continue
            refusal = place.lacks(way) or self._prove(place, way, missing)
            if refusal is None:
                self._way = way
                return Health(way.level, missing=(*missing, *place.missing_at(way)))
            missing.append(f"{way}: {refusal}")
        demanded = f"SANDBOX_MIN_ISOLATION demands {self._min_isolation.value}, which this place does not give."
        return Health(None, " ".join([demanded, *missing, REMEDIES[self._min_isolation]]), tuple(missing))

    def _prove(self, place: Place, way: Way, missing: list[str]) -> str | None:
        """Run the self-test; return why this way is not to be used, None where it is."""
        try:
            holes = self_test(lambda script: self._run(place, way, 0, script, _SELF_TEST_SECONDS), root=place.root)
        except SandboxUnavailable as error:
            return str(error)
        if not holes:
            return None
        found = f"the self-test could {', '.join(holes)}"
        if way.level is not IsolationLevel.PROCESS:
            return f"{found}."
        missing.append(f"process: {found}.")
        return None
