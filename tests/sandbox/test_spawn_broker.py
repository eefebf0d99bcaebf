"""What the spawn broker does for an HTTP server that an attacker has taken over."""

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
def broker_socket() -> Iterator[socket.socket]:
    """The attacker's end of the socket on which the server asks the broker for jails."""
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
def ask(broker_socket: socket.socket, text: str) -> Iterator[tuple[str, list[int]]]:
    """Send a request; yield the reply and the descriptors that come with it, then end the lease."""
    lease, theirs = socket.socketpair()
    with lease:
        with theirs:
            socket.send_fds(broker_socket, [text.encode()], [theirs.fileno()])
        lease.settimeout(30)
        reply, fds, _, _ = socket.recv_fds(lease, 65536, 2)
        yield reply.decode(errors="replace"), fds
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
def test_what_is_not_the_servers_to_decide_is_refused(text: str, reason: str, broker_socket: socket.socket) -> None:
    with ask(broker_socket, text) as (reply, fds):
        assert reason in reply
        assert fds == []


def test_a_jail_ends_with_its_lease(broker_socket: socket.socket) -> None:
    with ask(broker_socket, start(SECCOMP, IMPORTS)) as (reply, fds):
        jail = os.pidfd_open(int(reply))
        assert len(fds) == 2
    ended = select.poll()
    ended.register(jail, select.POLLIN)
    assert ended.poll(20_000)
    os.close(jail)


def test_an_order_is_numbers_and_nothing_that_is_unpacked(broker_socket: socket.socket) -> None:
    """The supervisor has privileges that the server lacks: it reads three numbers, whatever the server sends."""
    with ask(broker_socket, start(SECCOMP, ())) as (reply, fds):
        control = socket.socket(fileno=os.dup(fds[0]))
        control.settimeout(30)
        assert control.recv(100) == b"{}\n"
        # The largest possible number of a spare: it leads to no path, and to no user id of somebody else.
        control.sendall((2**64 - 1).to_bytes(8, "big") + (2**40).to_bytes(8, "big") + (64).to_bytes(8, "big"))
        line, spare_fds, _, _ = socket.recv_fds(control, 65536, 5)
        assert json.loads(line) == {"failure": ""}
        [supervisor] = psutil.Process(int(reply)).children()
        [spare] = supervisor.children()
        uid = spare.uids().effective
        assert uid == os.geteuid() != 0 or uid in range(100_001, 150_001)
        for fd in spare_fds:
            os.close(fd)
        control.close()


def test_the_broker_still_answers(broker_socket: socket.socket) -> None:
    assert BrokeredSpawner(broker_socket).host.nsjail is not None
