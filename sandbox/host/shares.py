"""Finds out whether the kernel shares the CPUs among scripts, or among their threads, of which a script has many.

Every script has a session of its own. A session is one share if the kernel groups tasks by session ("autogroup",
sched(7)). It does so only for tasks outside every group of the controller `cpu`; those of most containers are inside.
"""

from pathlib import Path

_SETTING = Path("/proc/sys/kernel/sched_autogroup_enabled")
_MOUNTS = Path("/sys/fs/cgroup")
_OWN_GROUPS = Path("/proc/self/cgroup")


def lacks_fair_shares(setting: Path = _SETTING, mounts: Path = _MOUNTS, own_groups: Path = _OWN_GROUPS) -> str | None:
    """Return a sentence if the kernel does not share the CPUs among sessions, or does not tell; None if it does.

    Args:
        setting: a file that holds 1 if the kernel may group by session.
        mounts: the folder beneath which the controllers are mounted.
        own_groups: the list of this process's groups, see cgroups(7).
    """
    what = "fair shares: a script with many threads gets more of the CPUs than its neighbours"
    if not setting.exists() or setting.read_text().strip() != "1":
        return f"{what}; this kernel does not group by session (sysctl kernel.sched_autogroup_enabled)."
    if not _in_root_group(mounts, own_groups):
        return f"{what}; the kernel groups by session only what is in no control group of the controller cpu."
    return None


def _in_root_group(mounts: Path, own_groups: Path) -> bool:
    """Return whether this process is in the controller's root group, known by the files that it has or lacks."""
    lines = [line.split(":", 2) for line in own_groups.read_text().splitlines()] if own_groups.exists() else []
    groups = {controller: group.strip("/") for _, controllers, group in lines for controller in controllers.split(",")}
    if "cpu" in groups:  # the interface's version 1
        return not groups["cpu"] and (mounts / "cpu" / "release_agent").exists()
    if not (mounts / "cgroup.procs").exists():
        return False  # no controller is mounted there
    own = mounts / groups.get("", "")
    return not any((folder / "cpu.weight").exists() for folder in (own, *own.parents, mounts))
