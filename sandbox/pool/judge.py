"""Judges how a script ended, by the supervisor's report and by the envelope that the script's process wrote.

No script can forge the report. A script can forge or mangle the envelope: then it changes only what its own caller is
told of its own result.
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
from ..protocol import ExitReport
from .location import Location, locate
from .watch import Excess

# How much larger an envelope may be than its result: its keys, or an exception's message and traceback in JSON.
ENVELOPE_BYTES = 512 * KB
# The most CPU time that the kernel counts before a script's first line.
_SET_UP_CPU_SECONDS = 0.25
# The kernel enforces the limit by its timer's ticks, and reports exact times, which can be a fraction lower. It sends
# SIGXCPU at the limit, and SIGKILL a second later (setrlimit(2)). A script may send itself either signal; those that
# do send SIGKILL, so it needs the larger share.
_LEAST_SHARE: dict[int, float] = {signal.SIGXCPU: 0.5, signal.SIGKILL: 0.75}
_MESSAGE_CHARACTERS = 8 * KB
_TRACEBACK_CHARACTERS = 32 * KB
# The response is encoded with 64-bit integers.
_Position = Annotated[int, msgspec.Meta(ge=1, le=2**31)]
_FORGED = "The script wrote into the channel of its own result."


@dataclass(frozen=True, slots=True)
class Run:
    """What the host has seen of a script's run.

    Attributes:
        source: the script's text.
        wait_seconds: how long it waited for its slot and its interpreter.
        wall_seconds: how long it ran.
        out_of_time: whether it was killed at its deadline.
        excess: the excess that it was killed for; None if it was not.
    """

    source: str
    wait_seconds: float
    wall_seconds: float
    out_of_time: bool
    excess: Excess | None


class Envelope(msgspec.Struct, frozen=True):
    """What the script's process wrote into its result channel."""

    end: End
    result: msgspec.Raw = msgspec.Raw(b"null")
    error: str = ""
    traceback: str = ""
    line: _Position | None = None
    column: _Position | None = None


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
        report: the supervisor's report.
        stdout, stderr: what the script printed.
        channel: the result channel.
        limits: the script's limits.
        run: what the host has seen of the run.
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
    """Return why the script was killed; None if it ended by itself."""
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
    # A process stops itself when its script is done. If the script stopped it earlier, the envelope is incomplete.
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
