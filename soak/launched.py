"""Starts the service as the image does, `python -m service.launcher` as root, and tells its processes apart."""

import contextlib
import functools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import psutil

from bench import processes
from bench.servers import ROOT, ServerFailed, free_port

from .groups import Groups, make_groups

_START_SECONDS = 60.0
_STOP_SECONDS = 60.0
# The folder for temporary files is a file system of its own, which faults can fill, and close to writers.
_SETUP = 'mount -t tmpfs -o size=64m,nr_inodes=16384,mode=1777 tmpfs "$TMPDIR" && exec "$@"'
_LOOK_SECONDS = 0.02
_REFUSE_NAMESPACES = (sys.executable, str(ROOT / "tests" / "refuse_namespaces.py"))

# Processes without memory that keep namespaces, some of them for the next spare.
HOLDERS = "holders of namespaces"
Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Parts:
    """The service's processes, by their part.

    Attributes:
        launcher: the first process of the container.
        spawn_broker: the process that starts jails; None if the server starts them itself.
        gunicorn, workers: the HTTP server: its parent, and the processes that respond.
        checker_zygotes, checkers: the processes that fork checkers, and the checkers.
        nsjails, zygotes: each jail's process outside, and its first process inside.
        spares: spares and running scripts.
        holders: processes that share a zygote's memory and keep namespaces alive.
    """

    launcher: psutil.Process
    spawn_broker: psutil.Process | None
    gunicorn: psutil.Process | None
    workers: tuple[psutil.Process, ...]
    checker_zygotes: tuple[psutil.Process, ...]
    checkers: tuple[psutil.Process, ...]
    nsjails: tuple[psutil.Process, ...]
    zygotes: tuple[psutil.Process, ...]
    spares: tuple[psutil.Process, ...]
    holders: tuple[psutil.Process, ...]

    def all(self) -> list[psutil.Process]:
        """Return every process."""
        single = [process for process in (self.spawn_broker, self.gunicorn) if process]
        checking = [*self.checker_zygotes, *self.checkers]
        jailed = [*self.nsjails, *self.zygotes, *self.spares, *self.holders]
        return [self.launcher, *single, *self.workers, *checking, *jailed]


@dataclass(slots=True)
class Launched:
    """The running service.

    Attributes:
        port: where it listens, on 127.0.0.1.
        process: unshare(1), which ends with the launcher and with its status.
        log: what it writes, a file.
        folder: its temporary files, as it sees them.
        launcher: the launcher's process.
        started: when the command was given, in the time of `time.monotonic`.
        groups: the control groups that it runs in.
    """

    port: int
    process: subprocess.Popen[bytes]
    log: Path
    folder: Path
    launcher: psutil.Process
    started: float
    groups: Groups

    def parts(self) -> Parts:
        """Return the processes by their part, without those that exit meanwhile."""
        spawn_broker = gunicorn = None
        for child in _children(self.launcher):
            with contextlib.suppress(psutil.NoSuchProcess):
                if child.uids().effective == 0:
                    spawn_broker = child
                else:
                    gunicorn = child
        workers = _children(gunicorn)
        checker_zygotes = [child for worker in workers for child in _children(worker)]
        nsjails = _children(spawn_broker)
        zygotes = [child for jail in nsjails for child in _children(jail)]
        forked = {
            child: processes.has_memory_of(child.pid, zygote.pid) for zygote in zygotes for child in _children(zygote)
        }
        return Parts(
            launcher=self.launcher,
            spawn_broker=spawn_broker,
            gunicorn=gunicorn,
            workers=tuple(workers),
            checker_zygotes=tuple(checker_zygotes),
            checkers=tuple(child for zygote in checker_zygotes for child in _children(zygote)),
            nsjails=tuple(nsjails),
            zygotes=tuple(zygotes),
            spares=tuple(child for child, holds in forked.items() if not holds),
            holders=tuple(child for child, holds in forked.items() if holds),
        )

    def stock(self) -> dict[str, float]:
        """Return what the service holds, by name."""
        parts = self.parts()
        server = [process for process in (parts.gunicorn, *parts.workers) if process]
        privileged = [process for process in (parts.launcher, parts.spawn_broker) if process]
        jails = [*parts.nsjails, *parts.zygotes]
        living = parts.all()
        return {
            "memory of the HTTP server (PSS, MiB)": processes.memory_mib(server),
            "memory of the checkers (PSS, MiB)": processes.memory_mib([*parts.checker_zygotes, *parts.checkers]),
            "memory of the launcher and the spawn broker (PSS, MiB)": processes.memory_mib(privileged),
            "memory of nsjail and the zygotes (PSS, MiB)": processes.memory_mib(jails),
            "memory of spares and scripts (PSS, MiB)": processes.memory_mib(parts.spares),
            "processes": len(living) - len(parts.holders),
            HOLDERS: len(parts.holders),
            "zombies": processes.zombies(living),
            "descriptors of the HTTP server": processes.descriptors(server),
            "descriptors of the launcher and the spawn broker": processes.descriptors(privileged),
            # A zygote has one for each holder.
            "descriptors of nsjail and the zygotes": processes.descriptors(jails) - len(parts.holders),
            "mounts in jails": processes.mounts(living),
            "control groups": self.groups.count(),
            "temporary files": sum(1 for _ in self.outside(self.folder).rglob("*")),
        }

    def outside(self, path: Path) -> Path:
        """Return a path of the service's as seen from outside its mount namespace."""
        return Path(f"/proc/{self.launcher.pid}/root{path}")

    def seconds(self) -> float:
        """Return the time since the command was given."""
        return time.monotonic() - self.started

    def log_end(self) -> str:
        """Return the end of the log."""
        return self.log.read_text(errors="replace")[-2000:]


@contextmanager
def launch(folder: Path, *, without_namespaces: bool = False, **settings: str) -> Iterator[Launched]:
    """Start the service in process and mount namespaces and control groups of its own; stop it in the end.

    Its port may not be open yet.

    Args:
        folder: an empty folder for its log and its temporary files.
        without_namespaces: whether it is refused namespaces, as in a plain `docker run`.
        settings: environment variables.
    """
    temporary = folder / "tmp"
    temporary.mkdir(parents=True)
    folder.chmod(0o711)  # scripts with user ids of their own pass through it
    log = folder / "log"
    port = free_port()
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(temporary), "PORT": str(port)}
    groups = make_groups()
    service: Sequence[str] = (sys.executable, "-m", "service.launcher")
    if without_namespaces:
        service = (*_REFUSE_NAMESPACES, *service)
    unshare = ("unshare", "--pid", "--mount", "--fork", "--mount-proc", "--kill-child")
    with log.open("wb") as output:
        started = time.monotonic()
        process = subprocess.Popen(
            [*unshare, "sh", "-c", groups.join() + _SETUP, "sh", *service],
            cwd=ROOT,
            env=environment | settings,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    launched = Launched(port, process, log, temporary, psutil.Process(process.pid), started, groups)
    try:
        launched.launcher = wait_for(functools.partial(_only_child, process), "The service did not start.", launched)
        yield launched
    finally:
        _stop(launched)
        groups.remove()


def _only_child(process: subprocess.Popen[bytes]) -> psutil.Process | None:
    """Return the launcher, which unshare(1) has forked."""
    return next(iter(_children(psutil.Process(process.pid))), None)


def wait_for(find: Callable[[], Found | None], what: str, launched: Launched, seconds: float = _START_SECONDS) -> Found:
    """Wait until something is there.

    Args:
        find: returns it, and something false while it is not there.
        what: the message if it does not come.
        launched: the service, whose log the message then shows.
        seconds: how long to wait.

    Raises:
        ServerFailed: it did not come, or the service has exited.
    """
    until = time.monotonic() + seconds
    while not (found := find()):
        if time.monotonic() > until or launched.process.poll() is not None:
            raise ServerFailed(f"{what}\n{launched.log_end()}")
        time.sleep(_LOOK_SECONDS)
    return found


def _children(process: psutil.Process | None) -> list[psutil.Process]:
    """Return the children of a process that may end meanwhile."""
    try:
        return process.children() if process else []
    except psutil.NoSuchProcess:
        return []


def _stop(launched: Launched) -> None:
    """Stop the service as a platform does, or kill it; all its processes exit with its first."""
    with contextlib.suppress(psutil.NoSuchProcess):
        launched.launcher.send_signal(signal.SIGCONT)
        launched.launcher.send_signal(signal.SIGTERM)
    try:
        launched.process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        launched.process.kill()
        launched.process.wait()
