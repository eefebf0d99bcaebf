"""Control groups that bound a jail as a whole, if this process may make some; see cgroups(7).

They add to a script's own limits, and they count what those leave out: the kernel's memory for pipes, sockets and page
tables.
"""

import os
from dataclasses import dataclass
from pathlib import Path

_MOUNTS = Path("/sys/fs/cgroup")
_OWN_GROUPS = Path("/proc/self/cgroup")
_CONTROLLERS = ("memory", "pids")


@dataclass(frozen=True, slots=True)
class Cgroups:
    """The groups in which this process may make others.

    Attributes:
        version: the version of the interface, 1 or 2.
        mounts: where each controller is mounted.
        parents: the group of this process, relative to each mount.
    """

    version: int
    mounts: dict[str, Path]
    parents: dict[str, str]

    def of(self, name: str) -> "JailCgroups":
        """Return the groups of one jail, which do not exist yet."""
        return JailCgroups(self, name)


@dataclass(frozen=True, slots=True)
class JailCgroups:
    """The groups of one jail, beneath which nsjail makes its own.

    Attributes:
        parent: the groups in which they are made.
        name: the name of each.
    """

    parent: Cgroups
    name: str

    def make(self) -> None:
        """Make them.

        Raises:
            OSError: they cannot be made.
        """
        for folder in self._folders():
            folder.mkdir()
            if self.parent.version == 2:
                (folder / "cgroup.subtree_control").write_text(" ".join(f"+{one}" for one in _CONTROLLERS))

    def options(self, memory_bytes: int, tasks: int) -> list[str]:
        """Return nsjail's options for a jail with at most `memory_bytes` and `tasks` processes and threads."""
        bounds = ["--cgroup_mem_max", str(memory_bytes), "--cgroup_pids_max", str(tasks)]
        if self.parent.version == 2:
            [folder] = self._folders()
            return ["--use_cgroupv2", "--cgroupv2_mount", str(folder), *bounds]
        for option, controller in (("mem", "memory"), ("pids", "pids")):
            bounds += [f"--cgroup_{option}_mount", str(self.parent.mounts[controller])]
            bounds += [f"--cgroup_{option}_parent", str(Path(self.parent.parents[controller], self.name))]
        return bounds

    def remove(self) -> None:
        """Remove them after the jail has exited, and the groups that a killed nsjail left in them.

        Raises:
            OSError: a process still runs in them, or they cannot be reached.
        """
        for folder in self._folders():
            folder.parent.stat()  # raises if it cannot be reached: then the groups may still exist
            if folder.exists():
                for left in folder.iterdir():
                    if left.is_dir():
                        left.rmdir()
                folder.rmdir()

    def _folders(self) -> list[Path]:
        """Return the folders: one with version 2, one for each controller with version 1."""
        parent = self.parent
        found = (parent.mounts[one] / parent.parents[one] / self.name for one in _CONTROLLERS)
        return list(dict.fromkeys(found))


def writable_cgroups(mounts: Path = _MOUNTS, own_groups: Path = _OWN_GROUPS) -> Cgroups | None:
    """Return where this process may make groups; None if it may not, as in most containers.

    Args:
        mounts: the folder beneath which the controllers are mounted.
        own_groups: the list of this process's groups, see cgroups(7).
    """
    lines = [line.split(":", 2) for line in own_groups.read_text().splitlines()] if own_groups.exists() else []
    groups = {controller: group for _, controllers, group in lines for controller in controllers.split(",")}
    version = 1 if set(_CONTROLLERS) <= groups.keys() else 2
    found = {one: mounts / one if version == 1 else mounts for one in _CONTROLLERS}
    parents = {one: groups.get(one if version == 1 else "", "").strip("/") for one in _CONTROLLERS}
    # In a container the mount may begin at the container's group, which the list names as the host sees it.
    parents = {one: parent if (found[one] / parent).is_dir() else "" for one, parent in parents.items()}
    if not all(_usable(found[one] / parents[one], one, version) for one in _CONTROLLERS):
        return None
    return Cgroups(version, found, parents)


def _usable(folder: Path, controller: str, version: int) -> bool:
    if not os.access(folder, os.W_OK) or not (folder / "cgroup.procs").exists():
        return False
    # A group of version 2 gives to others only what it does not use itself (cgroups(7), no internal processes).
    return version == 1 or controller in (folder / "cgroup.subtree_control").read_text().split()
