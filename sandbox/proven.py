"""Finds the strongest isolation that works on this host, and proves it by the self-test."""

import logging
from collections.abc import Callable, Collection, Sequence

from .errors import SandboxUnavailable
from .host.jail_setup import make_order
from .host.nsjail_command import SCRIPT_UIDS
from .host.spawner import Spawner
from .isolation import REMEDIES, Health, IsolationLevel, IsolationProfile, name_refusals, profiles
from .limits import Limits
from .outcome import Outcome
from .pool.cold import ColdJails
from .pool.pool import SparePool
from .pool.spare import Spare
from .pool.uids import UidPool
from .pool.zygote import Zygote
from .protocol import Script
from .self_test.self_test import self_test
from .warm_start import WarmStart

_SELF_TEST_SECONDS = 5.0

_log = logging.getLogger(__name__)


class ProvenIsolation:
    """The isolation profile of this host's jails, and everything that makes jails of it.

    Attributes:
        profile: the profile.
        cold: runs a script in a jail of its own.
    """

    def __init__(
        self, spawner: Spawner, profile: IsolationProfile, limits: Limits, uids: UidPool, closing: Callable[[], bool]
    ) -> None:
        """Take a profile, which `prove` has yet to prove; for the arguments see `ColdJails`."""
        self.profile = profile
        self.cold = ColdJails(spawner, profile, limits, uids, closing)
        self._spawner = spawner
        self._limits = limits
        self._uids = uids
        self._known_holes: frozenset[str] = frozenset()

    def admit_holes(self) -> list[str]:
        """Run the self-test and accept what it finds: the level `process` promises less. Return a sentence for each.

        Raises:
            SandboxUnavailable: no script could be run.
        """
        self._known_holes = frozenset(self._test(self.cold.run))
        return [f"process: the self-test could {hole}." for hole in sorted(self._known_holes)]

    def prove(self) -> str | None:
        """Run the self-test in a cold jail; return why jails do not hold, None if they do."""
        try:
            return self._refusal(self._test(self.cold.run))
        except SandboxUnavailable as error:
            return str(error)

    def check(self, spare: Spare) -> None:
        """Run the self-test in a zygote's spare.

        Raises:
            SandboxUnavailable: the spare is less isolated than a cold jail.
        """
        if refusal := self._refusal(self._test(spare.run)):
            raise SandboxUnavailable(refusal)

    def make_pool(self, name: str, imports: Sequence[str], warm_start: WarmStart) -> SparePool:
        """Return a pool for a zygote that imports these modules; it is not started yet."""
        host = self._spawner.host

        def start() -> Zygote:
            jail = self._spawner.start(self.profile, imports)
            return Zygote(jail, self._limits, self._uids, host.interpreter.address_space_bytes)

        return SparePool(
            name,
            start,
            lambda index, size_bytes: make_order(host, self.profile, self._limits, index, size_bytes),
            self.check,
            spares=warm_start.spares,
            recycle_scripts=warm_start.recycle_scripts,
            recycle_seconds=warm_start.recycle_seconds,
        )

    def _test(self, run: Callable[[Script, float], Outcome]) -> tuple[str, ...]:
        """Run the self-test and return the holes that it finds."""
        return self_test(lambda script: run(script, _SELF_TEST_SECONDS), root=self._spawner.host.root)

    def _refusal(self, holes: Collection[str]) -> str | None:
        """Name the holes that this profile is not known to have."""
        unknown = sorted(set(holes) - self._known_holes)
        return f"the self-test could {', '.join(unknown)}." if unknown else None


def find_isolation(
    spawner: Spawner, limits: Limits, min_isolation: IsolationLevel, closing: Callable[[], bool]
) -> tuple[ProvenIsolation | None, Health]:
    """Try the isolation profiles, strongest first; return the first that the self-test proves, and the health.

    Args:
        spawner: starts the jails.
        limits: what a script may use.
        min_isolation: the level below which nothing runs.
        closing: whether the service shuts down.

    Returns:
        None, with the reasons in the health, if no profile of at least `min_isolation` works.

    Raises:
        SandboxUnavailable: the level `process` was tried, and no script could be run.
    """
    host, missing = spawner.host, list(spawner.missing)
    uids = UidPool(SCRIPT_UIDS)
    refusals: dict[IsolationProfile, str] = {}
    for profile in profiles(root=host.root, cgroups=host.cgroups is not None):
        if not profile.level.at_least(min_isolation):
            continue
        isolation = ProvenIsolation(spawner, profile, limits, uids, closing)
        refusal = host.lacks(profile)
        if refusal is None and profile.level is IsolationLevel.PROCESS:
            missing += isolation.admit_holes()
        refusal = refusal or isolation.prove()
        if refusal is None:
            _log.info("Isolation profile: %s", profile)
            return isolation, Health(
                profile.level, missing=(*missing, *name_refusals(refusals), *host.missing_at(profile))
            )
        refusals[profile] = refusal
    missing += name_refusals(refusals)
    demanded = f"SANDBOX_MIN_ISOLATION demands {min_isolation.value}, which this host does not give."
    return None, Health(None, " ".join([demanded, *missing, REMEDIES[min_isolation]]), tuple(missing))
