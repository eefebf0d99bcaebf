"""Cold jails: each runs one script, in an interpreter that starts with it."""

import contextlib
from collections.abc import Callable

from ..errors import SandboxUnavailable
from ..host.jail_handle import JailHandle
from ..host.jail_setup import make_order
from ..host.spawner import Spawner
from ..isolation import IsolationProfile
from ..limits import Limits
from ..outcome import Outcome
from ..protocol import Script
from .spare import Spare
from .uids import UidPool


class ColdJails:
    """Runs each script in a jail of its own."""

    def __init__(
        self,
        spawner: Spawner,
        profile: IsolationProfile,
        limits: Limits,
        uids: UidPool,
        closing: Callable[[], bool],
    ) -> None:
        """Take how jails are made; none is started before `run`.

        Args:
            spawner: starts the jails.
            profile: how well isolated they are.
            limits: what a script may use.
            uids: hands out the scripts' user ids.
            closing: whether the service shuts down: then no jail runs any more.
        """
        self._spawner = spawner
        self._profile = profile
        self._limits = limits
        self._uids = uids
        self._closing = closing
        self._running: set[JailHandle] = set()

    def run(self, script: Script, timeout_seconds: float, asked: float | None = None) -> Outcome:
        """Run a script in a jail of its own; for the arguments see `Spare.run`.

        Raises:
            SandboxUnavailable: the jail failed, or the service shuts down.
        """
        jail = self._spawner.start(self._profile, None)
        uid_index = self._uids.take()
        self._running.add(jail)
        try:
            if self._closing():
                raise SandboxUnavailable("The service is shutting down.")
            with contextlib.suppress(OSError):  # the jail has exited, which the next read from it finds
                jail.order(make_order(self._spawner.host, self._profile, self._limits, uid_index))
            with contextlib.closing(Spare(jail, self._limits, lambda: None)) as spare:
                return spare.run(script, timeout_seconds, asked)
        finally:
            jail.close()
            self._uids.give_back(uid_index)
            self._running.discard(jail)

    def kill(self) -> None:
        """Kill every jail that runs."""
        for jail in list(self._running):
            jail.kill()
