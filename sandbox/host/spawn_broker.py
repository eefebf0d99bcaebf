"""The spawn broker: a privileged process that starts jails for the server, which has no privileges.

The server speaks HTTP, and an attacker may have taken it over. It asks over a socket, and it may choose two things: an
isolation profile, not below the level that the operator demands, and whether the jail's zygote imports what the
operator has named. The broker decides the rest: the command line, the code in the jail, users and folders. The server
sends one end of a new socket, the lease, with each request: the jail's descriptors come back over the lease, and the
jail lives until the server closes its end.
"""

import contextlib
import logging
import math
import os
import pickle  # the server unpickles what the broker sends, never the other way round
import select
import socket
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from ..errors import SandboxUnavailable
from ..isolation import IsolationLevel, IsolationProfile
from ..limits import KB, Limits
from .jail_handle import JailHandle
from .spawner import LocalSpawner, make_local_spawner

_ANSWER_SECONDS = 30.0
_REQUEST_BYTES = 64 * KB
_ANSWER_BYTES = 64 * KB
_NO_BROKER = "The spawn broker has exited; restart the service."
_NO_DESCRIPTOR = "A jail cannot be started: no file descriptor is left."

_log = logging.getLogger(__name__)


class _HostRequest(msgspec.Struct, tag="host", forbid_unknown_fields=True):
    """Asks about the host; the broker answers with the pickle of a `Host` and what it lacks, or of an error."""


class _StartRequest(msgspec.Struct, tag="start", forbid_unknown_fields=True):
    """Asks for a jail; the broker answers with its process id, control socket and log, or with why there is none."""

    profile: IsolationProfile
    warm_imports: tuple[str, ...] | None


class BrokeredSpawner:
    """Has jails started by the spawn broker; see `Spawner`."""

    def __init__(self, requests: socket.socket) -> None:
        """Ask the broker about the host.

        Args:
            requests: the socket on whose other end `serve` takes requests.

        Raises:
            SandboxUnavailable: the broker cannot start jails.
        """
        self._requests = requests
        with self._ask(_HostRequest()) as lease, lease.makefile("rb") as answer:
            try:
                text = answer.read()
            except TimeoutError as error:
                raise SandboxUnavailable("The spawn broker does not answer.") from error
        if not text:
            raise SandboxUnavailable(_NO_BROKER)
        found = pickle.loads(text)  # noqa: S301 (see the import)
        if isinstance(found, SandboxUnavailable):
            raise found
        self.host, self.missing = found

    def start(self, profile: IsolationProfile, warm_imports: Sequence[str] | None) -> JailHandle:
        """See `Spawner.start`."""
        lease = self._ask(_StartRequest(profile, None if warm_imports is None else tuple(warm_imports)))
        try:
            said, fds, _, _ = socket.recv_fds(lease, _ANSWER_BYTES, 2, socket.MSG_CMSG_CLOEXEC)
        except OSError as error:
            lease.close()
            raise SandboxUnavailable(f"The spawn broker does not answer: {error}") from error
        if len(fds) != 2:
            for fd in (*fds, lease.detach()):
                os.close(fd)
            # The kernel drops the descriptors for which this process has no room: see SCM_RIGHTS in unix(7).
            raise SandboxUnavailable(_NO_DESCRIPTOR if said.isdigit() else said.decode() or _NO_BROKER)
        control_fd, log_fd = fds
        return JailHandle(_LeasedProcess(int(said), lease), socket.socket(fileno=control_fd), log_fd)

    def close(self) -> None:
        """See `Spawner.close`; the broker does that when this process has exited."""

    def _ask(self, request: msgspec.Struct) -> socket.socket:
        """Send a request and return this end of its lease."""
        try:
            lease, theirs = socket.socketpair()
        except OSError as error:
            raise SandboxUnavailable(f"A jail cannot be asked for: {error}") from error
        with theirs:
            try:
                socket.send_fds(self._requests, [msgspec.json.encode(request)], [theirs.fileno()])
            except OSError as error:
                lease.close()
                raise SandboxUnavailable(_NO_BROKER) from error
        lease.settimeout(_ANSWER_SECONDS)
        return lease


class _LeasedProcess:
    """A jail that is a child of the broker; see `Process`."""

    def __init__(self, pid: int, lease: socket.socket) -> None:
        self.pid = pid
        self._lease = lease

    def kill(self) -> None:
        """Give up the lease."""
        with contextlib.suppress(OSError):  # the broker has closed it
            self._lease.shutdown(socket.SHUT_WR)

    def wait(self, seconds: float) -> None:
        """Wait until the broker closes the lease; see `Process.wait`."""
        ended = select.poll()
        ended.register(self._lease, select.POLLIN)
        if not ended.poll(None if seconds == math.inf else seconds * 1000):
            raise TimeoutError
        self._lease.close()


@dataclass(frozen=True, slots=True)
class Allowed:
    """What the server may ask for.

    Attributes:
        min_isolation: the weakest level.
        imports: what a zygote may import: all of it, or nothing.
    """

    min_isolation: IsolationLevel
    imports: tuple[str, ...]

    def refusal(self, request: _StartRequest) -> str | None:
        """Return why a request is refused; None if it is not."""
        if not request.profile.level.at_least(self.min_isolation):
            return f"{request.profile} is less than SANDBOX_MIN_ISOLATION demands."
        if request.warm_imports and request.warm_imports != self.imports:
            return "SANDBOX_WARM_IMPORTS names other modules than those."
        return None


def serve(
    requests: socket.socket,
    limits: Limits,
    concurrency: int,
    spares: int,
    *,
    allowed: Allowed,
    nsjail: Path | None,
    python: Path | None,
) -> None:
    """Start the jails that the server asks for, until it exits; then remove all that is left of them.

    Args:
        requests: a socket of type SOCK_SEQPACKET, to the server.
        allowed: what the server may ask for.
        limits, concurrency, spares, nsjail, python: see `Sandbox` and `WarmStart`.
    """
    spawner: LocalSpawner | SandboxUnavailable
    try:
        spawner = make_local_spawner(
            limits, concurrency, spares, nsjail=nsjail, python=python, warm_imports=allowed.imports
        )
    except SandboxUnavailable as error:
        spawner = error
    leases: list[threading.Thread] = []
    while True:
        request, fds, _, _ = socket.recv_fds(requests, _REQUEST_BYTES, 1, socket.MSG_CMSG_CLOEXEC)
        if not fds:
            if not request:
                break
            continue  # nowhere to answer
        leases = [thread for thread in leases if thread.is_alive()]
        lease = socket.socket(fileno=fds[0])
        leases.append(threading.Thread(target=_answer, args=(lease, request, spawner, allowed)))
        leases[-1].start()
    for thread in leases:
        thread.join()
    if isinstance(spawner, LocalSpawner):
        spawner.close()


def _answer(lease: socket.socket, text: bytes, spawner: LocalSpawner | SandboxUnavailable, allowed: Allowed) -> None:
    """Answer one request, and keep its jail until the lease ends."""
    with lease:
        try:
            request = msgspec.json.decode(text, type=_HostRequest | _StartRequest)
            if isinstance(request, _HostRequest):
                found = spawner if isinstance(spawner, SandboxUnavailable) else (spawner.host, spawner.missing)
                lease.sendall(pickle.dumps(found))
            elif isinstance(spawner, SandboxUnavailable):
                raise spawner
            elif refusal := allowed.refusal(request):
                raise SandboxUnavailable(refusal)
            else:
                _lend(lease, spawner, request)
        except (SandboxUnavailable, msgspec.DecodeError) as error:
            _log.error("A jail was not started: %s", error)
            with contextlib.suppress(OSError):  # the server has exited
                lease.sendall(str(error).encode())
        except OSError as error:
            _log.error("The server exited while a jail was started: %s", error)


def _lend(lease: socket.socket, spawner: LocalSpawner, request: _StartRequest) -> None:
    """Start a jail, hand over its descriptors, and kill it when its lease ends."""
    process, control, log_fd = spawner.spawn(request.profile, request.warm_imports)
    ended = os.pidfd_open(process.pid)
    try:
        with control:
            socket.send_fds(lease, [str(process.pid).encode()], [control.fileno(), log_fd])
        os.close(log_fd)
        watched = select.poll()
        watched.register(lease, select.POLLIN)
        watched.register(ended, select.POLLIN)
        watched.poll()
    finally:
        os.close(ended)
        process.kill()
        process.wait(math.inf)
