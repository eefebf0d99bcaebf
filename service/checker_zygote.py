"""The server's handles of the processes of `checker_process.py`: of the checker zygote, and of each checker."""

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
from service.checker_protocol import LENGTH_BYTES, READY, Setup, Verdict

# No verdict is nearly that long (policy/checker.py).
_MAX_VERDICT_BYTES = 512 * 2**10
_RECEIVE_BYTES = 64 * 2**10

# A check may take this many times its wall clock on a machine that has no CPU time to spare.
_BUSY_MACHINE_FACTOR = 4

_READY_SECONDS = 20.0
_FORK_SECONDS = 5.0
_EXIT_SECONDS = 5.0
# How long to wait after a failed start before the next.
_RETRY_SECONDS = 1.0

_ROOT = Path(__file__).resolve().parent.parent

_log = logging.getLogger(__name__)


class CheckersUnavailable(Exception):
    """No script can be checked; the message says why."""


@dataclass(frozen=True, slots=True)
class Tier:
    """What every checker of a tier, fast or slow, gives to a check.

    Attributes:
        request: the byte that asks the zygote for a checker of this tier.
        cpu_seconds: the CPU time that one check may take.
        wall_seconds: how long that takes on a machine with CPU time to spare.
    """

    request: bytes
    cpu_seconds: float
    wall_seconds: float


class Checker:
    """One checker, used by one thread at a time."""

    def __init__(self, pid: int, connection: socket.socket, pidfd: int, tier: Tier) -> None:
        """Take over a checker that waits for a script.

        Args:
            pid, connection, pidfd: its process id, the socket to it, and a descriptor of its process.
            tier: its tier.
        """
        self._connection = connection
        self._pidfd = pidfd
        self._tier = tier
        # The kernel keeps this time (socket(7)); `settimeout` would cost two more system calls for each call.
        interval = struct.pack("ll", int(tier.wall_seconds), int(tier.wall_seconds % 1 * 1_000_000))
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            connection.setsockopt(socket.SOL_SOCKET, option, interval)
        self._pid = pid
        self._readable = select.poll()
        self._readable.register(connection, select.POLLIN)

    def is_alive(self) -> bool:
        """Return whether it waits for a script. It sends nothing unasked, so only its end can be read."""
        return not self._readable.poll(0)

    def resume(self) -> None:
        """Continue it if it was stopped: nobody else would."""
        with suppress(OSError):  # it has exited
            signal.pidfd_send_signal(self._pidfd, signal.SIGCONT)

    def check(self, script: bytes) -> Verdict | None:
        """Return its verdict on a script; None if it exited, or sent something that is not a verdict.

        Raises:
            TimeoutError: it had too little CPU time for a verdict.
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
                    if not part or expected > _MAX_VERDICT_BYTES:
                        return None
                took = time.monotonic() - began
                if took > self._tier.wall_seconds and self._cpu_seconds() - cpu_before > self._tier.cpu_seconds / 2:
                    return None
                if took > _BUSY_MACHINE_FACTOR * self._tier.wall_seconds:
                    raise TimeoutError
            return msgspec.json.decode(received[LENGTH_BYTES:], type=Verdict)
        except BlockingIOError as error:
            raise TimeoutError from error
        except (ConnectionError, msgspec.DecodeError):
            return None

    def _cpu_seconds(self) -> float:
        """Return the CPU time that it has used; infinity if it has exited."""
        try:
            return kernel.cpu_seconds(self._pid)
        except OSError:
            return math.inf

    def close(self) -> None:
        """Kill it; idempotent."""
        with suppress(OSError):  # it has exited
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        self._connection.close()
        if self._pidfd >= 0:
            os.close(self._pidfd)
            self._pidfd = -1


class CheckerZygote:
    """The process that forks checkers. It starts with the first checker, and again after it has exited."""

    def __init__(self, setup: Setup) -> None:
        """Take what the process will be told."""
        self._setup = msgspec.json.encode(setup)
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._closed = False
        self._failure = ""
        self._failed_at = -math.inf

    def fork(self, tier: Tier) -> Checker:
        """Have a new checker of a tier forked.

        Raises:
            CheckersUnavailable: none can be forked.
        """
        with self._lock:
            if self._control is not None and (checker := self._try_to_fork(tier)):
                return checker
            # The zygote has exited, for whatever reason.
            self._restart()
            if checker := self._try_to_fork(tier):
                return checker
            self._fail("Scripts cannot be checked: the checker zygote does not fork any checker.")
            raise CheckersUnavailable(self._failure)

    @property
    def failure(self) -> str:
        """Why there are no checkers; empty if there are."""
        return self._failure

    def close(self) -> None:
        """End the process, and wait until it has exited."""
        with self._lock:
            self._closed = True
            self._end()

    def _try_to_fork(self, tier: Tier) -> Checker | None:
        assert self._control is not None
        try:
            self._control.sendall(tier.request)
            text, fds, _, _ = socket.recv_fds(self._control, _RECEIVE_BYTES, 2, socket.MSG_CMSG_CLOEXEC)
        except OSError:
            return None
        if len(fds) != 2 or not text.isdigit():
            for fd in fds:
                os.close(fd)
            return None
        self._failure = ""
        return Checker(int(text), socket.socket(fileno=fds[0]), fds[1], tier)

    def _restart(self) -> None:
        if self._closed:
            raise CheckersUnavailable("The service is shutting down.")
        if time.monotonic() < self._failed_at + _RETRY_SECONDS:
            raise CheckersUnavailable(self._failure)
        if self._process is not None:
            _log.error("The checker zygote exited, and another is started.")
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
                    # A Ctrl-C in the terminal is for the service alone. A session is also a scheduling group, sched(7).
                    start_new_session=True,
                )
            self._control.settimeout(_READY_SECONDS)
            self._control.sendall(len(self._setup).to_bytes(LENGTH_BYTES, "big") + self._setup)
            ready = self._control.recv(len(READY))
            self._control.settimeout(_FORK_SECONDS)
        except OSError as error:
            self._fail(f"Scripts cannot be checked: {error}")
            raise CheckersUnavailable(self._failure) from error
        if ready != READY:
            self._fail("Scripts cannot be checked: the checker zygote exited; the log says why.")
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
                self._process.wait(_EXIT_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
