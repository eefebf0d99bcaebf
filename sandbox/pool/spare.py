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
from ..protocol import KILL, LOCATE, WAKE, Script, frame
from .judge import ENVELOPE_BYTES, ExitReport, Run, judge
from .location import is_whole
from .watch import LOOK_SECONDS, Excess, look_for_excess

# How long a spare may take to be ready, and a supervisor to report the end of one that it was told to end. It does so
# within a second, dead or not: who says nothing is stuck.
_READY_SECONDS = 15.0
_REPORT_SECONDS = 5.0
# How long the answer waits for the script to give back what it held. After that only its slot waits.
_LET_GO_SECONDS = 1.0
# How long a slot waits for that: what is not gone then, no kill can end.
_SEE_OFF_SECONDS = 60.0
# How long a script that is out of time may take to say where it is: one that can does so in a millisecond or two.
_LOCATE_SECONDS = 0.05
# When a jail ends so soon after it got a script, it was ending already.
_TAKING_SECONDS = 0.1
# How long a spare may take to read its script, however little time the script has. One that needs more is stopped or
# stuck, and is killed, alone: no caller may bring that about by a short timeout.
_TAKEN_SECONDS = 3.0
_LOOK_SECONDS = 0.002
_CONTROL_BYTES = 64 * KB
_INT_BYTES = 4
_NOT_TAKEN = f"The spare did not take the script within {_TAKEN_SECONDS:g} s."
_DESCRIPTORS = 6  # of the control socket, the job pipe, stdout, stderr, the result channel, and the process

Message = TypeVar("Message")

_log = logging.getLogger(__name__)


class Ready(msgspec.Struct, frozen=True):
    """The supervisor's first word: the spare waits for a script, or why there is none."""

    failure: str


class Spare:
    """A process that waits for one script, isolated already."""

    def __init__(self, jail: JailHandle, limits: Limits, closed: Callable[[], None]) -> None:
        """Wait until the spare that was ordered is ready.

        Args:
            jail: where it was ordered.
            limits: what its script may use.
            closed: called when it is closed.

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
                raise jail.failure("it ended before a spare was ready")
            raise OrderFailed(f"A spare cannot be made: {ready.failure or 'the service has no descriptor left'}.")
        self._limits = limits
        self._closed = closed
        control, self._job, stdout, stderr, result, self._process = fds
        self._control = CappedStream(control, _CONTROL_BYTES)
        # Not the control socket, whose first word ends the reading: what rests delays no end.
        self._stdout = CappedStream(stdout, limits.stdout_bytes, may_rest=True)
        self._stderr = CappedStream(stderr, limits.stderr_bytes, may_rest=True)
        self._result = CappedStream(result, limits.result_bytes + ENVELOPE_BYTES, may_rest=True)

    def run(self, script: Script, timeout_seconds: float, asked: float | None = None) -> Outcome:
        """Run a script in the spare, to its end or to its deadline.

        Args:
            script: what to run.
            timeout_seconds: its wall-clock limit.
            asked: when it was asked for, on the monotonic clock; None: now.

        Raises:
            SandboxUnavailable: the jail died under the script; where it was dying already, or the spare did not take
                the script, a `SpareDied`.
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
            self._say(KILL)
        wall_seconds = time.monotonic() - started
        if not self._reported():
            drain(streams, self._reported, _REPORT_SECONDS)
        # Nothing of the script runs any more, so all that it wrote is there. The control socket ends when it has gone.
        read_what_is_there(outputs)
        if not self._control.at_end:
            drain([self._control], lambda: False, _LET_GO_SECONDS)
        report = _decode(self._control.data, ExitReport)
        if not (whole and self._taken()):
            if not self._reported():
                raise SandboxUnavailable(f"{_NOT_TAKEN} Its jail did not let go of it either.")
            raise SpareDied(_NOT_TAKEN if out_of_time else "The spare died before it took its script.")
        if report is None:
            message = "The jail has ended under the script, and took it along."
            if wall_seconds < _TAKING_SECONDS and not any(stream.data for stream in outputs):
                raise SpareDied(message)
            raise SandboxUnavailable(message)
        limits = replace(self._limits, timeout_seconds=timeout_seconds)
        wait_seconds = started - (started if asked is None else asked)
        run = Run(script["source"], wait_seconds, wall_seconds, out_of_time, excess)
        return judge(report, *outputs, limits, run)

    def gone(self) -> bool:
        """Return whether the script has given back what it held, as far as is known."""
        return self._control.at_end

    def see_off(self, held: contextlib.ExitStack) -> None:
        """Wait until the script has given back what it held, and let go of what is held for it."""
        with held:
            drain([self._control], lambda: False, _SEE_OFF_SECONDS)
            if not self.gone():
                _log.error("A script that was killed still holds what it had after %g s.", _SEE_OFF_SECONDS)

    @property
    def control_fd(self) -> int:
        """The descriptor that has something to read when the spare has died."""
        return self._control.fd

    def alive(self) -> bool:
        """Return whether the spare still waits for its script."""
        says = select.poll()
        # Its result channel breaks when it dies, and its supervisor reports it a moment later.
        for stream in (self._control, self._result):
            says.register(stream.fd, select.POLLIN)
        return not says.poll(0)

    def close(self) -> None:
        """Let go of the spare: its supervisor kills what is left of it."""
        for stream in (self._stdout, self._stderr, self._result, self._control):
            stream.close()
        for fd in (self._job, self._process):
            os.close(fd)
        self._closed()

    def _hand_over(self, script: Script, deadline: float) -> bool:
        """Write the script down the job pipe, which stays open: that it is emptied tells that the script was taken.

        Args:
            script: what to write.
            deadline: when to give up, on the monotonic clock.

        Returns:
            whether all of it could be written by then.

        Raises:
            SpareDied: the spare had died already.
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
        """Return whether the spare has read its whole script, and so may have begun it: see FIONREAD in pipe(7)."""
        unread = fcntl.ioctl(self._job, termios.FIONREAD, bytes(_INT_BYTES))
        return not int.from_bytes(unread, sys.byteorder)

    def _watch(self, streams: Iterable[CappedStream], deadline: float) -> Excess | None:
        """Read what comes until the script's end is reported or it is `deadline`; return what it has too much of."""
        while not self._reported() and (seconds := deadline - time.monotonic()) > 0:
            drain(streams, self._reported, min(seconds, LOOK_SECONDS))
            if not self._reported() and (excess := look_for_excess(self._process, self._limits)):
                return excess
        return None

    def _locate(self, streams: Iterable[CappedStream]) -> None:
        """Have the script's process say where the script is, and wait for that, but not for long."""
        before = len(self._result.data)
        self._say(LOCATE)
        drain(streams, lambda: self._reported() or is_whole(self._result.data[before:]), _LOCATE_SECONDS)

    def _say(self, word: bytes) -> None:
        with contextlib.suppress(BrokenPipeError):  # the supervisor has gone, and with it the script
            os.write(self._control.fd, word)

    def _reported(self) -> bool:
        return self._control.at_end or self._control.data.endswith(b"\n")


def _decode(line: bytes | bytearray, kind: type[Message]) -> Message | None:
    """Return the supervisor's message; None where it has not come or is not what it should be."""
    try:
        return msgspec.json.decode(line, type=kind)
    except msgspec.DecodeError:
        return None
