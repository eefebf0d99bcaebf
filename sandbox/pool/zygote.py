"""The host's handle of one zygote: a jail with a warm interpreter that forks a spare for every order."""

import logging
import math
import time
from collections import deque
from collections.abc import Callable
from functools import partial

import msgspec

from ..errors import ImportFailed, OrderFailed
from ..host.jail_handle import JailHandle
from ..limits import MB, Limits
from ..protocol import Order, Warm
from .spare import Spare
from .uids import UidPool

# How long the import of the largest packages may take on a busy host.
_WARM_UP_SECONDS = 60.0
# How long a fork may take on a busy host.
_ANSWER_SECONDS = 10.0
_FAILURE_CHARACTERS = 500

_log = logging.getLogger(__name__)


class Zygote:
    """A jail whose first process forks spares; used by one thread at a time.

    Attributes:
        jail: the jail.
        running: how many scripts run in its spares now; the pool counts them.
        served: how many scripts have run in its spares; the pool counts them too.
        on_order: how many spares were ordered and are not there yet.
    """

    def __init__(self, jail: JailHandle, limits: Limits, uids: UidPool, fresh_bytes: int | None = None) -> None:
        """Take over a jail that begins to warm up.

        Args:
            jail: a fresh jail, which this object closes.
            limits: what a script may use.
            uids: hands out the user ids of its spares.
            fresh_bytes: how much address space an interpreter without imports takes; None if not known.
        """
        self.jail = jail
        self.running = 0
        self.served = 0
        self.on_order = 0
        self._answer_until = 0.0
        self._limits = limits
        self._uids = uids
        self._fresh_bytes = fresh_bytes
        self._ordered: deque[int] = deque()
        self._address_space_bytes = 0

    def wait_until_warm(self) -> None:
        """Wait until everything is imported.

        Raises:
            ImportFailed: something cannot be imported.
            SandboxUnavailable: the jail has failed.
        """
        line, _ = self.jail.receive(_WARM_UP_SECONDS, 0)
        try:
            said = msgspec.json.decode(line, type=Warm)
        except msgspec.DecodeError:
            raise self.jail.failure("its zygote exited") from None
        if said.failure:
            raise ImportFailed(f"SANDBOX_WARM_IMPORTS: {said.failure[:_FAILURE_CHARACTERS]}")
        self._address_space_bytes = self.jail.address_space_bytes()
        imports_bytes = self._address_space_bytes - (self._fresh_bytes or self._address_space_bytes)
        if imports_bytes > self._limits.memory_bytes:
            _log.warning(
                "The imports of SANDBOX_WARM_IMPORTS take %d MB and scripts get SANDBOX_MEMORY_MB=%d: a script that "
                "runs while there is no warm interpreter cannot import them. Raise SANDBOX_MEMORY_MB, or name less.",
                imports_bytes // MB,
                self._limits.memory_bytes // MB,
            )

    def order(self, order: Callable[[int, int], Order]) -> None:
        """Order one more spare.

        Args:
            order: makes the order, given the spare's index and how much address space the zygote takes.

        Raises:
            SandboxUnavailable: the jail has failed.
        """
        uid_index = self._uids.take()
        self._ordered.append(uid_index)
        try:
            self.jail.order(order(uid_index, self._address_space_bytes))
        except OSError as error:
            raise self.jail.failure("it takes no more orders") from error
        if not self.on_order:
            self._answer_until = time.monotonic() + _ANSWER_SECONDS
        self.on_order += 1

    def take(self) -> Spare:
        """Wait for the next spare and return it.

        Raises:
            OrderFailed: the spare could not be made.
            SandboxUnavailable: the jail has failed.
        """
        if not self._ordered:
            raise self.jail.failure("it exited")
        uid_index = self._ordered[0]
        try:
            spare = Spare(self.jail, self._limits, partial(self._uids.give_back, uid_index))
        except OrderFailed:
            self._ordered.popleft()
            self._uids.give_back(uid_index)
            self.on_order -= 1
            raise
        self._ordered.popleft()
        self.on_order -= 1
        self._answer_until = time.monotonic() + _ANSWER_SECONDS
        return spare

    def wait_anew(self) -> None:
        """Give it its whole time to answer once more."""
        self._answer_until = time.monotonic() + _ANSWER_SECONDS

    def answer_in(self) -> float:
        """Return in how many seconds the next spare must be there; infinity if none is on order."""
        return self._answer_until - time.monotonic() if self.on_order else math.inf

    def close(self) -> None:
        """Kill the jail and every spare in it."""
        self.jail.kill()
        self.jail.close()
        while self._ordered:
            self._uids.give_back(self._ordered.popleft())
