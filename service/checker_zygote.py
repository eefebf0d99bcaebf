"""The process that forks checkers (service/checker_process.py), and a checker, as the server sees them."""

import logging
import math
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from sandbox.jail import kernel
from service.checker_messages import LENGTH_BYTES, READY, Setup, Verdict

# An answer is far smaller (policy/checker.py).
_ANSWER_BYTES = 512 * 2**10
_RECEIVE_BYTES = 64 * 2**10

# How many times its wall clock a check may take on a machine that has no CPU time to spare.
_LATE = 4

_READY_SECONDS = 20.0
_ORDER_SECONDS = 5.0
_LEAVE_SECONDS = 5.0
# How long a zygote that could not be started is left alone.
_PAUSE_SECONDS = 1.0

_ROOT = Path(__file__).resolve().parent.parent

_log = logging.getLogger(__name__)


class CheckersUnavailable(Exception):
    """No script can be checked; the message says why."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of checkers.

    Attributes:
        order: the byte by which one is ordered.
        cpu_seconds: the CPU time that one check may take.
        wall_seconds: how long that takes on a machine with CPU time to spare.
    """

    order: bytes
    cpu_seconds: float
    wall_seconds: float


class Checker:
    """One checker, used by one thread at a time."""

    def __init__(self, pid: int, connection: socket.socket, pidfd: int, kind: Kind) -> None:
        """Take over a checker that waits for a script.

        Args:
            pid, connection, pidfd: its process id, the socket to it, and a descriptor of its process.
            kind: its kind.
        """
        self._connection = connection
        self._pidfd = pidfd
        self._kind = kind
        # By the kernel and not by `settimeout`, which costs two more system calls each time: see socket(7).
        interval = struct.pack("ll", int(kind.wall_seconds), int(kind.wall_seconds % 1 * 1_000_000))
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            connection.setsockopt(socket.SOL_SOCKET, option, interval)
        self._pid = pid
        self._says = select.poll()
        self._says.register(connection, select.POLLIN)

    def waits(self) -> bool:
        """Return whether it waits for a script; it says nothing by itself, so what can be read is its end."""
        return not self._says.poll(0)

    def go_on(self) -> None:
        """Continue it if it was stopped: nobody else would."""
        with suppress(OSError):  # it has ended
            signal.pidfd_send_signal(self._pidfd, signal.SIGCONT)

    def check(self, script: bytes) -> Verdict | None:
        """Return what it says of a script; None if it has ended, or says nothing that can be understood.

        Raises:
            TimeoutError: it has had too little CPU time to say anything.
        """
        began, cpu_before = time.monotonic(), self._cpu_seconds()
        received = bytearray()
        expected = LENGTH_BYTES
        try:
            self._connection.sendall(len(script).to_bytes(LENGTH_BYTES, "big") + script)
            while len(received) < expected:
                with suppress(BlockingIOError):
                    part = self._connection.recv(_RECEIVE_BYTES)
                    received += part
                    if len(received) >= LENGTH_BYTES:
                        expected = LENGTH_BYTES + int.from_bytes(received[:LENGTH_BYTES], "big")
                    if not part or expected > _ANSWER_BYTES:
                        return None
                took = time.monotonic() - began
                if took > self._kind.wall_seconds and self._cpu_seconds() - cpu_before > self._kind.cpu_seconds / 2:
                    return None
                if took > _LATE * self._kind.wall_seconds:
                    raise TimeoutError
            return msgspec.json.decode(received[LENGTH_BYTES:], type=Verdict)
        except BlockingIOError as error:
            raise TimeoutError from error
        except (ConnectionError, msgspec.DecodeError):
            return None

    def _cpu_seconds(self) -> float:
        """Return the CPU time that it has used; infinity if it has ended."""
        try:
            return kernel.cpu_seconds(self._pid)
        except OSError:
            return math.inf

    def close(self) -> None:
        """Kill it; idempotent."""
        with suppress(OSError):  # it has ended
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        self._connection.close()
        if self._pidfd >= 0:
            os.close(self._pidfd)
            self._pidfd = -1


class CheckerZygote:
    """The process that forks checkers, started when the first one is ordered, and again if it has ended."""

    def __init__(self, setup: Setup) -> None:
        """Take what it will be told."""
        self._setup = msgspec.json.encode(setup)
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._closed = False
        self._failure = ""
        self._failed_at = -math.inf

    def order(self, kind: Kind) -> Checker:
        """Return a new checker of a kind.

        Raises:
            CheckersUnavailable: there is none.
        """
        with self._lock:
            if self._control is not None and (checker := self._try_order(kind)):
                return checker
            # It has ended, by whatever hand: another one does.
            self._restart()
            if checker := self._try_order(kind):
                return checker
            self._fail("The process that starts checkers does not start any.")
            raise CheckersUnavailable(self._failure)

    @property
    def failure(self) -> str:
        """Why there are no checkers; empty if there are."""
        return self._failure

    def close(self) -> None:
        """End it, and wait until it has ended."""
        with self._lock:
            self._closed = True
            self._end()

    def _try_order(self, kind: Kind) -> Checker | None:
        assert self._control is not None
        try:
            self._control.sendall(kind.order)
            said, fds, _, _ = socket.recv_fds(self._control, _RECEIVE_BYTES, 2, socket.MSG_CMSG_CLOEXEC)
        except OSError:
            return None
        if len(fds) != 2 or not said.isdigit():
            for fd in fds:
                os.close(fd)
            return None
        self._failure = ""
        return Checker(int(said), socket.socket(fileno=fds[0]), fds[1], kind)

    def _restart(self) -> None:
        if self._closed:
            raise CheckersUnavailable("The service is shutting down.")
        if time.monotonic() < self._failed_at + _PAUSE_SECONDS:
            raise CheckersUnavailable(self._failure)
        if self._process is not None:
            _log.error("The process that starts checkers has ended, and another is started.")
        self._end()
        try:
            self._control, theirs = socket.socketpair()
            with theirs:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "service.checker_process", str(theirs.fileno())],
                    # Nothing of the service's environment: it may hold secrets.
                    env={"PYTHONPATH": os.pathsep.join([str(_ROOT), *filter(None, sys.path)]), "LANG": "C.UTF-8"},
                    cwd="/",
                    stdin=subprocess.DEVNULL,
                    pass_fds=[theirs.fileno()],
                    # A Ctrl-C in the terminal is for the service alone. Also a scheduling group of its own, sched(7).
                    start_new_session=True,
                )
            self._control.settimeout(_READY_SECONDS)
            self._control.sendall(len(self._setup).to_bytes(LENGTH_BYTES, "big") + self._setup)
            ready = self._control.recv(len(READY))
            self._control.settimeout(_ORDER_SECONDS)
        except OSError as error:
            self._fail(f"Scripts cannot be checked: {error}")
            raise CheckersUnavailable(self._failure) from error
        if ready != READY:
            self._fail("Scripts cannot be checked: the process that starts checkers has ended; the log says why.")
            raise CheckersUnavailable(self._failure)

    def _fail(self, why: str) -> None:
        self._failure = why
        self._failed_at = time.monotonic()
        _log.error("%s", why)
        self._end()

    def _end(self) -> None:
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._process is not None:
            try:
                self._process.wait(_LEAVE_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
