"""One spare as the host sees it: hands it a script, reads what comes out, and keeps the deadline.

Nothing that comes out of the jail is believed: every stream has its cap, every text is checked, and every wait its end.
"""

import contextlib
import fcntl
import logging
import marshal
import os
import select
import sys
import termios
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TypeVar

import msgspec

from ..errors import OrderFailed, SandboxUnavailable, SpareDied
from ..host.jail_handle import JailHandle
from ..host.streams import CappedStream, drain, read_what_is_there
from ..limits import KB, Limits
from ..outcome import Outcome
from ..protocol import KILL, LOCATE, WAKE, ExitReport, Ready, Script, frame
from .judge import ENVELOPE_BYTES, Run, judge
from .location import is_whole
from .watch import LOOK_SECONDS, Excess, look_for_excess

# How long a spare may take to be ready, and a supervisor to report a spare that it was told to kill. It reports within
# a second whether the spare is dead or not: a supervisor that is silent is stuck.
_READY_SECONDS = 15.0
_REPORT_SECONDS = 5.0
# How long the response waits until the script has released what it held. After that only its slot waits.
_PROMPT_RELEASE_SECONDS = 1.0
# How long a slot waits for that; no kill can end a script that still holds something then.
_RELEASE_SECONDS = 60.0
# How long a script that is out of time may take to tell where it is; it takes a millisecond or two.
_LOCATE_SECONDS = 0.05
# A jail that exits so soon after it got a script was exiting already.
_TAKING_SECONDS = 0.1
# How long a spare may take to read its script, however short the script's timeout: otherwise a caller could have
# spares killed by a short one. A spare that takes longer is stuck, and only that spare is killed.
_TAKEN_SECONDS = 3.0
_LOOK_SECONDS = 0.002
_CONTROL_BYTES = 64 * KB
_INT_BYTES = 4
_NOT_TAKEN = f"The spare did not take the script within {_TAKEN_SECONDS:g} s."
_DESCRIPTORS = 6  # of the control socket, the job pipe, stdout, stderr, the result channel, and the process

Message = TypeVar("Message")

_log = logging.getLogger(__name__)


class Spare:
    """A process that waits for one script, isolated already."""

    def __init__(self, jail: JailHandle, limits: Limits, closed: Callable[[], None]) -> None:
        """Wait until the spare that was ordered is ready.

        Args:
            jail: the jail that got the order.
            limits: what its script may use.
            closed: called when the spare is closed.

        Raises:
            OrderFailed: the spare could not be made; the jail is as it was.
            SandboxUnavailable: the jail has failed, and is killed.
        """
        line, fds = jail.receive(_READY_SECONDS, _DESCRIPTORS)
        ready = _decode(line, Ready)
        if ready is None or ready.failure or len(fds) != _DESCRIPTORS:
            for fd in fds:
                os.close(fd)
            if ready is None:
                raise jail.failure("it exited before a spare was ready")
            raise OrderFailed(f"A spare cannot be made: {ready.failure or 'the service has no file descriptor left'}.")
        self._limits = limits
        self._closed = closed
        control, self._job, stdout, stderr, result, self._process = fds
        self._control = CappedStream(control, _CONTROL_BYTES)
        # The control socket does not rest: its first message ends the reading, and must not be late.
        self._stdout = CappedStream(stdout, limits.stdout_bytes, may_rest=True)
        self._stderr = CappedStream(stderr, limits.stderr_bytes, may_rest=True)
        self._result = CappedStream(result, limits.result_bytes + ENVELOPE_BYTES, may_rest=True)

    def run(self, script: Script, timeout_seconds: float, asked: float | None = None) -> Outcome:
        """Run a script in the spare, to its end or to its deadline.

        Args:
            script: what to run.
            timeout_seconds: its wall-clock limit.
            asked: when the caller asked for it, on the monotonic clock; None means now.

        Raises:
            SpareDied: the jail was exiting already, or the spare did not take the script.
            SandboxUnavailable: the jail exited under the script.
        """
        outputs = (self._stdout, self._stderr, self._result)
        streams = (*outputs, self._control)
        started = time.monotonic()
        whole = self._hand_over(script, started + _TAKEN_SECONDS)
        excess = self._watch(streams, started + min(timeout_seconds, _TAKEN_SECONDS))
        while not self._reported() and not self._taken() and time.monotonic() < started + _TAKEN_SECONDS:
            drain(streams, self._reported, _LOOK_SECONDS)
        if whole and self._taken():
            excess = excess or self._watch(streams, started + timeout_seconds)
        out_of_time = not self._reported() and not excess
        if out_of_time and whole and self._taken():
            self._locate(streams)
        if out_of_time or excess:
            self._send(KILL)
        wall_seconds = time.monotonic() - started
        if not self._reported():
            drain(streams, self._reported, _REPORT_SECONDS)
        # Nothing of the script runs any more, so all that it wrote is there. The control socket ends when the script
        # has released what it held.
        read_what_is_there(outputs)
        if not self._control.at_end:
            drain([self._control], lambda: False, _PROMPT_RELEASE_SECONDS)
        report = _decode(self._control.data, ExitReport)
        if not (whole and self._taken()):
            if not self._reported():
                raise SandboxUnavailable(f"{_NOT_TAKEN} Its jail did not end it either.")
            raise SpareDied(_NOT_TAKEN if out_of_time else "The spare died before it took its script.")
        if report is None:
            message = "The jail exited while the script ran, and killed it."
            if wall_seconds < _TAKING_SECONDS and not any(stream.data for stream in outputs):
                raise SpareDied(message)
            raise SandboxUnavailable(message)
        limits = replace(self._limits, timeout_seconds=timeout_seconds)
        wait_seconds = started - (started if asked is None else asked)
        run = Run(script["source"], wait_seconds, wall_seconds, out_of_time, excess)
        return judge(report, *outputs, limits, run)

    def released(self) -> bool:
        """Return whether the script is known to have released what it held."""
        return self._control.at_end

    def wait_until_released(self, held: contextlib.ExitStack) -> None:
        """Wait until the script has released what it held, then release what is held for it."""
        with held:
            drain([self._control], lambda: False, _RELEASE_SECONDS)
            if not self.released():
                _log.error("A killed script still holds memory or files after %g s.", _RELEASE_SECONDS)

    @property
    def control_fd(self) -> int:
        """The descriptor that becomes readable when the spare dies."""
        return self._control.fd

    def alive(self) -> bool:
        """Return whether the spare still waits for its script."""
        says = select.poll()
        # A dead spare's result channel ends at once, and its supervisor's report comes a moment later.
        for stream in (self._control, self._result):
            says.register(stream.fd, select.POLLIN)
        return not says.poll(0)

    def close(self) -> None:
        """Close the spare's descriptors; its supervisor kills what is left of it."""
        for stream in (self._stdout, self._stderr, self._result, self._control):
            stream.close()
        for fd in (self._job, self._process):
            os.close(fd)
        self._closed()

    def _hand_over(self, script: Script, deadline: float) -> bool:
        """Write the script into the job pipe and leave the pipe open: once it is empty, the spare has taken the script.

        Args:
            script: what to write.
            deadline: when to give up, on the monotonic clock.

        Returns:
            whether all of it was written by then.

        Raises:
            SpareDied: the spare was dead already.
        """
        text = memoryview(WAKE + frame(marshal.dumps(dict(script))))
        os.set_blocking(self._job, False)
        writable = select.poll()
        writable.register(self._job, select.POLLOUT)
        try:
            while text and writable.poll(max(deadline - time.monotonic(), 0) * 1000):
                text = text[os.write(self._job, text) :]
        except BrokenPipeError as error:
            raise SpareDied("The spare was dead when it was given its script.") from error
        return not text

    def _taken(self) -> bool:
        """Return whether the spare has read its whole script, and may have begun it: see FIONREAD in pipe(7)."""
        unread = fcntl.ioctl(self._job, termios.FIONREAD, bytes(_INT_BYTES))
        return not int.from_bytes(unread, sys.byteorder)

    def _watch(self, streams: Iterable[CappedStream], deadline: float) -> Excess | None:
        """Read until the script's end is reported, an excess is seen, or `deadline`; return the excess."""
        while not self._reported() and (seconds := deadline - time.monotonic()) > 0:
            drain(streams, self._reported, min(seconds, LOOK_SECONDS))
            if not self._reported() and (excess := look_for_excess(self._process, self._limits)):
                return excess
        return None

    def _locate(self, streams: Iterable[CappedStream]) -> None:
        """Have the script's process tell at which line the script is, and wait a short time for that."""
        before = len(self._result.data)
        self._send(LOCATE)
        drain(streams, lambda: self._reported() or is_whole(self._result.data[before:]), _LOCATE_SECONDS)

    def _send(self, message: bytes) -> None:
        with contextlib.suppress(BrokenPipeError):  # the supervisor has exited, and with it the script
            os.write(self._control.fd, message)

    def _reported(self) -> bool:
        return self._control.at_end or self._control.data.endswith(b"\n")


def _decode(line: bytes | bytearray, kind: type[Message]) -> Message | None:
    """Return the supervisor's message; None if it is absent or invalid."""
    try:
        return msgspec.json.decode(line, type=kind)
    except msgspec.DecodeError:
        return None
