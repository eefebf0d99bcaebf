"""The sandbox as the service uses it: it starts by finding the strongest isolation, and then runs scripts."""

import socket
import threading
import time
from collections.abc import Collection
from contextlib import ExitStack
from pathlib import Path

from .errors import SandboxUnavailable, SpareDied
from .host.spawn_broker import BrokeredSpawner
from .host.spawner import Spawner, make_local_spawner
from .isolation import Health, IsolationLevel
from .limits import Limits
from .outcome import Outcome
from .pool.pool import SparePool
from .pool.slots import Slots
from .protocol import Script
from .proven import ProvenIsolation, find_isolation
from .self_test.proof import Proof
from .warm_start import WarmStart


class Sandbox:
    """Runs scripts, each in a process of its own that ends with it. `start` starts everything."""

    def __init__(
        self,
        limits: Limits,
        *,
        min_isolation: IsolationLevel = IsolationLevel.PROCESS,
        concurrency: int = 2,
        warm_start: WarmStart | None = None,
        nsjail: Path | None = None,
        python: Path | None = None,
        spawn_broker: socket.socket | None = None,
    ) -> None:
        """Take the settings.

        Args:
            limits: what a script may use.
            min_isolation: the level below which nothing runs.
            concurrency: how many scripts may run at once.
            warm_start: how scripts start in warm interpreters; None starts each in a cold jail of its own.
            nsjail: another nsjail binary than the one that comes with the service.
            python: the scripts' interpreter; None means that of the environment beside the service.
            spawn_broker: a socket to the process that starts the jails (host/spawn_broker.py); None means this one.
        """
        self._limits = limits
        self._min_isolation = min_isolation
        self._slots = Slots(concurrency, limits.timeout_seconds)
        self._concurrency = concurrency
        self._warm_start = warm_start
        # The policy tells a script's imports by their top-level names.
        self._warm_packages = {name.partition(".")[0] for name in warm_start.imports} if warm_start else set()
        self._nsjail = nsjail
        self._python = python
        self._spawn_broker = spawn_broker
        self._lock = threading.Lock()
        self._started = False
        self._closing = False
        self._health = Health(None, "The sandbox has not been started.")
        self._proof = Proof(self._prove_again)
        self._spawner: Spawner | None = None
        self._isolation: ProvenIsolation | None = None
        self._pools: list[SparePool] = []

    @property
    def capacity(self) -> int:
        """How many scripts may run or wait at once."""
        return self._slots.capacity

    def start(self) -> None:
        """Find the strongest isolation that works and start to warm up; `health` tells what fails.

        Idempotent. Scripts can run when this returns; until the interpreters are warm, each in a cold jail.
        """
        with self._lock:
            if self._started:
                return
            try:
                self._spawner = self._make_spawner()
                self._isolation, self._health = find_isolation(
                    self._spawner, self._limits, self._min_isolation, lambda: self._closing
                )
            except SandboxUnavailable as error:
                self._health = Health(None, str(error))
            if self._isolation is not None and self._warm_start is not None and not self._closing:
                self._pools = [self._isolation.make_pool("bare", (), self._warm_start)]
                if self._warm_start.imports:
                    self._pools.append(self._isolation.make_pool("warm", self._warm_start.imports, self._warm_start))
                for pool in self._pools:
                    pool.start()
            self._started = True

    def health(self) -> Health:
        """Return whether scripts can be run safely; start the sandbox if it has not been started.

        If a jail has failed since the last script that ran, this proves another first.
        """
        self.start()
        if self._isolation is None:
            return self._health
        if refusals := [pool.refusal for pool in self._pools if pool.refusal]:
            return Health(None, " ".join(refusals))
        if not (self._proof.due or any(pool.failing for pool in self._pools)):
            return self._health
        if refusal := self._proof.refusal():
            return Health(None, f"{self._isolation.profile} worked before, and fails now: {refusal}")
        return self._health

    def run(
        self, script: str, args_json: bytes, timeout_seconds: float, imports: Collection[str] = frozenset()
    ) -> Outcome:
        """Run one script: wait for a slot, then for the script's end.

        Args:
            script: its source.
            args_json: a JSON object in UTF-8, the keyword arguments of its `main`.
            timeout_seconds: its wall-clock limit, at most that of the sandbox.
            imports: the modules that it seems to import; they decide which interpreter runs it.

        Raises:
            Overloaded: every slot is busy and the queue is full.
            SandboxUnavailable: no script can be run safely, or the jail failed under this one.
        """
        asked = time.monotonic()
        self.start()
        if self._isolation is None:
            raise SandboxUnavailable(self._health.reason)
        job = Script(source=script, args=args_json.decode())
        with ExitStack() as held:
            held.enter_context(self._slots.claim())
            try:
                outcome = self._run_warm(job, timeout_seconds, imports, asked, held)
                if outcome is None:
                    outcome = self._isolation.cold.run(job, timeout_seconds, asked)
            except SandboxUnavailable:
                self._proof.failed()
                raise
        self._proof.held()
        return outcome

    def close(self) -> None:
        """Kill what still runs and leave nothing behind; idempotent."""
        self._closing = True
        with self._lock:
            for pool in self._pools:
                pool.close()
            if self._isolation is not None:
                self._isolation.cold.kill()
            if self._spawner is not None:
                self._spawner.close()

    def _run_warm(
        self, script: Script, timeout_seconds: float, imports: Collection[str], asked: float, held: ExitStack
    ) -> Outcome | None:
        """Run a script in a spare of the zygote that suits it; return None if there is no spare now.

        If its process takes long to die, a thread releases what is `held` for it after that: its slot bounds memory.
        """
        if not self._pools:
            return None
        pool = self._pools[-1 if self._warm_packages.intersection(imports) else 0]
        with ExitStack() as claimed:
            spare = claimed.enter_context(pool.claim())
            try:
                outcome = spare.run(script, timeout_seconds, asked) if spare else None
            except SpareDied:
                return None  # the script had not begun, so it may begin anew
            if spare and not spare.released():
                held.push(claimed.pop_all())
                threading.Thread(target=spare.wait_until_released, args=(held.pop_all(),), daemon=True).start()
        return outcome

    def _make_spawner(self) -> Spawner:
        if self._spawn_broker is not None:
            return BrokeredSpawner(self._spawn_broker)
        warm = self._warm_start
        return make_local_spawner(
            self._limits,
            self._concurrency,
            warm.spares if warm else 0,
            nsjail=self._nsjail,
            python=self._python,
            warm_imports=warm.imports if warm else (),
        )

    def _prove_again(self) -> str | None:
        assert self._isolation is not None
        return self._isolation.prove()
