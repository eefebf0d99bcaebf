"""What the service answers: a `JsonResponse`, and the JSON documents of the HTTP contract."""

from dataclasses import dataclass, field
from typing import Any

import msgspec

from policy import Report
from sandbox import End, Health, Outcome

_encoder = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class JsonResponse:
    """A response, before it is turned into HTTP.

    Attributes:
        status: the HTTP status.
        document: the JSON body; None for no body.
        headers: those that other responses do not have.
        details: what the log line says of it.
    """

    status: int
    document: dict[str, Any] | None
    headers: dict[str, str] = field(default_factory=dict)
    details: dict[str, str | float] = field(default_factory=dict)

    def body(self) -> bytes:
        """Encode the document as JSON in UTF-8."""
        if self.document is None:
            return b""
        try:
            return _encoder.encode(self.document)
        except UnicodeEncodeError:
            # A lone surrogate, for example in the message of a script's exception, has no UTF-8.
            return _encoder.encode(_without_surrogates(self.document))


def _without_surrogates(value: Any) -> Any:
    """Replace lone surrogates in every string of a document with question marks."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {name: _without_surrogates(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_without_surrogates(item) for item in value]
    return value


def error_document(code: str, sentence: str, **more: Any) -> dict[str, Any]:
    """Describe an error; of `more`, which helps to understand it, only what is not empty goes in."""
    return {"error": sentence, "code": code, **{name: value for name, value in more.items() if value}}


def report_document(report: Report) -> dict[str, Any]:
    """Describe why the policy refuses a script."""
    violations = [
        {"rule": found.rule, "message": found.message, "line": found.line, "column": found.column}
        for found in report.violations
    ]
    return error_document(
        report.code or "",
        report.error,
        line=report.line,
        column=report.column,
        violations=violations,
        traceback=report.traceback,
    )


def outcome_document(outcome: Outcome) -> dict[str, Any]:
    """Describe the outcome of a script."""
    if outcome.end is End.RETURNED:
        # The sandbox has checked that this is JSON, so it passes through unchanged.
        document: dict[str, Any] = {"result": msgspec.Raw(outcome.result)}
    elif outcome.end is End.SYNTAX_ERROR:
        # As if the policy had found it: nothing ran.
        place = {"line": outcome.line, "column": outcome.column}
        return error_document(outcome.end.value, outcome.error, **place, traceback=outcome.traceback)
    else:
        document = error_document(outcome.end.value, outcome.error, line=outcome.line, traceback=outcome.traceback)
    document |= {"stdout": outcome.stdout, "stderr": outcome.stderr}
    if outcome.stdout_truncated:
        document["stdout_truncated"] = True
    if outcome.stderr_truncated:
        document["stderr_truncated"] = True
    return document | {"usage": usage_document(outcome)}


def usage_document(outcome: Outcome) -> dict[str, float]:
    """Describe how long a script waited and what it used, rounded to a tenth."""
    return {
        "wall_ms": round(outcome.usage.wall_ms, 1),
        "cpu_ms": round(outcome.usage.cpu_ms, 1),
        "peak_memory_mb": round(outcome.usage.peak_memory_mb, 1),
        "wait_ms": round(outcome.usage.wait_ms, 1),
    }


def health_document(health: Health) -> dict[str, Any]:
    """Describe whether scripts can be run, how well they are isolated, and which layers this host lacks."""
    document: dict[str, Any] = {"status": "unhealthy" if health.reason else "healthy"}
    if health.isolation is not None:
        document["isolation"] = health.isolation.value
    if health.reason:
        document["reason"] = health.reason
    # The reason may name some of them already.
    if missing := [layer for layer in health.missing if layer not in health.reason]:
        document["missing"] = missing
    return document
