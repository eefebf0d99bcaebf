"""Decides how a script ended, from the supervisor's report and the envelope that the script's process wrote.

The report is the supervisor's, which no script can speak for. The envelope may be forged or mangled by the script: all
that it can change is what its own caller is told of its own result.
"""

import math
import os
import signal
from dataclasses import dataclass
from typing import Annotated

import msgspec

from ..host.streams import CappedStream
from ..limits import KB, MB, Limits
from ..outcome import End, Outcome, Usage
from .location import Location, locate
from .watch import Excess

# What an envelope may be larger than the result in it: its keys, or an exception's message and traceback as JSON spells
# them.
ENVELOPE_BYTES = 512 * KB
# What the kernel has counted before a script's first line, at the most.
_SET_UP_CPU_SECONDS = 0.25
# The kernel holds against the limit what it counts by its timer's ticks, and reports what it has measured exactly; that
# can be a share less. It sends SIGXCPU at the limit, and SIGKILL a second later (setrlimit(2)). Scripts may send
# themselves both, but the second is the one that they do send.
_LEAST_SHARE: dict[int, float] = {signal.SIGXCPU: 0.5, signal.SIGKILL: 0.75}
_MESSAGE_CHARACTERS = 8 * KB
_TRACEBACK_CHARACTERS = 32 * KB
# The answer is encoded with 64-bit integers.
_Place = Annotated[int, msgspec.Meta(ge=1, le=2**31)]
_FORGED = "The script wrote into the channel of its own result."


class ExitReport(msgspec.Struct, frozen=True):
    """The supervisor's word on a script's end.

    Attributes:
        status: the wait status, see wait(2): a script that is done has stopped.
        cpu_seconds, peak_memory_bytes: what the script used above what its process had used before its first line.
        over_scratch: whether the supervisor killed it because its scratch folder had grown over the limit.
    """

    status: int
    cpu_seconds: float
    peak_memory_bytes: int
    over_scratch: bool


@dataclass(frozen=True, slots=True)
class Run:
    """What the host has seen of a script's run.

    Attributes:
        source: the script's text.
        wait_seconds: how long it waited for its slot and its interpreter.
        wall_seconds: how long it ran.
        out_of_time: whether it was killed at its deadline.
        excess: what it was killed for having had too much of, if anything.
    """

    source: str
    wait_seconds: float
    wall_seconds: float
    out_of_time: bool
    excess: Excess | None


class Envelope(msgspec.Struct, frozen=True):
    """What the script's process wrote into the result channel."""

    end: End
    result: msgspec.Raw = msgspec.Raw(b"null")
    error: str = ""
    traceback: str = ""
    line: _Place | None = None
    column: _Place | None = None


def judge(
    report: ExitReport,
    stdout: CappedStream,
    stderr: CappedStream,
    channel: CappedStream,
    limits: Limits,
    run: Run,
) -> Outcome:
    """Return a script's outcome.

    Args:
        report: the supervisor's.
        stdout, stderr: what the script printed.
        channel: the result channel.
        limits: the script's.
        run: what the host has seen of it.
    """
    end = _killed(report, channel, limits, run) or _read_envelope(report, channel, limits)
    return Outcome(
        end=end.end,
        usage=Usage(
            run.wall_seconds * 1000, report.cpu_seconds * 1000, report.peak_memory_bytes / MB, run.wait_seconds * 1000
        ),
        stdout=stdout.text(),
        stderr=stderr.text(),
        stdout_truncated=stdout.truncated,
        stderr_truncated=stderr.truncated,
        result=bytes(end.result),
        error=end.error[:_MESSAGE_CHARACTERS],
        traceback=end.traceback[:_TRACEBACK_CHARACTERS],
        line=end.line,
        column=end.column,
    )


def _killed(report: ExitReport, channel: CappedStream, limits: Limits, run: Run) -> Envelope | None:
    """Say why the script was killed; None where it came to an end of its own."""
    if run.out_of_time:
        return _timeout(f"The script ran longer than {limits.timeout_seconds:g} s", locate(channel.data, run.source))
    if run.excess:
        return Envelope(run.excess.end, error=run.excess.sentence)
    if report.over_scratch:
        message = f"The script's files took more than the {limits.scratch_bytes // MB} MB of scratch space."
        return Envelope(End.SCRIPT_ERROR, error=message)
    if not os.WIFSIGNALED(report.status):
        return None
    number = os.WTERMSIG(report.status)
    least_share = _LEAST_SHARE.get(number, math.inf)
    if report.cpu_seconds >= (limits.cpu_seconds - _SET_UP_CPU_SECONDS) * least_share:
        location = locate(channel.data, run.source) if number == signal.SIGXCPU else Location()
        return _timeout(f"The script used more than {limits.cpu_seconds} s of CPU time", location)
    return Envelope(End.SCRIPT_EXITED, error=f"The script was killed by {_signal_name(number)}.")


def _timeout(sentence: str, location: Location) -> Envelope:
    error = f"{sentence}{location.sentence_end}."
    return Envelope(End.TIMEOUT, error=error, traceback=location.traceback, line=location.line)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _read_envelope(report: ExitReport, channel: CappedStream, limits: Limits) -> Envelope:
    too_large = Envelope(
        End.RESULT_TOO_LARGE, error=f"The result is larger than the {limits.result_bytes / MB:g} MB limit."
    )
    if channel.truncated:
        return too_large
    # A script that is done has its process stop; or it did so itself, and has written what it has written.
    stopped = os.WIFSTOPPED(report.status)
    status = 0 if stopped else os.waitstatus_to_exitcode(report.status)
    if status != 0 or not channel.data:
        did = "stopped its process" if stopped else f"ended its process with status {status}"
        return Envelope(End.SCRIPT_EXITED, error=f"The script {did}.")
    try:
        channel.data.decode("utf-8")  # msgspec does not look into the strings that it leaves raw
        envelope = msgspec.json.decode(channel.data, type=Envelope)
    except (UnicodeDecodeError, msgspec.DecodeError, RecursionError):
        return Envelope(End.SCRIPT_EXITED, error=_FORGED)
    if envelope.end is End.TIMEOUT:
        return Envelope(End.SCRIPT_EXITED, error=_FORGED)
    if len(envelope.result) > limits.result_bytes:
        return too_large
    return envelope
