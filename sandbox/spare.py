"""One spare as the host sees it: hands it a script, reads what comes out, and keeps the deadline.

Nothing that comes out of the jail is believed: every stream has its cap, every text is checked, and every wait its end.
"""

import contextlib
import fcntl
import marshal
import os
import select
import sys
import termios
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import msgspec

from .errors import SandboxUnavailable, SpareDied
from .jail_process import Jail
from .judge import ENVELOPE_BYTES, Report, judge
from .limits import KB, Limits
from .messages import KILL, WAKE, Script, frame
from .outcome import Outcome
from .streams import CappedStream, drain

# How long a spare may take to be ready, and a supervisor to report the end of one that was killed.
_READY_SECONDS = 15.0
_REPORT_SECONDS = 5.0
# When a jail ends so soon after it got a script, it was ending already.
_TAKING_SECONDS = 0.1
# How long a spare may take to read its script, however little time the script has. One that needs more is stopped or
# stuck, and is killed, alone: no caller may bring that about by a short timeout.
_TAKEN_SECONDS = 3.0
_LOOK_SECONDS = 0.002
_CONTROL_BYTES = 64 * KB
_INT_BYTES = 4
_NOT_TAKEN = f"The spare did not take the script within {_TAKEN_SECONDS:g} s."
_DESCRIPTORS = 5  # of the control socket, the job pipe, stdout, stderr and the result channel

Message = TypeVar("Message")


class Ready(msgspec.Struct, frozen=True):
    """The supervisor's first word: the spare waits for a script, or why there is none."""

    failure: str


class Spare:
    """A process that waits for one script, isolated already."""

    def __init__(self, jail: Jail, limits: Limits, closed: Callable[[], None]) -> None:
        """Wait until the spare that was ordered is ready.

        Args:
            jail: where it was ordered.
            limits: what its script may use.
            closed: called when it is closed.

        Raises:
            SandboxUnavailable: the spare could not be made; the jail is killed.
        """
        line, fds = jail.receive(_READY_SECONDS, _DESCRIPTORS)
        ready = _decode(line, Ready)
        if ready is None or ready.failure or len(fds) != _DESCRIPTORS:
            for fd in fds:
                os.close(fd)
            raise jail.failure(ready.failure if ready else "it ended before a spare was ready")
        self._limits = limits
        self._closed = closed
        control, self._job, stdout, stderr, result = fds
        self._control = CappedStream(control, _CONTROL_BYTES)
        self._stdout = CappedStream(stdout, limits.stdout_bytes)
        self._stderr = CappedStream(stderr, limits.stderr_bytes)
        self._result = CappedStream(result, limits.result_bytes + ENVELOPE_BYTES)

    def run(self, script: Script, timeout_seconds: float) -> Outcome:
        """Run a script in the spare, to its end or to its deadline.

        Raises:
            SandboxUnavailable: the jail died under the script; where it was dying already, or the spare did not take
                the script, a `SpareDied`.
        """
        outputs = (self._stdout, self._stderr, self._result)
        streams = (*outputs, self._control)
        started = time.monotonic()
        whole = self._hand_over(script, started + _TAKEN_SECONDS)
        drain(streams, self._reported, started + min(timeout_seconds, _TAKEN_SECONDS) - time.monotonic())
        while not self._reported() and not self._taken() and time.monotonic() < started + _TAKEN_SECONDS:
            drain(streams, self._reported, _LOOK_SECONDS)
        if whole and self._taken():
            drain(streams, self._reported, started + timeout_seconds - time.monotonic())
        out_of_time = not self._reported()
        if out_of_time:
            self._kill()
        wall_seconds = time.monotonic() - started
        # The script is dead or dies now, so its pipes end too; the control socket when nothing is left of it.
        drain(streams, lambda: False, _REPORT_SECONDS)
        report = _decode(self._control.data, Report)
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
        outcome = judge(report, *outputs, limits, wall_seconds=wall_seconds, out_of_time=out_of_time)
        return replace(outcome, began=started)

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
        os.close(self._job)
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

    def _kill(self) -> None:
        with contextlib.suppress(BrokenPipeError):  # the supervisor has gone, and with it the script
            os.write(self._control.fd, KILL)

    def _reported(self) -> bool:
        return self._control.at_end or self._control.data.endswith(b"\n")


def _decode(line: bytes | bytearray, kind: type[Message]) -> Message | None:
    """Return the supervisor's message; None where it has not come or is not what it should be."""
    try:
        return msgspec.json.decode(line, type=kind)
    except msgspec.DecodeError:
        return None
