"""Log lines: for Cloud Logging one JSON object each, or plain text for people.

The fields are those of https://cloud.google.com/logging/docs/structured-logging and, in `httpRequest`, of
https://cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry#HttpRequest. Nothing here
logs a script, its arguments, what it printed or what it returned.
"""

import logging
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import msgspec

_requests = logging.getLogger("service.requests")
_encoder = msgspec.json.Encoder()

# The attribute in which a record carries the fields that only the JSON form shows in full.
_FIELDS = "service_fields"
_MAX_HEADER_CHARACTERS = 256

# Clients write both headers, so they are parsed strictly:
# https://cloud.google.com/trace/docs/trace-context#legacy-http-header and https://www.w3.org/TR/trace-context/.
_CLOUD_TRACE = re.compile(r"([0-9a-f]{32})(?:/[0-9]{1,20})?(?:;o=[01])?", re.IGNORECASE | re.ASCII)
_TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessLogEntry:
    """One request that was answered.

    Attributes:
        method, path: as sent; the path without its query.
        status: the response's.
        seconds: from the first look at the request to the finished response.
        request_bytes: the declared length of the body; None if none was declared.
        response_bytes: the length of the response's body.
        remote_ip: the peer's address; behind a proxy, the proxy's.
        user_agent: as sent; may be empty.
        trace: the trace that the request belongs to, as `trace_name` gives it; empty if it names none.
        details: what is known beyond HTTP: `code`, `wall_ms`, `cpu_ms`, `peak_memory_mb`, `wait_ms`,
            `isolation`, `script_sha256`, `reason`, `error_id`.
    """

    method: str
    path: str
    status: int
    seconds: float = 0.0
    request_bytes: int | None = None
    response_bytes: int
    remote_ip: str
    user_agent: str = ""
    trace: str = ""
    details: Mapping[str, str | float]


def configure_logs(level: str, form: str) -> None:
    """Send every log line to stdout.

    Args:
        level: the least severe lines to write, such as `INFO`.
        form: `json` or `text`.
    """
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)


def log_access(entry: AccessLogEntry) -> None:
    """Write the one line that each request gets; its severity is ERROR if the service was at fault."""
    level = logging.ERROR if entry.status >= 500 else logging.WARNING if entry.status == 429 else logging.INFO
    if not _requests.isEnabledFor(level):
        return
    path = quote(entry.path)[:_MAX_HEADER_CHARACTERS]
    request: dict[str, str | int] = {
        "requestMethod": entry.method[:_MAX_HEADER_CHARACTERS],
        "requestUrl": path,
        "status": entry.status,
        "latency": f"{entry.seconds:.3f}s",
        "responseSize": str(entry.response_bytes),
        "remoteIp": entry.remote_ip,
    }
    if entry.request_bytes is not None:
        request["requestSize"] = str(entry.request_bytes)
    if entry.user_agent:
        request["userAgent"] = entry.user_agent[:_MAX_HEADER_CHARACTERS]
    fields: dict[str, Any] = {"httpRequest": request, **entry.details}
    if entry.trace:
        fields["logging.googleapis.com/trace"] = entry.trace
    message = f"{entry.method[:_MAX_HEADER_CHARACTERS]} {path} {entry.status} {entry.details.get('code', '')}".rstrip()
    _requests.log(level, "%s", message, extra={_FIELDS: fields})


def trace_name(cloud_trace: str, traceparent: str, project: str) -> str:
    """Return the trace that a request belongs to, as log lines name it.

    Args:
        cloud_trace, traceparent: the headers `X-Cloud-Trace-Context` and `traceparent`, empty if the request has none.
            A header that is not well-formed is ignored.
        project: the Google Cloud project; without one, the result is the bare id.
    """
    match = _CLOUD_TRACE.fullmatch(cloud_trace) or _TRACEPARENT.fullmatch(traceparent)
    # Both forms reserve the id of zeros for "no trace".
    if match is None or not match[1].strip("0"):
        return ""
    trace_id = match[1].lower()
    return f"projects/{project}/traces/{trace_id}" if project else trace_id


class JsonFormatter(logging.Formatter):
    """One JSON object per line, as Cloud Logging reads it."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; an exception's stack goes into `stack_trace`, where Error Reporting looks for it."""
        entry: dict[str, Any] = {
            "severity": record.levelname,
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "message": record.getMessage(),
            "logger": record.name,
            **getattr(record, _FIELDS, {}),
        }
        if record.exc_info:
            entry["stack_trace"] = self.formatException(record.exc_info)
        try:
            return _encoder.encode(entry).decode()
        except UnicodeEncodeError:
            # A lone surrogate, for example in the text of an exception, has no UTF-8.
            return _encoder.encode(
                {
                    name: value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value
                    for name, value in entry.items()
                }
            ).decode()


class TextFormatter(logging.Formatter):
    """One line for people: time, severity, message, and the details of a request as name=value."""

    def __init__(self) -> None:
        """Write the time without its date."""
        super().__init__("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S")

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Return the line; nothing that a client sends can start another line."""
        fields = dict(getattr(record, _FIELDS, {}))
        latency = fields.pop("httpRequest", {}).get("latency")
        fields.pop("code", None)  # is in the message
        pairs = [f"{name.rpartition('/')[2]}={value}" for name, value in fields.items()]
        line = " ".join([super().formatMessage(record), *([latency] if latency else []), *pairs])
        return line.replace("\r", "\\r").replace("\n", "\\n")
