"""Starting a jail on a machine that has run out of something gives an error, and works once there is enough again."""

import errno
import os
import resource
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from sandbox import IsolationLevel, Limits, SandboxUnavailable
from sandbox.host.jail_handle import JailHandle
from sandbox.host.jail_setup import make_order
from sandbox.host.spawn_broker import BrokeredSpawner
from sandbox.host.spawner import LocalSpawner, make_local_spawner
from sandbox.isolation import IsolationProfile
from sandbox.pool.pool import SparePool
from sandbox.pool.uids import UidPool
from sandbox.pool.zygote import Zygote
from tests.conftest import ROOT

PROCESS = IsolationProfile(IsolationLevel.PROCESS)
_SERVE = """
import socket, sys
from sandbox import IsolationLevel, Limits
from sandbox.host.spawn_broker import Allowed, serve
allowed = Allowed(IsolationLevel.PROCESS, ())
serve(socket.socket(fileno=int(sys.argv[1])), Limits(), 1, 1, allowed=allowed, nsjail=None, python=None)
"""


@pytest.fixture
def spawner() -> Iterator[LocalSpawner]:
    made = make_local_spawner(Limits(), 1, 1, nsjail=None, python=None)
    yield made
    made.close()


@pytest.fixture
def brokered_spawner() -> Iterator[BrokeredSpawner]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    command = [sys.executable, "-c", _SERVE, str(theirs.fileno())]
    with subprocess.Popen(command, cwd=ROOT, pass_fds=[theirs.fileno()]) as process:
        theirs.close()
        yield BrokeredSpawner(ours)
        ours.close()
        assert process.wait(20) == 0


@contextmanager
def descriptors_left(number: int) -> Iterator[None]:
    """Let this process open `number` more descriptors, and not one more."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken: list[int] = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
    try:
        while True:
            try:
                taken.append(os.open("/dev/null", os.O_RDONLY))
            except OSError:
                break
        for _ in range(number):
            os.close(taken.pop())
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
        for fd in taken:
            os.close(fd)


def end(jail: JailHandle) -> None:
    jail.kill()
    jail.close()


def test_without_descriptors_a_jail_is_refused_until_there_are_some(spawner: LocalSpawner) -> None:
    with descriptors_left(0), pytest.raises(SandboxUnavailable, match=r"cannot be started: .*Too many open files"):
        spawner.start(PROCESS, None)
    end(spawner.start(PROCESS, None))


@pytest.mark.parametrize(
    ("left", "message"), [(0, r"cannot be asked for: .*Too many open files"), (2, "no file descriptor is left")]
)
def test_without_descriptors_a_brokered_jail_is_refused_until_there_are_some(
    left: int, message: str, brokered_spawner: BrokeredSpawner
) -> None:
    with descriptors_left(left), pytest.raises(SandboxUnavailable, match=message):
        brokered_spawner.start(PROCESS, None)
    end(brokered_spawner.start(PROCESS, None))


def test_a_pool_starts_once_there_are_descriptors_again(spawner: LocalSpawner) -> None:
    lacks = iter([OSError(errno.EMFILE, "Too many open files")])
    checked = threading.Event()

    def start() -> Zygote:
        if lack := next(lacks, None):
            raise lack
        return Zygote(spawner.start(PROCESS, ()), Limits(), UidPool(10))

    pool = SparePool(
        "bare",
        start,
        lambda index, size: make_order(spawner.host, PROCESS, Limits(), index, size),
        lambda spare: checked.set(),
        spares=1,
        recycle_scripts=10,
        recycle_seconds=60,
    )
    pool.start()
    assert checked.wait(20)
    pool.close()


@pytest.mark.slow
@pytest.mark.needs_root
def test_a_folder_that_could_not_be_removed_is_removed_later(spawner: LocalSpawner) -> None:
    jail = spawner.start(PROCESS, None)
    assert spawner.host.scratch_root is not None
    [folder] = spawner.host.scratch_root.iterdir()
    held = folder / "held"
    held.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(held)], check=True)
    try:
        end(jail)
        assert folder.exists()
    finally:
        subprocess.run(["umount", str(held)], check=True)
    second = spawner.start(PROCESS, None)
    assert not folder.exists()
    end(second)
    assert list(spawner.host.scratch_root.iterdir()) == []
