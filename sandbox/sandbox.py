"""The sandbox as the service sees it: it finds the strongest isolation that works here and runs scripts in it."""

import logging
import socket
import threading
import time
from collections.abc import Collection, Sequence
from contextlib import ExitStack, closing, suppress
from pathlib import Path

from .errors import SandboxUnavailable, SpareDied
from .isolation import REMEDIES, Health, IsolationLevel, Way, name_refusals, ways
from .jail_process import Jail
from .keeper import Keeper
from .limits import Limits
from .messages import Script
from .numbers import Numbers
from .outcome import Outcome
from .place import SCRIPT_UIDS
from .privileged import RemoteStarter
from .proof import Proof
from .self_test import self_test
from .slots import Slots
from .spare import Spare
from .starter import Starter, make_local_starter
from .warm_start import WarmStart
from .zygote import Zygote

_SELF_TEST_SECONDS = 5.0

_log = logging.getLogger(__name__)


class Sandbox:
    """Runs scripts, each in a process of its own that ends with it. Nothing is started before `start`."""

    def __init__(
        self,
        limits: Limits,
        *,
        min_isolation: IsolationLevel = IsolationLevel.PROCESS,
        concurrency: int = 2,
        warm_start: WarmStart | None = None,
        nsjail: Path | None = None,
        python: Path | None = None,
        starter: socket.socket | None = None,
    ) -> None:
        """Take the settings.

        Args:
            limits: what a script may use.
            min_isolation: the level below which nothing runs.
            concurrency: how many scripts may run at once.
            warm_start: how scripts are started in warm interpreters; None: each in a cold jail of its own.
            nsjail: another nsjail binary than the one that comes with the service.
            python: the scripts' interpreter; None: that of the environment beside the service.
            starter: a socket to the process that starts the jails (see `privileged.py`); None: this one does.
        """
        self._limits = limits
        self._min_isolation = min_isolation
        self._slots = Slots(concurrency, limits.timeout_seconds)
        self._concurrency = concurrency
        self._warm_start = warm_start
        # A script's imports are told by their top-level names, and are of use whichever part was imported.
        self._warm_packages = {name.partition(".")[0] for name in warm_start.imports} if warm_start else set()
        self._nsjail = nsjail
        self._python = python
        self._requests = starter
        self._lock = threading.Lock()
        self._started = False
        self._closed = False
        self._health = Health(None, "The sandbox has not been started.")
        self._proof = Proof(self._prove_again)
        self._starter: Starter | None = None
        self._way: Way | None = None
        self._holes: frozenset[str] = frozenset()
        self._numbers = Numbers(SCRIPT_UIDS)
        self._jails: set[Jail] = set()
        self._keepers: list[Keeper] = []

    @property
    def capacity(self) -> int:
        """How many scripts may run or wait at once."""
        return self._slots.capacity

    def start(self) -> None:
        """Find the strongest isolation that works, prove it and start to warm up; what fails shows in `health`.

        Idempotent. Scripts can be run when this returns; until the interpreters are warm, each in a cold jail.
        """
        with self._lock:
            if self._started:
                return
            try:
                self._health = self._find_isolation()
            except SandboxUnavailable as error:
                self._health = Health(None, str(error))
            if self._health.isolation is not None and self._warm_start is not None and not self._closed:
                self._keepers = self._make_keepers(self._warm_start)
                for keeper in self._keepers:
                    keeper.start()
            self._started = True

    def health(self) -> Health:
        """Return whether scripts can be run safely; starts the sandbox where it was not.

        Where a jail has failed since the last script that ran, another is tried first.
        """
        self.start()
        if self._way is None:
            return self._health
        if refusals := [keeper.refusal for keeper in self._keepers if keeper.refusal]:
            return Health(None, " ".join(refusals))
        if not (self._proof.due or any(keeper.failing for keeper in self._keepers)):
            return self._health
        refusal = self._proof.refusal()
        return Health(None, f"{self._way} has worked, and does not any more: {refusal}") if refusal else self._health

    def run(
        self, script: str, args_json: bytes, timeout_seconds: float, imports: Collection[str] = frozenset()
    ) -> Outcome:
        """Run one script; waits for a slot, then for the script's end.

        Args:
            script: its source.
            args_json: a JSON object in UTF-8, the keyword arguments of its `main`.
            timeout_seconds: its wall-clock limit, at most that of the sandbox.
            imports: the modules that it seems to import, by which the interpreter is chosen that has them.

        Raises:
            Overloaded: every slot is busy and the queue is full.
            SandboxUnavailable: no script can be run safely, or the jail failed under this one.
        """
        asked = time.monotonic()
        self.start()
        if self._starter is None or self._way is None:
            raise SandboxUnavailable(self._health.reason)
        job = Script(source=script, args=args_json.decode())
        with ExitStack() as held:
            held.enter_context(self._slots.claim())
            try:
                outcome = self._run_warm(job, timeout_seconds, imports, asked, held)
                if outcome is None:
                    outcome = self._run_cold(self._starter, self._way, job, timeout_seconds, asked)
            except SandboxUnavailable:
                self._proof.failed()
                raise
        self._proof.held()
        return outcome

    def close(self) -> None:
        """Kill what still runs and leave nothing behind; idempotent."""
        self._closed = True
        with self._lock:
            for keeper in self._keepers:
                keeper.close()
            for jail in list(self._jails):
                jail.kill()
            if self._starter is not None:
                self._starter.close()

    def _run_warm(
        self, script: Script, timeout_seconds: float, imports: Collection[str], asked: float, held: ExitStack
    ) -> Outcome | None:
        """Run a script in a spare of the zygote that suits it; return None where there is none now.

        Where its process takes long to die, what is `held` for it is let go of after that: its slot means memory, too.
        """
        if self._warm_start is None or not self._keepers:
            return None
        keeper = self._keepers[-1 if self._warm_packages.intersection(imports) else 0]
        with ExitStack() as claimed:
            spare = claimed.enter_context(keeper.claim())
            try:
                outcome = spare.run(script, timeout_seconds, asked) if spare else None
            except SpareDied:
                return None  # nothing of the script can have got out, so it may be begun anew
            if spare and not spare.gone():
                held.push(claimed.pop_all())
                threading.Thread(target=spare.see_off, args=(held.pop_all(),), daemon=True).start()
        return outcome

    def _run_cold(
        self, starter: Starter, way: Way, script: Script, timeout_seconds: float, asked: float | None = None
    ) -> Outcome:
        """Run a script in a jail of its own."""
        jail = starter.start(way, None)
        number = self._numbers.take()
        self._jails.add(jail)
        try:
            if self._closed:
                raise SandboxUnavailable("The service is shutting down.")
            with suppress(OSError):  # a jail that has ended already shows in its answer
                jail.order(starter.place.order(way, number, self._limits))
            with closing(Spare(jail, self._limits, lambda: None)) as spare:
                return spare.run(script, timeout_seconds, asked)
        finally:
            jail.close()
            self._numbers.give_back(number)
            self._jails.discard(jail)

    def _make_keepers(self, warm_start: WarmStart) -> list[Keeper]:
        """Make a keeper for the zygote that has imported nothing, and one for the zygote that has what scripts want."""
        starter, way = self._starter, self._way
        if starter is None or way is None:
            return []

        def keeper(name: str, imports: Sequence[str]) -> Keeper:
            def start() -> Zygote:
                fresh_bytes = starter.place.interpreter.address_space_bytes
                return Zygote(starter.start(way, imports), self._limits, self._numbers, fresh_bytes)

            return Keeper(
                name,
                start,
                lambda number, size: starter.place.order(way, number, self._limits, size),
                self._check,
                spares=warm_start.spares,
                recycle_scripts=warm_start.recycle_scripts,
                recycle_seconds=warm_start.recycle_seconds,
            )

        keepers = [keeper("bare", ())]
        if warm_start.imports:
            keepers.append(keeper("warm", warm_start.imports))
        return keepers

    def _make_starter(self) -> Starter:
        if self._requests is not None:
            return RemoteStarter(self._requests)
        warm = self._warm_start
        return make_local_starter(
            self._limits,
            self._concurrency,
            warm.spares if warm else 0,
            nsjail=self._nsjail,
            python=self._python,
            warm_imports=warm.imports if warm else (),
        )

    def _find_isolation(self) -> Health:
        self._starter = starter = self._make_starter()
        place, missing = starter.place, list(starter.missing)
        refusals: dict[Way, str] = {}
        for way in ways(root=place.root, cgroups=place.cgroups is not None):
            if not way.level.at_least(self._min_isolation):
                continue
            refusal = place.lacks(way)
            if refusal is None and way.level is IsolationLevel.PROCESS:
                self._holes = frozenset(self._self_test_cold(starter, way))
                missing += [f"process: the self-test could {hole}." for hole in sorted(self._holes)]
            refusal = refusal or self._prove(starter, way)
            if refusal is None:
                self._way = way
                _log.info("Jails are made in this way: %s.", way)
                return Health(way.level, missing=(*missing, *name_refusals(refusals), *place.missing_at(way)))
            refusals[way] = refusal
        missing += name_refusals(refusals)
        demanded = f"SANDBOX_MIN_ISOLATION demands {self._min_isolation.value}, which this place does not give."
        return Health(None, " ".join([demanded, *missing, REMEDIES[self._min_isolation]]), tuple(missing))

    def _self_test_cold(self, starter: Starter, way: Way) -> tuple[str, ...]:
        root = starter.place.root
        return self_test(lambda script: self._run_cold(starter, way, script, _SELF_TEST_SECONDS), root=root)

    def _prove(self, starter: Starter, way: Way) -> str | None:
        """Run the self-test in a cold jail; return why this way is not to be used, None where it is."""
        try:
            return self._found(self._self_test_cold(starter, way))
        except SandboxUnavailable as error:
            return str(error)

    def _prove_again(self) -> str | None:
        assert self._starter is not None
        assert self._way is not None
        return self._prove(self._starter, self._way)

    def _check(self, spare: Spare) -> None:
        """Run the self-test in a zygote's spare.

        Raises:
            SandboxUnavailable: the spare is not as closed as a cold jail.
        """
        root = self._starter is not None and self._starter.place.root
        found = self._found(self_test(lambda script: spare.run(script, _SELF_TEST_SECONDS), root=root))
        if found:
            raise SandboxUnavailable(found)

    def _found(self, holes: Collection[str]) -> str | None:
        """Say what the self-test found beyond what this level is known to let through."""
        unknown = sorted(set(holes) - self._holes)
        return f"the self-test could {', '.join(unknown)}." if unknown else None
