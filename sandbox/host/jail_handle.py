"""The host's handle of one started jail: its process, its log, and the control socket to its supervisor."""

import math
import os
import select
import socket
from pathlib import Path
from typing import Protocol

from ..errors import SandboxUnavailable
from ..limits import KB
from ..protocol import Order, pack
from .streams import CappedStream, drain

_LEAVE_SECONDS = 2.0
_LOG_BYTES = 64 * KB
_LOG_LINES = 3
_MESSAGE_BYTES = 64 * KB


class Process(Protocol):
    """The process of a jail: nsjail's, or that of the bare supervisor."""

    @property
    def pid(self) -> int:
        """Its process id."""

    def kill(self) -> None:
        """Kill it, and all that runs in the jail with it; idempotent."""

    def wait(self, seconds: float) -> None:
        """Wait until it has exited and all that the jail left behind is removed.

        Raises:
            TimeoutError: it has not exited in time.
        """


class JailHandle:
    """One jail, from its start to its end.

    Attributes:
        control: the host's end of the control socket.
    """

    def __init__(self, process: Process, control: socket.socket, log_fd: int) -> None:
        """Take what a spawner started: the process, and as this object's own the control socket and the log's pipe."""
        self.control = control
        self._process = process
        self._log = CappedStream(log_fd, _LOG_BYTES)

    def order(self, order: Order) -> None:
        """Order a spare.

        Raises:
            OSError: the jail has exited.
        """
        self.control.sendall(pack(order))

    def receive(self, seconds: float, most_descriptors: int) -> tuple[bytes, list[int]]:
        """Return a line from the jail and the descriptors that came with it; an empty line if the jail has exited.

        Args:
            seconds: how long to wait for the line.
            most_descriptors: how many may come.

        Raises:
            SandboxUnavailable: no line came in time; the jail is killed.
        """
        waiting = select.poll()
        waiting.register(self.control, select.POLLIN)
        if not waiting.poll(seconds * 1000):
            raise self.failure(f"it did not answer within {seconds:g} s")
        try:
            line, fds, _, _ = socket.recv_fds(self.control, _MESSAGE_BYTES, most_descriptors, socket.MSG_CMSG_CLOEXEC)
        except ConnectionResetError:
            return b"", []
        return line, fds

    def failure(self, what: str) -> SandboxUnavailable:
        """Kill the jail; return the error that tells `what` failed, with the end of the jail's log."""
        self.kill()
        drain([self._log], lambda: False, _LEAVE_SECONDS)
        # The last lines of the log name the cause.
        said = " / ".join(line.partition("] ")[2] or line for line in self._log.text().splitlines()[-_LOG_LINES:])
        return SandboxUnavailable(f"The jail failed: {what}." + (f" It said: {said}" if said else ""))

    def address_space_bytes(self) -> int:
        """Return how much address space the jail's first process takes, see proc(5).

        Raises:
            SandboxUnavailable: the kernel does not tell; the jail is killed.
        """
        pid = self._process.pid
        try:
            # nsjail's one child; without nsjail the process itself.
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            statm = Path(f"/proc/{children[0] if children else pid}/statm").read_text()
        except OSError as error:
            raise self.failure(f"its size cannot be read ({error})") from error
        return int(statm.split()[0]) * os.sysconf("SC_PAGESIZE")

    def kill(self) -> None:
        """Kill the jail: with nsjail the kernel kills the supervisor, and with the supervisor its scripts."""
        self._process.kill()

    def close(self) -> None:
        """Wait until the jail has exited with all that was in it; kill it if it does not exit by itself."""
        self.control.close()
        # The jail's first process holds the log too, and outlives a killed nsjail by a moment.
        drain([self._log], lambda: False, _LEAVE_SECONDS)
        self._log.close()
        try:
            self._process.wait(_LEAVE_SECONDS)
        except TimeoutError:
            self.kill()
            self._process.wait(math.inf)
