"""Makes the messages that a jail gets: its set-up, and an order for each spare."""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

from ..isolation import IsolationLevel, IsolationProfile
from ..jail import landlock
from ..limits import Limits
from ..protocol import JailLimits, Order, Setup
from .host import Host
from .nsjail_command import (
    FIRST_SCRIPT_UID,
    FIRST_SCRIPT_UID_INSIDE,
    SCRATCH_INSIDE,
    SCRIPT_UIDS,
    SITE_PACKAGES_INSIDE,
    common_files,
)

_DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom")
# Tasks of the service's user that are not counted when a script's limit is made: later threads of the server, and
# checkers, whose /proc entries are not the user's.
_MORE_TASKS = 80


def make_setup(
    host: Host, profile: IsolationProfile, limits: Limits, scratch_folder: str, warm_imports: Sequence[str] | None
) -> Setup:
    """Return what every script of a jail has in common.

    Args:
        host: where the jail starts.
        profile: how well the jail is isolated.
        limits: what a script may use.
        scratch_folder: the folder for its scripts' scratch folders, if they have no file system of their own.
        warm_imports: what the jail's zygote imports; None if the jail is for one script and has no zygote.
    """
    python = host.interpreter
    inside = profile.level is IsolationLevel.NAMESPACES
    site_packages = SITE_PACKAGES_INSIDE if inside else python.site_packages
    readable = (python.executable, python.stdlib, *python.libraries, site_packages, *common_files())
    grants = [(path, landlock.READ) for path in readable]
    grants += [(device, landlock.DEVICE) for device in _DEVICES]
    first_uid = FIRST_SCRIPT_UID_INSIDE if profile.user_namespace else FIRST_SCRIPT_UID
    return Setup(
        site_packages=site_packages,
        filter=host.filter if inside else host.filter_without_mounts,
        landlock_version=host.landlock_version,
        grants=grants,
        zygote=warm_imports is not None,
        warm_imports=list(warm_imports or ()),
        own_namespaces=warm_imports is not None and inside,
        first_uid=first_uid if host.root else None,
        uids=SCRIPT_UIDS,
        scratch=SCRATCH_INSIDE if inside else scratch_folder,
        own_scratch=not inside,
        limits=cast(JailLimits, {name: getattr(limits, name) for name in JailLimits.__annotations__}),
    )


def make_order(
    host: Host, profile: IsolationProfile, limits: Limits, uid_index: int, address_space_bytes: int | None = None
) -> Order:
    """Return what the spare for one script has of its own.

    Args:
        host: where its jail runs.
        profile: how well its jail is isolated.
        limits: what the script may use.
        uid_index: one that no other living spare has.
        address_space_bytes: what its zygote takes of the address space; None if it has no zygote.
    """
    return Order(
        uid_index=uid_index,
        address_space_bytes=address_space_bytes or host.interpreter.address_space_bytes,
        tasks=_tasks(host, profile, limits),
    )


def _tasks(host: Host, profile: IsolationProfile, limits: Limits) -> int:
    """Return RLIMIT_NPROC, which counts every task of the user in its user namespace (getrlimit(2))."""
    if host.root:
        return limits.threads
    # The scripts of one zygote share one user with that user's supervisors and other tasks. No script must get fewer
    # threads because of them. The host looks for a script that has more than its own limit (pool/watch.py).
    others = 0 if profile.user_namespace else _count_tasks(host.uid) + _MORE_TASKS
    return others + host.concurrency * limits.threads + host.idle_tasks


def _count_tasks(uid: int) -> int:
    """Count the processes and threads of a user."""
    count = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if process.stat().st_uid == uid:
                count += sum(1 for _ in (process / "task").iterdir())
        except OSError:
            continue  # it has exited
    return count
