"""One started jail as the host sees it: the control socket to the supervisor in it, its log, and its process."""

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
        """Kill it with all that runs in the jail; idempotent."""

    def wait(self, seconds: float) -> None:
        """Wait until it has ended and what the jail left behind is removed.

        Raises:
            TimeoutError: it has not ended in time.
        """


class JailHandle:
    """One jail, from start to end.

    Attributes:
        control: the host's end of the control socket.
    """

    def __init__(self, process: Process, control: socket.socket, log_fd: int) -> None:
        """Take what a starter has started; the jail's log, a pipe, and the control socket are this object's now."""
        self.control = control
        self._process = process
        self._log = CappedStream(log_fd, _LOG_BYTES)

    def order(self, order: Order) -> None:
        """Order a spare.

        Raises:
            OSError: the jail has ended.
        """
        self.control.sendall(pack(order))

    def receive(self, seconds: float, most_descriptors: int) -> tuple[bytes, list[int]]:
        """Return a line of the jail's and the descriptors that came with it; nothing where the jail has ended.

        Args:
            seconds: how long to wait for it.
            most_descriptors: how many may come.

        Raises:
            SandboxUnavailable: nothing came in time; the jail is killed.
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
        """Kill the jail, and return the error that says what is known of its failure."""
        self.kill()
        drain([self._log], lambda: False, _LEAVE_SECONDS)
        # The end of it: what went wrong last is what everything else went wrong by.
        said = " / ".join(line.partition("] ")[2] or line for line in self._log.text().splitlines()[-_LOG_LINES:])
        return SandboxUnavailable(f"The jail failed: {what}." + (f" It said: {said}" if said else ""))

    def address_space_bytes(self) -> int:
        """Return what the jail's first process takes of the address space, see proc(5).

        Raises:
            SandboxUnavailable: the kernel does not say; the jail is killed.
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
        """Kill the jail with all that runs in it: the kernel kills the supervisor with nsjail, and scripts with it."""
        self._process.kill()

    def close(self) -> None:
        """Wait until the jail has gone with all that was in it, and kill it if it does not go."""
        self.control.close()
        # Its first process holds the log too, and outlives a killed nsjail by a moment.
        drain([self._log], lambda: False, _LEAVE_SECONDS)
        self._log.close()
        try:
            self._process.wait(_LEAVE_SECONDS)
        except TimeoutError:
            self.kill()
            self._process.wait(math.inf)
