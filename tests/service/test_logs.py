import io
import json
import logging
from collections.abc import Iterator

import pytest

from service.logs import AccessLogEntry, JsonFormatter, TextFormatter, log_access, trace_name

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture
def written(request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    """What is logged, in the form that the test names."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(request.param())
    logger = logging.getLogger("service")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield stream
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)


as_json = pytest.mark.parametrize("written", [JsonFormatter], indirect=True)
as_text = pytest.mark.parametrize("written", [TextFormatter], indirect=True)


def line(status: int = 200, **changes: object) -> AccessLogEntry:
    values: dict[str, object] = {
        "method": "POST",
        "path": "/execute",
        "seconds": 0.00412,
        "request_bytes": 12,
        "response_bytes": 345,
        "remote_ip": "127.0.0.1",
        "user_agent": "test/1",
        "trace": f"projects/p/traces/{TRACE}",
        "details": {"code": "returned", "wall_ms": 3.1},
    }
    return AccessLogEntry(status=status, **(values | changes))  # type: ignore[arg-type]


@as_json
def test_request_is_one_line_as_cloud_logging_reads_it(written: io.StringIO) -> None:
    log_access(line())
    entry = json.loads(written.getvalue())
    assert entry.pop("time").endswith("+00:00")
    assert entry == {
        "severity": "INFO",
        "message": "POST /execute 200 returned",
        "logger": "service.requests",
        "httpRequest": {
            "requestMethod": "POST",
            "requestUrl": "/execute",
            "status": 200,
            "latency": "0.004s",
            "requestSize": "12",
            "responseSize": "345",
            "remoteIp": "127.0.0.1",
            "userAgent": "test/1",
        },
        "code": "returned",
        "wall_ms": 3.1,
        "logging.googleapis.com/trace": f"projects/p/traces/{TRACE}",
    }


@as_json
@pytest.mark.parametrize(
    ("status", "severity"), [(200, "INFO"), (400, "INFO"), (429, "WARNING"), (500, "ERROR"), (503, "ERROR")]
)
def test_severity_follows_whose_fault_it_was(written: io.StringIO, status: int, severity: str) -> None:
    log_access(line(status))
    assert json.loads(written.getvalue())["severity"] == severity


@as_json
def test_exception_goes_into_stack_trace(written: io.StringIO) -> None:
    try:
        raise ValueError("a\nb \ud800")
    except ValueError:
        logging.getLogger("service").exception("failed")
    (text,) = written.getvalue().splitlines()
    entry = json.loads(text)
    assert entry["severity"] == "ERROR"
    assert entry["stack_trace"].endswith("ValueError: a\nb \\ud800")


@as_text
def test_text_shows_what_matters_to_a_person(written: io.StringIO) -> None:
    log_access(line())
    time, rest = written.getvalue().split(" ", 1)
    assert time.count(":") == 2
    assert rest == f"INFO POST /execute 200 returned 0.004s wall_ms=3.1 trace=projects/p/traces/{TRACE}\n"


@pytest.mark.parametrize("written", [JsonFormatter, TextFormatter], indirect=True)
def test_client_cannot_start_a_line_or_fill_the_log(written: io.StringIO) -> None:
    log_access(line(path="/a\nERROR forged\r\u2028" + "x" * 10000, method="M" * 10000, user_agent="\n" + "u" * 10000))
    assert written.getvalue().count("\n") == 1
    assert len(written.getvalue()) < 2000


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ({}, ""),
        ({"X-Cloud-Trace-Context": f"{TRACE}/123;o=1"}, TRACE),
        ({"X-Cloud-Trace-Context": TRACE.upper()}, TRACE),
        ({"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}, TRACE),
        ({"X-Cloud-Trace-Context": "rubbish", "traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}, TRACE),
        ({"X-Cloud-Trace-Context": f"{TRACE}/123;o=1\n"}, ""),
        ({"X-Cloud-Trace-Context": f'{TRACE}","severity":"ALERT'}, ""),
        ({"X-Cloud-Trace-Context": "0" * 32}, ""),
        ({"X-Cloud-Trace-Context": TRACE[:-1]}, ""),
        ({"X-Cloud-Trace-Context": f"{TRACE}/{'1' * 21}"}, ""),
        ({"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01-extra"}, ""),
        ({"traceparent": f"00-{'0' * 32}-00f067aa0ba902b7-01"}, ""),
    ],
)
def test_trace_is_taken_from_well_formed_headers_only(headers: dict[str, str], found: str) -> None:
    sent = (headers.get("X-Cloud-Trace-Context", ""), headers.get("traceparent", ""))
    assert trace_name(*sent, "") == found
    assert trace_name(*sent, "my-project") == (f"projects/my-project/traces/{found}" if found else "")
