"""Control groups for one run of the service: they bound its memory, and show what it leaves behind in them."""

import secrets
import time
from dataclasses import dataclass
from pathlib import Path

from bench.servers import ServerFailed
from sandbox.host.cgroups import writable_cgroups

_REMOVE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Groups:
    """The groups of one run; none if none can be written.

    Attributes:
        version: the version of the interface, 1 or 2.
        folders: by controller; with version 2 all are the same.
    """

    version: int
    folders: dict[str, Path]

    def join(self) -> str:
        """Return shell commands by which a process joins the groups."""
        return "".join(f"echo 0 >{folder}/cgroup.procs && " for folder in self._distinct())

    def count(self) -> int:
        """Return how many groups have been made in these."""
        return len(self._inner())

    def bound_memory(self, size_bytes: int | None) -> None:
        """Bound the memory of all processes in them together; None removes the bound.

        Raises:
            ServerFailed: there are no groups here.
        """
        if not self.folders:
            raise ServerFailed("No control group can be written here, so memory cannot be bounded.")
        file, unbounded = ("memory.limit_in_bytes", "-1") if self.version == 1 else ("memory.max", "max")
        (self.folders["memory"] / file).write_text(unbounded if size_bytes is None else str(size_bytes))

    def remove(self) -> None:
        """Remove them with all that was made in them; what ran in them is ending."""
        until = time.monotonic() + _REMOVE_SECONDS
        for folder in [*self._inner(), *self._distinct()]:
            while True:
                try:
                    folder.rmdir()
                    break
                except OSError:
                    if time.monotonic() > until:
                        raise
                    time.sleep(0.05)

    def _distinct(self) -> list[Path]:
        return list(dict.fromkeys(self.folders.values()))

    def _inner(self) -> list[Path]:
        """Return the groups in these, the innermost first."""
        found = [inner for folder in self._distinct() for inner in folder.rglob("*/")]
        return sorted((inner for inner in found if inner.is_dir()), key=lambda inner: -len(inner.parts))


def make_groups() -> Groups:
    """Make groups with a name of their own, if this process may."""
    parent = writable_cgroups()
    if parent is None:
        return Groups(1, {})
    name = f"soak-{secrets.token_hex(4)}"
    groups = Groups(parent.version, {one: parent.mounts[one] / parent.parents[one] / name for one in parent.mounts})
    for folder in dict.fromkeys(groups.folders.values()):
        folder.mkdir()
    return groups
