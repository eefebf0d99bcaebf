"""The outcome of one script."""

from dataclasses import dataclass
from enum import StrEnum


class End(StrEnum):
    """Why a script ended; the values are the `code`s of the HTTP contract, but for `RETURNED`."""

    RETURNED = "returned"
    SCRIPT_ERROR = "script_error"
    SYNTAX_ERROR = "syntax_error"
    MISSING_MAIN = "missing_main"
    SCRIPT_EXITED = "script_exited"
    TIMEOUT = "timeout"
    MEMORY_LIMIT = "memory_limit"
    RESULT_TOO_LARGE = "result_too_large"
    RESULT_NOT_SERIALIZABLE = "result_not_serializable"


@dataclass(frozen=True, slots=True)
class Usage:
    """What a script used: wall clock and CPU in milliseconds, peak resident memory in MB (2^20 bytes).

    `wait_ms` is how long it waited for its slot and its interpreter, which is no part of `wall_ms`.
    """

    wall_ms: float
    cpu_ms: float
    peak_memory_mb: float
    wait_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one script ended, with everything that its caller may be told.

    Attributes:
        end: why it ended.
        usage: what it used.
        stdout, stderr: what it printed, each up to its limit, undecodable bytes replaced.
        stdout_truncated, stderr_truncated: whether it printed more than that.
        result: the JSON text (UTF-8, checked) of what `main()` returned, if `end` is `RETURNED`.
        error: one sentence for the script's author; empty if `end` is `RETURNED`.
        traceback: the script's own frames, if it raised or was out of time; Python's rendering of a syntax error;
            otherwise empty.
        line: the line of the innermost of these frames, or of the syntax error, counted from 1; otherwise None.
        column: the column of the syntax error, counted from 1 in characters; otherwise None.
    """

    end: End
    usage: Usage
    stdout: str
    stderr: str
    stdout_truncated: bool = False
    stderr_truncated: bool = False
    result: bytes = b"null"
    error: str = ""
    traceback: str = ""
    line: int | None = None
    column: int | None = None
