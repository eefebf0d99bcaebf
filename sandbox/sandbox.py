"""The sandbox as the service sees it: it finds the strongest isolation that works here and runs scripts in it."""

import logging
import socket
import threading
import time
from collections.abc import Collection, Sequence
from contextlib import ExitStack, closing, suppress
from pathlib import Path

from .errors import SandboxUnavailable, SpareDied
from .host.host import SCRIPT_UIDS
from .host.jail_handle import JailHandle
from .host.spawn_broker import BrokeredSpawner
from .host.spawner import Spawner, make_local_spawner
from .isolation import REMEDIES, Health, IsolationLevel, IsolationProfile, name_refusals, profiles
from .limits import Limits
from .outcome import Outcome
from .pool.pool import SparePool
from .pool.slots import Slots
from .pool.spare import Spare
from .pool.uids import UidPool
from .pool.zygote import Zygote
from .protocol import Script
from .self_test.proof import Proof
from .self_test.self_test import self_test
from .warm_start import WarmStart

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
        spawner: socket.socket | None = None,
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
        self._requests = spawner
        self._lock = threading.Lock()
        self._started = False
        self._closed = False
        self._health = Health(None, "The sandbox has not been started.")
        self._proof = Proof(self._prove_again)
        self._spawner: Spawner | None = None
        self._profile: IsolationProfile | None = None
        self._holes: frozenset[str] = frozenset()
        self._uids = UidPool(SCRIPT_UIDS)
        self._jails: set[JailHandle] = set()
        self._pools: list[SparePool] = []

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
                self._pools = self._make_pools(self._warm_start)
                for pool in self._pools:
                    pool.start()
            self._started = True

    def health(self) -> Health:
        """Return whether scripts can be run safely; starts the sandbox where it was not.

        Where a jail has failed since the last script that ran, another is tried first.
        """
        self.start()
        if self._profile is None:
            return self._health
        if refusals := [pool.refusal for pool in self._pools if pool.refusal]:
            return Health(None, " ".join(refusals))
        if not (self._proof.due or any(pool.failing for pool in self._pools)):
            return self._health
        refusal = self._proof.refusal()
        return (
            Health(None, f"{self._profile} has worked, and does not any more: {refusal}") if refusal else self._health
        )

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
        if self._spawner is None or self._profile is None:
            raise SandboxUnavailable(self._health.reason)
        job = Script(source=script, args=args_json.decode())
        with ExitStack() as held:
            held.enter_context(self._slots.claim())
            try:
                outcome = self._run_warm(job, timeout_seconds, imports, asked, held)
                if outcome is None:
                    outcome = self._run_cold(self._spawner, self._profile, job, timeout_seconds, asked)
            except SandboxUnavailable:
                self._proof.failed()
                raise
        self._proof.held()
        return outcome

    def close(self) -> None:
        """Kill what still runs and leave nothing behind; idempotent."""
        self._closed = True
        with self._lock:
            for pool in self._pools:
                pool.close()
            for jail in list(self._jails):
                jail.kill()
            if self._spawner is not None:
                self._spawner.close()

    def _run_warm(
        self, script: Script, timeout_seconds: float, imports: Collection[str], asked: float, held: ExitStack
    ) -> Outcome | None:
        """Run a script in a spare of the zygote that suits it; return None where there is none now.

        Where its process takes long to die, what is `held` for it is let go of after that: its slot means memory, too.
        """
        if self._warm_start is None or not self._pools:
            return None
        pool = self._pools[-1 if self._warm_packages.intersection(imports) else 0]
        with ExitStack() as claimed:
            spare = claimed.enter_context(pool.claim())
            try:
                outcome = spare.run(script, timeout_seconds, asked) if spare else None
            except SpareDied:
                return None  # nothing of the script can have got out, so it may be begun anew
            if spare and not spare.gone():
                held.push(claimed.pop_all())
                threading.Thread(target=spare.see_off, args=(held.pop_all(),), daemon=True).start()
        return outcome

    def _run_cold(
        self,
        spawner: Spawner,
        profile: IsolationProfile,
        script: Script,
        timeout_seconds: float,
        asked: float | None = None,
    ) -> Outcome:
        """Run a script in a jail of its own."""
        jail = spawner.start(profile, None)
        number = self._uids.take()
        self._jails.add(jail)
        try:
            if self._closed:
                raise SandboxUnavailable("The service is shutting down.")
            with suppress(OSError):  # a jail that has ended already shows in its answer
                jail.order(spawner.host.order(profile, number, self._limits))
            with closing(Spare(jail, self._limits, lambda: None)) as spare:
                return spare.run(script, timeout_seconds, asked)
        finally:
            jail.close()
            self._uids.give_back(number)
            self._jails.discard(jail)

    def _make_pools(self, warm_start: WarmStart) -> list[SparePool]:
        """Make a keeper for the zygote that has imported nothing, and one for the zygote that has what scripts want."""
        spawner, profile = self._spawner, self._profile
        if spawner is None or profile is None:
            return []

        def pool(name: str, imports: Sequence[str]) -> SparePool:
            def start() -> Zygote:
                fresh_bytes = spawner.host.interpreter.address_space_bytes
                return Zygote(spawner.start(profile, imports), self._limits, self._uids, fresh_bytes)

            return SparePool(
                name,
                start,
                lambda number, size: spawner.host.order(profile, number, self._limits, size),
                self._check,
                spares=warm_start.spares,
                recycle_scripts=warm_start.recycle_scripts,
                recycle_seconds=warm_start.recycle_seconds,
            )

        pools = [pool("bare", ())]
        if warm_start.imports:
            pools.append(pool("warm", warm_start.imports))
        return pools

    def _make_spawner(self) -> Spawner:
        if self._requests is not None:
            return BrokeredSpawner(self._requests)
        warm = self._warm_start
        return make_local_spawner(
            self._limits,
            self._concurrency,
            warm.spares if warm else 0,
            nsjail=self._nsjail,
            python=self._python,
            warm_imports=warm.imports if warm else (),
        )

    def _find_isolation(self) -> Health:
        self._spawner = spawner = self._make_spawner()
        host, missing = spawner.host, list(spawner.missing)
        refusals: dict[IsolationProfile, str] = {}
        for profile in profiles(root=host.root, cgroups=host.cgroups is not None):
            if not profile.level.at_least(self._min_isolation):
                continue
            refusal = host.lacks(profile)
            if refusal is None and profile.level is IsolationLevel.PROCESS:
                self._holes = frozenset(self._self_test_cold(spawner, profile))
                missing += [f"process: the self-test could {hole}." for hole in sorted(self._holes)]
            refusal = refusal or self._prove(spawner, profile)
            if refusal is None:
                self._profile = profile
                _log.info("Jails are made in this way: %s.", profile)
                return Health(profile.level, missing=(*missing, *name_refusals(refusals), *host.missing_at(profile)))
            refusals[profile] = refusal
        missing += name_refusals(refusals)
        demanded = f"SANDBOX_MIN_ISOLATION demands {self._min_isolation.value}, which this place does not give."
        return Health(None, " ".join([demanded, *missing, REMEDIES[self._min_isolation]]), tuple(missing))

    def _self_test_cold(self, spawner: Spawner, profile: IsolationProfile) -> tuple[str, ...]:
        root = spawner.host.root
        return self_test(lambda script: self._run_cold(spawner, profile, script, _SELF_TEST_SECONDS), root=root)

    def _prove(self, spawner: Spawner, profile: IsolationProfile) -> str | None:
        """Run the self-test in a cold jail; return why this way is not to be used, None where it is."""
        try:
            return self._found(self._self_test_cold(spawner, profile))
        except SandboxUnavailable as error:
            return str(error)

    def _prove_again(self) -> str | None:
        assert self._spawner is not None
        assert self._profile is not None
        return self._prove(self._spawner, self._profile)

    def _check(self, spare: Spare) -> None:
        """Run the self-test in a zygote's spare.

        Raises:
            SandboxUnavailable: the spare is not as closed as a cold jail.
        """
        root = self._spawner is not None and self._spawner.host.root
        found = self._found(self_test(lambda script: spare.run(script, _SELF_TEST_SECONDS), root=root))
        if found:
            raise SandboxUnavailable(found)

    def _found(self, holes: Collection[str]) -> str | None:
        """Say what the self-test found beyond what this level is known to let through."""
        unknown = sorted(set(holes) - self._holes)
        return f"the self-test could {', '.join(unknown)}." if unknown else None
