"""One started jail: nsjail (or, without it, the bare supervisor) and the control socket to the supervisor in it."""

import contextlib
import marshal
import os
import select
import socket
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from .errors import SandboxUnavailable
from .limits import KB
from .streams import CappedStream, drain

# What a jail without nsjail gets; the .cfg files give the others the same.
_ENVIRONMENT = {"LANG": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}
_LEAVE_SECONDS = 2.0
_LOG_BYTES = 64 * KB
_LOG_LINES = 3
_MESSAGE_BYTES = 64 * KB


class Jail:
    """One jail, from start to end.

    Attributes:
        control: the host's end of the control socket.
    """

    def __init__(self, command: Callable[[int], list[str]]) -> None:
        """Start the command, which is made for the descriptor of the supervisor's end of the control socket.

        Raises:
            SandboxUnavailable: it cannot be started.
        """
        self.control, theirs = socket.socketpair()
        log_fd, log_write_end = os.pipe()
        self._log = CappedStream(log_fd, _LOG_BYTES)
        try:
            self._process = subprocess.Popen(
                command(theirs.fileno()),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log_write_end,
                env=_ENVIRONMENT,
                cwd="/",
                pass_fds=[theirs.fileno()],
                # A Ctrl-C in the terminal is for the service alone, which lets running scripts finish.
                start_new_session=True,
            )
        except OSError as error:
            self.control.close()
            self._log.close()
            raise SandboxUnavailable(f"The jail cannot be started: {error}") from error
        finally:
            theirs.close()
            os.close(log_write_end)

    def begin(self, bundle: bytes, *messages: Mapping[str, object]) -> None:
        """Send the jail-side modules and what comes first after them; a jail that has ended shows in its answer."""
        with contextlib.suppress(OSError):
            self.control.sendall(len(bundle).to_bytes(8, "big") + bundle)
            for message in messages:
                self.send(message)

    def send(self, message: Mapping[str, object]) -> None:
        """Send a message to the jail.

        Raises:
            OSError: the jail has ended.
        """
        body = marshal.dumps(dict(message))
        self.control.sendall(len(body).to_bytes(8, "big") + body)

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
        except subprocess.TimeoutExpired:
            self.kill()
            self._process.wait()
