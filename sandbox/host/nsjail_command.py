"""Builds the command line that starts a jail. It needs facts only, so a test of it needs no jail.

nsjail/*.cfg hold what is the same for every jail of a level; the options here hold what depends on the host.
"""

import mimetypes
import os
from pathlib import Path

from ..isolation import IsolationLevel, IsolationProfile
from ..jail import scratch
from ..limits import MB, Limits
from .cgroups import JailCgroups
from .host import Host

NSJAIL_FOLDER = Path(__file__).resolve().parents[2] / "nsjail"
_BOOT = (Path(__file__).resolve().parents[1] / "jail" / "boot.py").read_text("utf-8")

# Debian gives these ids to no user (adduser.conf) and to the containers of the first user only (subuid starts at
# 100000): a root service uses the ids of that user's containers. The ids need no account.
_SUPERVISOR_UID = 100_000
FIRST_SCRIPT_UID = 100_001
FIRST_SCRIPT_UID_INSIDE = 1000
SCRIPT_UIDS = 50_000

# What a jail takes besides its scripts, and what the kernel may take for each script: page tables, pipes and sockets.
_JAIL_BYTES = 512 * MB
_KERNEL_BYTES = 64 * MB

SITE_PACKAGES_INSIDE = "/site-packages"
SCRATCH_INSIDE = "/tmp"  # noqa: S108 (a mount of the jail's own)
# Files that libraries read and that tell nothing about the host: the C library's locale C.UTF-8, and the types of files
# by their endings, which `mimetypes` reads. A library expects such a file to be readable or absent: if a script sees it
# and cannot read it, the library fails with a PermissionError.
_COMMON_FILES = ("/usr/lib/locale/C.utf8", *sorted(set(map(str, mimetypes.knownfiles))))


def build_command(
    host: Host, profile: IsolationProfile, limits: Limits, control_fd: int, cgroups: JailCgroups | None
) -> list[str]:
    """Return the command that starts a jail.

    Args:
        host: where it starts.
        profile: how well the jail is isolated.
        limits: what a script in it may use.
        control_fd: the jail's end of the control socket, as the command inherits it.
        cgroups: the jail's control groups; None if it has none.
    """
    python = [host.interpreter.executable, "-I", "-S", "-B", "-c", _BOOT, str(control_fd)]
    if profile.level is IsolationLevel.PROCESS:
        return python
    config = NSJAIL_FOLDER / f"{profile.level.value}.cfg"
    command = [str(host.nsjail), "--config", str(config), "--seccomp_policy", str(NSJAIL_FOLDER / "supervisor.kafel")]
    command += ["--pass_fd", str(control_fd), *_identity(host, profile)]
    if profile.level is IsolationLevel.NAMESPACES:
        command += _mounts(host, limits)
        if not profile.user_namespace:
            command.append("--disable_clone_newuser")
    if cgroups:
        memory_bytes = limits.memory_bytes + limits.scratch_bytes + _KERNEL_BYTES
        tasks = host.concurrency * limits.threads + host.idle_tasks
        command += cgroups.options(_JAIL_BYTES + host.concurrency * memory_bytes, tasks)
    return [*command, "--", *python]


def common_files() -> tuple[str, ...]:
    """Return those files that this host has and every script may read besides its Python."""
    return tuple(path for path in _COMMON_FILES if os.path.exists(path))


def _identity(host: Host, profile: IsolationProfile) -> list[str]:
    """Return the options for the supervisor's user, its user namespace's map and its capabilities."""
    if not host.root:
        if not profile.user_namespace:
            return ["--user", str(host.uid), "--group", str(host.gid)]
        inside = FIRST_SCRIPT_UID_INSIDE
        identity = ["--user", f"{inside}:{host.uid}:1", "--group", f"{inside}:{host.gid}:1"]
        # To give each script namespaces of its own within the jail's.
        return [*identity, "--cap", "CAP_SYS_ADMIN"]
    # The supervisor becomes another user for each script, and kills what that user runs.
    kept = ["CAP_SETUID", "CAP_SETGID", "CAP_KILL"]
    if profile.level is IsolationLevel.NAMESPACES:
        # To give each script namespaces of its own within the jail's.
        kept += ["CAP_SYS_ADMIN"]
    else:
        # To make, measure and remove that user's scratch folder.
        kept += ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER"]
    options = [part for capability in kept for part in ("--cap", capability)]
    for option in ("--user", "--group"):
        if profile.user_namespace:
            options += [option, f"0:{_SUPERVISOR_UID}:1"]
            options += [option, f"{FIRST_SCRIPT_UID_INSIDE}:{FIRST_SCRIPT_UID}:{SCRIPT_UIDS}"]
        else:
            options += [option, str(_SUPERVISOR_UID)]
    return options


def _mounts(host: Host, limits: Limits) -> list[str]:
    """Return the options for the jail's root: Python and its libraries, read-only, and the scratch file system."""
    python = host.interpreter
    options = []
    for path in (python.executable, python.stdlib, *python.libraries, *common_files()):
        options += ["--bindmount_ro", path]
    options += ["--bindmount_ro", f"{python.site_packages}:{SITE_PACKAGES_INSIDE}"]
    options += ["--bindmount_ro", f"{os.path.realpath(python.loader)}:{_resolve_folder(python.loader)}"]
    for link in ("/lib", "/lib64"):
        if os.path.islink(link):
            options += ["--symlink", f"{os.path.realpath(link)}:{link}"]
    tmpfs = f"none:{SCRATCH_INSIDE}:tmpfs:size={limits.scratch_bytes},nr_inodes={scratch.MAX_INODES}"
    return [*options, "--mount", tmpfs]


def _resolve_folder(path: str) -> str:
    """Return the path with the links among its folders resolved, but not its last name."""
    folder, name = os.path.split(path)
    return os.path.join(os.path.realpath(folder), name)
