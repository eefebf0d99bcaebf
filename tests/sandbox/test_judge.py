import os
import signal

import pytest

from sandbox.host.streams import CappedStream, drain
from sandbox.limits import MB, Limits
from sandbox.outcome import End, Outcome
from sandbox.pool.judge import ENVELOPE_BYTES, Run, judge
from sandbox.pool.watch import Excess
from sandbox.protocol import ExitReport

LIMITS = Limits(timeout_seconds=2, cpu_seconds=3, result_bytes=100)
SOURCE = "def main():\n    while True:\n        pass\n"


def stream(data: bytes, cap_bytes: int = 2**20) -> CappedStream:
    read_end, write_end = os.pipe()
    capped = CappedStream(read_end, cap_bytes)
    while data:
        data = data[os.write(write_end, data[:60_000]) :]
        drain([capped], lambda: False, 0.001)
    os.close(write_end)
    drain([capped], lambda: False, 5)
    capped.close()
    return capped


def judged(
    envelope: bytes,
    *,
    status: int = 0,
    cpu_seconds: float = 0.5,
    out_of_time: bool = False,
    over_scratch: bool = False,
    excess: Excess | None = None,
) -> Outcome:
    report = ExitReport(status, cpu_seconds, 3 * MB, over_scratch)
    channel = stream(envelope, LIMITS.result_bytes + ENVELOPE_BYTES)
    return judge(report, stream(b"out"), stream(b"err"), channel, LIMITS, Run(SOURCE, 0.25, 1.5, out_of_time, excess))


def test_a_returned_result_is_passed_on_as_it_is() -> None:
    outcome = judged(b'{"end":"returned","result":{"n": 123456789012345678901234567890}}')
    assert outcome.end is End.RETURNED
    assert outcome.result == b'{"n": 123456789012345678901234567890}'
    assert (outcome.stdout, outcome.stderr) == ("out", "err")
    assert (outcome.usage.wall_ms, outcome.usage.cpu_ms, outcome.usage.peak_memory_mb) == (1500, 500, 3)


def test_an_exception_is_passed_on_with_its_traceback_and_line() -> None:
    outcome = judged(b'{"end":"script_error","error":"ValueError: x","traceback":"Traceback","line":3}')
    assert (outcome.end, outcome.error, outcome.traceback, outcome.line) == (
        End.SCRIPT_ERROR,
        "ValueError: x",
        "Traceback",
        3,
    )


def test_a_syntax_error_has_a_line_and_a_column() -> None:
    outcome = judged(b'{"end":"syntax_error","error":"SyntaxError: x","traceback":"^","line":3,"column":7}')
    assert (outcome.end, outcome.error, outcome.traceback) == (End.SYNTAX_ERROR, "SyntaxError: x", "^")
    assert (outcome.line, outcome.column) == (3, 7)


@pytest.mark.parametrize(
    "envelope",
    [
        b'{"end":"syntax_error","column":0}',
        b'{"end":"syntax_error","column":99999999999}',
        b"",
        b"not JSON",
        b'{"end":"returned","result":NaN}',
        b'{"end":"returned","result":[1,]}',
        b'{"end":"returned","result":"\xff"}',
        b'{"end":"returned","result":"\\ud800"}',
        b'{"end":"returned","result":1} {"end":"returned"}',
        b'{"end":"returned","result":' + b"[" * 40_000 + b"]" * 40_000 + b"}",
        b'{"end":"timeout","error":"forged"}',
        b'{"end":"unknown"}',
        b'{"end":["returned"]}',
        b'["returned"]',
        b'{"end":"script_error","error":1}',
        b'{"end":"script_error","line":0}',
        b'{"end":"script_error","line":99999999999999999999}',
        b'{"end":"script_error","error":"\\udfff"}',
    ],
)
def test_a_forged_or_mangled_envelope_is_the_scripts_own_end(envelope: bytes) -> None:
    outcome = judged(envelope)
    assert outcome.end is End.SCRIPT_EXITED
    assert outcome.error


@pytest.mark.parametrize("envelope", [b'{"end":"returned","result":1}', b""])
def test_a_status_other_than_zero_outweighs_the_envelope(envelope: bytes) -> None:
    outcome = judged(envelope, status=3 << 8)
    assert outcome.end is End.SCRIPT_EXITED
    assert outcome.error == "The script ended its process with status 3."


@pytest.mark.parametrize("size", [LIMITS.result_bytes + 1, LIMITS.result_bytes + ENVELOPE_BYTES + 1])
def test_a_result_over_the_limit_is_too_large(size: int) -> None:
    assert judged(b'{"end":"returned","result":"' + b"x" * size + b'"}').end is End.RESULT_TOO_LARGE


def test_long_messages_are_cut() -> None:
    long = b"x" * 100_000
    outcome = judged(b'{"end":"script_error","error":"' + long + b'","traceback":"' + long + b'"}')
    assert (len(outcome.error), len(outcome.traceback)) == (8192, 32_768)


def test_the_deadline_outweighs_everything() -> None:
    outcome = judged(b'{"end":"returned","result":1}', status=signal.SIGKILL, out_of_time=True)
    assert (outcome.end, outcome.error) == (End.TIMEOUT, "The script ran longer than 2 s.")


def test_a_script_that_kills_itself_is_not_taken_for_the_cpu_limit() -> None:
    # The measured CPU time is less than the limit by a share of the limit.
    assert judged(b"", status=signal.SIGXCPU, cpu_seconds=2.0).end is End.TIMEOUT
    assert judged(b"", status=signal.SIGKILL, cpu_seconds=2.5).end is End.TIMEOUT
    for number in (signal.SIGXCPU, signal.SIGKILL):
        by_itself = judged(b"", status=number, cpu_seconds=0.1)
        assert (by_itself.end, by_itself.error) == (End.SCRIPT_EXITED, f"The script was killed by {number.name}.")
    assert judged(b"", status=signal.SIGTERM, cpu_seconds=3.0).end is End.SCRIPT_EXITED


def test_a_timeout_names_the_line_that_was_running() -> None:
    dump = b'Stack (most recent call first):\n  File "script.py", line 3 in main\n'
    for outcome in (judged(dump, out_of_time=True), judged(dump, status=signal.SIGXCPU, cpu_seconds=3.0)):
        assert outcome.end is End.TIMEOUT
        assert outcome.error.endswith("; it was at line 3, in main.")
        assert (outcome.line, outcome.traceback.splitlines()[-1]) == (3, "    pass")
    assert judged(dump, status=signal.SIGKILL, cpu_seconds=3.0).line is None


def test_an_excess_gives_the_end_and_its_error() -> None:
    outcome = judged(b"", status=signal.SIGKILL, excess=Excess(End.MEMORY_LIMIT, "Too much."))
    assert (outcome.end, outcome.error) == (End.MEMORY_LIMIT, "Too much.")


def test_a_crash_names_the_signal() -> None:
    assert judged(b"", status=signal.SIGSEGV | 0x80).error == "The script was killed by SIGSEGV."
    assert judged(b"", status=40).error == "The script was killed by signal 40."


def test_a_full_scratch_folder_is_a_script_error() -> None:
    outcome = judged(b"", status=signal.SIGKILL, over_scratch=True)
    assert (outcome.end, outcome.error) == (
        End.SCRIPT_ERROR,
        "The script's files took more than the 64 MB of scratch space.",
    )
