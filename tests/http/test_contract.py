"""Every status and code of the HTTP contract, and the exact bodies where they are the same each time."""

import json
from typing import Any

import pytest
import requests

import policy
import sandbox
import service
from tests.conftest import ROOT, Serve, Server

JSON = {"Content-Type": "application/json"}
GOOD = json.dumps({"script": "def main():\n    return 1\n"})


def check_json(answer: requests.Response) -> dict[str, Any]:
    """Return an answer's document, after checking what every answer has."""
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    document: dict[str, Any] = answer.json()
    return document


NOTHING_HERE = (404, "not_found", "There is nothing here; try /execute, /health, /openapi.json.")
POST_ONLY = (405, "method_not_allowed", "/execute takes POST only.")
GET_ONLY = (405, "method_not_allowed", "/health takes GET, HEAD only.")
JSON_ONLY = (415, "unsupported_media_type", "The Content-Type must be application/json.")
EMPTY = (400, "invalid_json", "The body is empty: it must be a JSON object.")
NO_OBJECT = (400, "invalid_request", "The body must be a JSON object.")
LONG_SCRIPT = (400, "invalid_request", "'script' is longer than 256 KB.")
LONG_BODY = (413, "payload_too_large", "The request body is longer than 1 MB.")
NO_MAIN = (400, "missing_main", "Script must define a 'main()' function")


@pytest.mark.parametrize(
    ("method", "path", "headers", "body", "refusal"),
    [
        ("GET", "/", {}, "", NOTHING_HERE),
        ("POST", "/execute/", JSON, GOOD, NOTHING_HERE),
        ("POST", "/x//y", JSON, GOOD, NOTHING_HERE),
        ("GET", "/robots.txt", {}, "", NOTHING_HERE),
        ("POST", "/favicon.ico", JSON, GOOD, NOTHING_HERE),
        ("GET", "/%ff%0a", {}, "", NOTHING_HERE),
        ("GET", "/execute", {}, "", POST_ONLY),
        ("OPTIONS", "/execute", {}, "", POST_ONLY),
        ("FROB", "/execute", JSON, GOOD, POST_ONLY),
        ("POST", "/health", JSON, GOOD, GET_ONLY),
        ("POST", "/execute", {"Content-Type": "text/plain"}, GOOD, JSON_ONLY),
        ("POST", "/execute", {}, GOOD, JSON_ONLY),
        ("POST", "/execute", JSON, "x" * (2**20 + 1), LONG_BODY),
        ("POST", "/execute", JSON, "", EMPTY),
        ("POST", "/execute", JSON, "[]", NO_OBJECT),
        ("POST", "/execute", JSON, json.dumps({"script": " " * (256 * 2**10 + 1)}), LONG_SCRIPT),
        ("POST", "/execute", JSON, '{"script": "def nothing(): return 1"}', NO_MAIN),
    ],
)
def test_refusal_before_the_sandbox(
    server: Server, method: str, path: str, headers: dict[str, str], body: str, refusal: tuple[int, str, str]
) -> None:
    answer = requests.request(method, server.url + path, headers=headers, data=body, timeout=30)
    status, code, error = refusal
    assert answer.status_code == status
    assert check_json(answer) == {"error": error, "code": code}
    if status == 405:
        assert answer.headers["Allow"] == ("POST" if path == "/execute" else "GET, HEAD")


@pytest.mark.parametrize(
    ("script", "code", "fields"),
    [
        ("def main(:\n    return 1\n", "syntax_error", {"line", "column", "traceback"}),
        ("def main():\n    print(1)\n", "missing_return", set()),
        ("import subprocess\n\n\ndef main():\n    return 1\n", "policy_violation", {"violations"}),
    ],
)
def test_refusal_by_the_policy_tells_where(server: Server, script: str, code: str, fields: set[str]) -> None:
    answer = server.post(script)
    document = check_json(answer)
    assert (answer.status_code, document["code"]) == (400, code)
    assert fields <= set(document)
    assert not {"stdout", "stderr", "usage"} & set(document)
    for violation in document.get("violations", []):
        assert set(violation) == {"rule", "message", "line", "column"}


def test_answer_of_a_script_that_returned(server: Server) -> None:
    answer = server.post(
        "import sys\ndef main(n):\n    print('hé')\n"
        "    print('err', file=sys.stderr)\n    return {'n': n, 'ü': None}\n",
        args={"n": 10**40},
        timeout=5,
    )
    assert answer.status_code == 200
    document = check_json(answer)
    usage = document.pop("usage")
    assert document == {"result": {"n": 10**40, "ü": None}, "stdout": "hé\n", "stderr": "err\n"}
    assert list(usage) == ["wall_ms", "cpu_ms", "peak_memory_mb", "wait_ms"]
    assert usage["wall_ms"] > 0
    assert usage["cpu_ms"] > 0
    # Nothing, where all that the script touched had been there before it.
    assert usage["peak_memory_mb"] >= 0
    assert all(round(value, 1) == value for value in usage.values())
    assert "hé".encode() in answer.content


def test_usage_is_what_the_script_has_used(server: Server) -> None:
    memory, sleep, burn = "len(bytes(1) * (48 * 2**20))", "time.sleep(0.3)", "sum(range(10**7))"
    usages = {
        line: server.post(f"import time\ndef main():\n    return {line}\n").json()["usage"]
        for line in ("0", memory, sleep, burn)
    }
    assert 46 < usages[memory]["peak_memory_mb"] < 52
    assert all(usages[line]["peak_memory_mb"] < 4 for line in ("0", sleep, burn))
    assert usages[sleep]["wall_ms"] >= 300
    assert usages[sleep]["cpu_ms"] < 100
    assert 10 < usages[burn]["cpu_ms"] < usages[burn]["wall_ms"] + 20


ENDS = [
    ("def main():\n    print(1)\n    return 1 / 0\n", "script_error"),
    ("def main():\n    print(1)\n    while True: pass\n    return 1\n", "timeout"),
    ("def main():\n    print(1)\n    return len(bytearray(2**40))\n", "memory_limit"),
    ("def main():\n    print(1)\n    return 'x' * (5 * 2**20)\n", "result_too_large"),
    ("def main():\n    print(1)\n    return [object()]\n", "result_not_serializable"),
    ("def main():\n    print(1)\n    raise SystemExit(3)\n    return 1\n", "script_exited"),
]


@pytest.mark.parametrize(("script", "code"), ENDS, ids=[code for _, code in ENDS])
def test_answer_of_a_script_that_did_not_return(server: Server, script: str, code: str) -> None:
    answer = server.post(script, timeout=1)
    document = check_json(answer)
    assert (answer.status_code, document["code"]) == (400, code)
    assert document["error"]
    assert document["stdout"] == "1\n"
    assert {"stderr", "usage"} <= set(document)
    assert "result" not in document
    if code == "script_error":
        assert document["line"] == 3
        assert "1 / 0" in document["traceback"]


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_truncation_is_told(server: Server, stream: str) -> None:
    answer = server.post(f"import sys\ndef main():\n    sys.{stream}.write('x' * (2**20 + 1))\n    return 1\n")
    document = check_json(answer)
    assert answer.status_code == 200
    assert len(document[stream]) == 2**20
    assert [name for name in document if name.endswith("truncated")] == [f"{stream}_truncated"]
    assert document[f"{stream}_truncated"] is True


def test_lone_surrogate_in_an_error_is_still_json(server: Server) -> None:
    answer = server.post("def main():\n    raise ValueError('\\ud800')\n    return 1\n")
    assert (answer.status_code, check_json(answer)["code"]) == (400, "script_error")


def test_health(server: Server) -> None:
    answer = requests.get(f"{server.url}/health", timeout=30)
    assert answer.status_code == 200
    document = check_json(answer)
    assert set(document) <= {"status", "isolation", "missing"}
    assert document["status"] == "healthy"
    assert document["isolation"] in {"process", "seccomp", "namespaces"}


def test_head_of_health_has_headers_and_no_body(server: Server) -> None:
    got = requests.get(f"{server.url}/health", timeout=30)
    sent = b"HEAD /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    head, _, body = server.exchange(sent).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert f"Content-Length: {len(got.content)}".encode() in head
    assert body == b""


@pytest.fixture(scope="module")
def unsafe(serve: Serve) -> Server:
    """A server that may run nothing, because it demands more than there is where nsjail does not start."""
    return serve(SANDBOX_MIN_ISOLATION="namespaces", NSJAIL="/bin/false")


def test_health_without_the_isolation_demanded(unsafe: Server) -> None:
    answer = requests.get(f"{unsafe.url}/health", timeout=30)
    document = check_json(answer)
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert document["status"] == "unhealthy"
    assert "nsjail" in document["reason"]


def test_no_script_runs_without_the_isolation_demanded(unsafe: Server) -> None:
    answer = unsafe.post("def main():\n    return 1\n")
    document = check_json(answer)
    assert (answer.status_code, document["code"]) == (503, "sandbox_unavailable")
    assert int(answer.headers["Retry-After"]) > 0
    assert set(document) == {"error", "code"}
    assert "nsjail" in document["error"]
    # A script that is wrong is told so all the same.
    assert unsafe.post("x").json()["code"] == "missing_main"


ORIGIN = "https://app.example"


@pytest.mark.parametrize(
    ("method", "origin", "status", "allowed"),
    [
        ("OPTIONS", ORIGIN, 204, True),
        ("OPTIONS", "https://evil.example", 405, False),
        ("OPTIONS", ORIGIN + ".evil.example", 405, False),
        ("OPTIONS", "null", 405, False),
        ("OPTIONS", "", 405, False),
        ("POST", ORIGIN, 415, True),
        ("POST", "https://evil.example", 415, False),
    ],
)
def test_cors_is_for_the_origins_named(serve: Serve, method: str, origin: str, status: int, allowed: bool) -> None:
    server = serve(CORS_ORIGINS=f"https://other.example,{ORIGIN}", LOG_FORMAT="text")
    headers = {"Origin": origin, "Access-Control-Request-Method": "POST"} if origin else {}
    answer = requests.request(method, f"{server.url}/execute", headers=headers, timeout=30)
    assert answer.status_code == status
    assert answer.headers["Vary"] == "Origin"
    assert answer.headers.get("Access-Control-Allow-Origin") == (origin if allowed else None)
    if status == 204:
        assert answer.content == b""
        assert answer.headers["Access-Control-Allow-Methods"] == "POST"
        assert "Content-Type" in answer.headers["Access-Control-Allow-Headers"]
    if status == 405:
        assert answer.headers["Allow"] == "POST, OPTIONS"


def test_cors_is_off_by_default(server: Server) -> None:
    answer = requests.get(f"{server.url}/health", headers={"Origin": ORIGIN}, timeout=30)
    assert not [name for name in answer.headers if name.startswith("Access-Control") or name == "Vary"]


def test_packages_come_from_this_repository() -> None:
    for package in (policy, sandbox, service):
        assert package.__file__ is not None
        assert package.__file__.startswith(f"{ROOT}/")
