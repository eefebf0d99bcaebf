"""One zygote as the host sees it: a jail that holds a warm interpreter, and forks a spare for every order."""

import os
import select
import socket
from collections.abc import Callable

from .errors import SandboxUnavailable
from .jail_process import Jail
from .limits import KB, Limits
from .messages import Order, Setup
from .spare import Spare

# How long an import of the largest packages may take on a busy machine, and the fork of a warm interpreter.
_WARM_UP_SECONDS = 60.0
_FORK_SECONDS = 10.0


class Zygote:
    """A jail whose first process forks spares; used by one thread at a time.

    Attributes:
        jail: the jail.
        running: how many scripts run in its spares now; its owner counts them.
        forked: how many spares it has made.
    """

    def __init__(self, jail: Jail, bundle: bytes, setup: Setup, limits: Limits) -> None:
        """Start to warm up.

        Args:
            jail: a fresh jail, which this object closes.
            bundle: the jail-side modules.
            setup: what all spares have in common.
            limits: what a script may use.
        """
        self.jail = jail
        self.running = 0
        self.forked = 0
        self._limits = limits
        self._address_space_bytes = 0
        jail.begin(bundle, setup)

    def wait_until_warm(self) -> None:
        """Wait until everything is imported.

        Raises:
            SandboxUnavailable: the jail has failed.
        """
        self._read_line(_WARM_UP_SECONDS)
        self._address_space_bytes = self.jail.address_space_bytes()

    def fork(self, order: Callable[[int], Order]) -> Spare:
        """Make one more spare, and wait until it is ready.

        Args:
            order: makes the order, given what the zygote takes of the address space.

        Raises:
            SandboxUnavailable: the jail has failed.
        """
        try:
            self.jail.send(order(self._address_space_bytes))
        except OSError as error:
            raise self.jail.failure("it does not take orders any more") from error
        control = self._read_line(_FORK_SECONDS)
        if control is None:
            raise self.jail.failure("it sent no spare")
        self.forked += 1
        with control:
            return Spare(control, self._limits, SandboxUnavailable)

    def close(self) -> None:
        """Kill the jail and every spare in it."""
        self.jail.kill()
        self.jail.close()

    def _read_line(self, seconds: float) -> socket.socket | None:
        """Read one line of the zygote's, and return the socket that came with it."""
        waiting = select.poll()
        waiting.register(self.jail.control, select.POLLIN)
        if not waiting.poll(seconds * 1000):
            raise self.jail.failure(f"its zygote did not answer within {seconds:g} s")
        try:
            said, fds, _, _ = socket.recv_fds(self.jail.control, 64 * KB, 1, socket.MSG_CMSG_CLOEXEC)
        except ConnectionResetError:
            said, fds = b"", []
        if not said.endswith(b"\n"):
            for fd in fds:
                os.close(fd)
            raise self.jail.failure("its zygote has ended")
        return socket.socket(fileno=fds[0]) if fds else None
