"""What the process that starts jails does for one that serves HTTP and has fallen to an attacker."""

import json
import os
import select
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psutil
import pytest

from sandbox import IsolationLevel, Limits
from sandbox.host.spawn_broker import Allowed, BrokeredSpawner, serve
from tests.conftest import ROOT

PYTHON = ROOT / ".venv-sandbox" / "bin" / "python"
IMPORTS = ("json", "numpy")
PROCESS = {"level": "process", "user_namespace": False}
SECCOMP = {"level": "seccomp", "user_namespace": False}


@pytest.fixture(scope="module")
def door() -> Iterator[socket.socket]:
    """The attacker's end of the socket on which jails are asked for."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    allowed = Allowed(IsolationLevel.SECCOMP, IMPORTS)
    options: dict[str, Any] = {"allowed": allowed, "nsjail": None, "python": PYTHON}
    thread = threading.Thread(target=serve, args=(theirs, Limits(), 2, 1), kwargs=options)
    thread.start()
    yield ours
    ours.close()
    thread.join()
    theirs.close()


@contextmanager
def asked(door: socket.socket, text: str) -> Iterator[tuple[str, list[int]]]:
    """Ask for something; yield what is said and the descriptors that come with it, and end the lease."""
    lease, theirs = socket.socketpair()
    with lease:
        with theirs:
            socket.send_fds(door, [text.encode()], [theirs.fileno()])
        lease.settimeout(30)
        said, fds, _, _ = socket.recv_fds(lease, 65536, 2)
        yield said.decode(errors="replace"), fds
        for fd in fds:
            os.close(fd)


def start(profile: Mapping[str, object], imports: tuple[str, ...] | None, **more: object) -> str:
    return json.dumps({"type": "start", "profile": profile, "warm_imports": imports, **more})


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (start(PROCESS, None), "less than SANDBOX_MIN_ISOLATION demands"),
        (start(SECCOMP, ("antigravity",)), "SANDBOX_WARM_IMPORTS names other modules"),
        (start(SECCOMP, ("json",)), "SANDBOX_WARM_IMPORTS names other modules"),
        (start(SECCOMP, None, command=["/bin/sh"]), "unknown field"),
        (start({"level": "none", "user_namespace": False}, None), "Invalid enum value"),
        ('{"type": "run"}', "Invalid value"),
        ("not JSON", "malformed"),
    ],
)
def test_what_is_not_the_servers_to_decide_is_refused(text: str, reason: str, door: socket.socket) -> None:
    with asked(door, text) as (said, fds):
        assert reason in said
        assert fds == []


def test_a_jail_ends_with_its_lease(door: socket.socket) -> None:
    with asked(door, start(SECCOMP, IMPORTS)) as (said, fds):
        jail = os.pidfd_open(int(said))
        assert len(fds) == 2
    ended = select.poll()
    ended.register(jail, select.POLLIN)
    assert ended.poll(20_000)
    os.close(jail)


def test_an_order_is_numbers_and_nothing_that_is_unpacked(door: socket.socket) -> None:
    """The supervisor has privileges that the server has not: it reads three numbers, whatever is sent."""
    with asked(door, start(SECCOMP, ())) as (said, fds):
        control = socket.socket(fileno=os.dup(fds[0]))
        control.settimeout(30)
        assert control.recv(100) == b"{}\n"
        # The number of the spare, as large as can be: no path, no user id of somebody else's.
        control.sendall((2**64 - 1).to_bytes(8, "big") + (2**40).to_bytes(8, "big") + (64).to_bytes(8, "big"))
        line, spare_fds, _, _ = socket.recv_fds(control, 65536, 5)
        assert json.loads(line) == {"failure": ""}
        [supervisor] = psutil.Process(int(said)).children()
        [spare] = supervisor.children()
        uid = spare.uids().effective
        assert uid == os.geteuid() != 0 or uid in range(100_001, 150_001)
        for fd in spare_fds:
            os.close(fd)
        control.close()


def test_the_other_side_is_still_there(door: socket.socket) -> None:
    assert BrokeredSpawner(door).host.nsjail is not None
