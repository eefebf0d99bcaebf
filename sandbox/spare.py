"""One spare as the host sees it: hands it a script, reads what comes out, and keeps the deadline.

Nothing that comes out of the jail is believed: every stream has its cap, every text is checked, and every wait its end.
"""

import contextlib
import marshal
import os
import select
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import msgspec

from .errors import SandboxUnavailable
from .judge import ENVELOPE_BYTES, Report, judge
from .limits import KB, Limits
from .messages import KILL, Script
from .outcome import Outcome
from .streams import CappedStream, drain

# How long a spare may take to be ready, and a supervisor to report the end of one that was killed.
_READY_SECONDS = 15.0
_REPORT_SECONDS = 3.0
_CONTROL_BYTES = 64 * KB
_DESCRIPTORS = 4

Message = TypeVar("Message")


class Ready(msgspec.Struct, frozen=True):
    """The supervisor's first word: the spare waits for a script, or why there is none."""

    failure: str


class Spare:
    """A process that waits for one script, isolated already."""

    def __init__(self, control: socket.socket, limits: Limits, failure: Callable[[str], SandboxUnavailable]) -> None:
        """Wait until the spare is ready.

        Args:
            control: the socket to its supervisor.
            limits: the script's, for what is kept of its streams.
            failure: makes the error for a jail that failed.

        Raises:
            SandboxUnavailable: the spare could not be made.
        """
        self._limits = limits
        self._failure = failure
        self._control = CappedStream(os.dup(control.fileno()), _CONTROL_BYTES)
        fds: list[int] = []
        try:
            fds = self._wait_until_ready(control)
        except BaseException:
            self._control.close()
            raise
        self._job, stdout, stderr, result = fds
        self._stdout = CappedStream(stdout, limits.stdout_bytes)
        self._stderr = CappedStream(stderr, limits.stderr_bytes)
        self._result = CappedStream(result, limits.result_bytes + ENVELOPE_BYTES)

    def _wait_until_ready(self, control: socket.socket) -> list[int]:
        """Return the descriptors that lead to the spare: the job pipe and what becomes its outputs."""
        waiting = select.poll()
        waiting.register(control, select.POLLIN)
        if not waiting.poll(_READY_SECONDS * 1000):
            raise self._failure(f"it was not ready within {_READY_SECONDS:g} s")
        try:
            said, fds, _, _ = socket.recv_fds(control, _CONTROL_BYTES, _DESCRIPTORS, socket.MSG_CMSG_CLOEXEC)
        except ConnectionResetError:
            said, fds = b"", []
        self._control.data += said
        ready = self._message(0, Ready)
        if ready is None or ready.failure or len(fds) != _DESCRIPTORS:
            for fd in fds:
                os.close(fd)
            raise self._failure(ready.failure if ready else "it ended before it was ready")
        return fds

    def run(self, script: Script, timeout_seconds: float) -> Outcome:
        """Run a script in the spare, to its end or to its deadline.

        Raises:
            SandboxUnavailable: the jail died under the script.
        """
        outputs = (self._stdout, self._stderr, self._result)
        streams = (*outputs, self._control)
        started = time.monotonic()
        self._hand_over(script, timeout_seconds)
        drain(streams, self._reported, started + timeout_seconds - time.monotonic())
        out_of_time = not self._reported()
        if out_of_time:
            self._kill()
        # The script is dead or dies now, so its pipes end too.
        drain(streams, lambda: self._reported() and all(stream.at_end for stream in outputs), _REPORT_SECONDS)
        report = self._message(1, Report)
        if report is None:
            raise self._failure("it ended without a report of the script's end")
        wall_seconds = time.monotonic() - started
        limits = replace(self._limits, timeout_seconds=timeout_seconds)
        return judge(report, *outputs, limits, wall_seconds=wall_seconds, out_of_time=out_of_time)

    def alive(self) -> bool:
        """Return whether the spare still waits for its script."""
        says = select.poll()
        says.register(self._control.fd, select.POLLIN)
        return not says.poll(0)

    def close(self) -> None:
        """Let go of the spare: its supervisor kills what is left of it."""
        for stream in (self._stdout, self._stderr, self._result, self._control):
            stream.close()
        if self._job >= 0:
            os.close(self._job)

    def _hand_over(self, script: Script, seconds: float) -> None:
        """Write the script down the job pipe; where nobody reads it in time, what follows finds that out."""
        text = memoryview(marshal.dumps(dict(script)))
        deadline = time.monotonic() + seconds
        os.set_blocking(self._job, False)
        writable = select.poll()
        writable.register(self._job, select.POLLOUT)
        with contextlib.suppress(BrokenPipeError):
            while text and writable.poll(max(deadline - time.monotonic(), 0) * 1000):
                text = text[os.write(self._job, text) :]
        os.close(self._job)
        self._job = -1

    def _kill(self) -> None:
        with contextlib.suppress(BrokenPipeError):  # the supervisor has gone, and with it the script
            os.write(self._control.fd, KILL)

    def _reported(self) -> bool:
        return self._control.at_end or self._control.data.count(b"\n") > 1

    def _message(self, place: int, kind: type[Message]) -> Message | None:
        """Return the supervisor's first or second line; None where it has not come or is not what it should be."""
        lines = self._control.data.split(b"\n")[:-1]
        try:
            return msgspec.json.decode(lines[place], type=kind)
        except (IndexError, msgspec.DecodeError):
            return None
