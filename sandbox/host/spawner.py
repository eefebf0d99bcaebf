"""Spawns jails: what a spawner does, and the one that starts them as children of this process."""

import contextlib
import logging
import marshal
import math
import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ..errors import SandboxUnavailable
from ..isolation import IsolationLevel, IsolationProfile
from ..jail import scratch
from ..limits import Limits
from ..protocol import frame
from . import interpreter
from .cgroups import JailCgroups
from .host import Host
from .jail_handle import JailHandle
from .jail_setup import make_setup
from .nsjail_command import build_command

# The environment of a jail without nsjail; the .cfg files give the others the same.
ENVIRONMENT = {"LANG": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}
# If memory runs out, the kernel kills what descends from here first (proc(5), oom_score_adj): a script and not the
# service. A shell writes the score, so that the jail's children have it from their first moment.
_KILLED_FIRST = ("/bin/sh", "-c", 'echo 1000 >/proc/self/oom_score_adj; unset PWD OLDPWD; exec "$@"', "sh")
# How long scripts that were killed with their jail may take to release their files.
_REMOVE_SECONDS = 2.0

_log = logging.getLogger(__name__)


class Spawner(Protocol):
    """Starts jails.

    Attributes:
        host: where it starts them.
        missing: the layers that the host lacks, a sentence each.
    """

    host: Host
    missing: tuple[str, ...]

    def start(self, profile: IsolationProfile, warm_imports: Sequence[str] | None) -> JailHandle:
        """Start a jail, and send it its modules and its set-up.

        Args:
            profile: how well the jail is isolated.
            warm_imports: what its zygote imports; None if the jail is for one script and has no zygote.

        Raises:
            SandboxUnavailable: the jail cannot be started.
        """

    def close(self) -> None:
        """Remove what was made for the jails, which have all exited."""


def make_local_spawner(
    limits: Limits,
    concurrency: int,
    spares: int,
    *,
    nsjail: Path | None,
    python: Path | None,
    warm_imports: Sequence[str] = (),
) -> "LocalSpawner":
    """Probe this host and return a spawner for it; for the arguments see `Sandbox` and `WarmStart`.

    Raises:
        SandboxUnavailable: the scripts' interpreter does not work, or lacks a module of `warm_imports`.
    """
    from .probe import probe_host  # noqa: PLC0415 (a server with a spawn broker does not need it)

    python = python or interpreter.default_python()
    host, missing = probe_host(python, nsjail, concurrency, spares, warm_imports)
    return LocalSpawner(host, missing, limits)


class LocalSpawner:
    """Starts jails as children of this process."""

    def __init__(self, host: Host, missing: Sequence[str], limits: Limits) -> None:
        """Take this host, the layers that it lacks, and what a script may use."""
        self.host = host
        self.missing = tuple(missing)
        self._limits = limits
        self._left_over: list[_Remains] = []

    def start(self, profile: IsolationProfile, warm_imports: Sequence[str] | None) -> JailHandle:
        """See `Spawner.start`."""
        process, control, log_fd = self.spawn(profile, warm_imports)
        return JailHandle(process, control, log_fd)

    def spawn(
        self, profile: IsolationProfile, warm_imports: Sequence[str] | None
    ) -> "tuple[LocalProcess, socket.socket, int]":
        """Start a jail; return its process, the host's end of its control socket, and the pipe that it logs to.

        Raises:
            SandboxUnavailable: the jail cannot be started.
        """
        self._remove_left_over()
        name = f"jail-{secrets.token_hex(8)}"
        folder = cgroups = None
        if profile.level is not IsolationLevel.NAMESPACES and self.host.scratch_root:
            folder = self.host.scratch_root / name
        if profile.cgroups and self.host.cgroups:
            cgroups = self.host.cgroups.of(name)
        try:
            control, theirs = socket.socketpair()
            log_fd, log_write_end = os.pipe()
        except OSError as error:
            raise SandboxUnavailable(f"The jail cannot be started: {error}") from error
        try:
            if folder:
                folder.mkdir()
                # Scripts with user ids of their own pass through it to their own folders, and see no other name in it.
                folder.chmod(0o711)
            if cgroups:
                cgroups.make()
            process = subprocess.Popen(
                [*_KILLED_FIRST, *build_command(self.host, profile, self._limits, theirs.fileno(), cgroups)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log_write_end,
                env=ENVIRONMENT,
                cwd="/",
                pass_fds=[theirs.fileno()],
                # A Ctrl-C in the terminal reaches the service alone, which then ends its jails itself.
                start_new_session=True,
            )
        except OSError as error:
            control.close()
            os.close(log_fd)
            if cgroups:
                with contextlib.suppress(OSError):  # whatever kept them from being made
                    cgroups.remove()
            raise SandboxUnavailable(f"The jail cannot be started: {error}") from error
        finally:
            theirs.close()
            os.close(log_write_end)
        setup = marshal.dumps(dict(make_setup(self.host, profile, self._limits, str(folder), warm_imports)))
        with contextlib.suppress(OSError):  # the jail has exited, which the next read from it finds
            for text in (self.host.interpreter.bundle, setup):
                control.sendall(frame(text))
        return LocalProcess(process, _Remains(folder, cgroups), self._left_over), control, log_fd

    def _remove_left_over(self) -> None:
        """Remove what could not be removed when its jail exited."""
        for remains in list(self._left_over):
            with contextlib.suppress(OSError, ValueError):  # it still cannot be, or another thread removed it
                remains.remove()
                self._left_over.remove(remains)

    def close(self) -> None:
        """See `Spawner.close`."""
        if self.host.scratch_root:
            shutil.rmtree(self.host.scratch_root, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class _Remains:
    """What a jail leaves behind.

    Attributes:
        folder: the folder of its scripts' scratch folders; None if it has none.
        cgroups: its control groups; None if it has none.
    """

    folder: Path | None
    cgroups: JailCgroups | None

    def remove(self) -> None:
        """Remove all of it.

        Raises:
            OSError: something cannot be removed, or not yet.
        """
        if self.folder and self.folder.exists():
            scratch.remove(str(self.folder))
        if self.cgroups:
            self.cgroups.remove()


class LocalProcess:
    """A jail that is a child of this process."""

    def __init__(self, process: subprocess.Popen[bytes], remains: _Remains, left_over: list[_Remains]) -> None:
        """Take the process.

        Args:
            process: nsjail's, or that of the bare supervisor.
            remains: what it will leave behind.
            left_over: the list that takes what cannot be removed.
        """
        self._process = process
        self._remains = remains
        self._left_over = left_over

    @property
    def pid(self) -> int:
        """See `Process.pid`."""
        return self._process.pid

    def kill(self) -> None:
        """See `Process.kill`."""
        self._process.kill()

    def wait(self, seconds: float) -> None:
        """See `Process.wait`."""
        try:
            self._process.wait(None if seconds == math.inf else seconds)
        except subprocess.TimeoutExpired:
            raise TimeoutError from None
        deadline = time.monotonic() + _REMOVE_SECONDS
        while True:
            try:
                self._remains.remove()
                return
            except OSError as error:
                if time.monotonic() > deadline:
                    _log.error("What a jail left behind cannot be removed: %s", error)
                    self._left_over.append(self._remains)
                    return
                time.sleep(0.02)
