"""Bytes that no honest client sends: a 4xx in JSON or a closed connection, and others are not kept waiting."""

import json
import random
import time

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.admission import SPARE_THREADS
from tests.conftest import Server

POST = b"POST /execute HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
GET = b"GET /health HTTP/1.1\r\nHost: x\r\n"


def split(answers: bytes) -> list[tuple[int, dict[str, object]]]:
    """Take apart the answers of one connection: status and document of each."""
    found = []
    while answers:
        head, _, rest = answers.partition(b"\r\n\r\n")
        status = int(head.split()[1])
        if status == 100:
            answers = rest
            continue
        headers = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:])
        assert headers[b"Content-Type"] == b"application/json", head
        length = int(headers[b"Content-Length"])
        found.append((status, json.loads(rest[:length])))
        answers = rest[length:]
    return found


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (CHUNKED + b"zz\r\n{}\r\n0\r\n\r\n", 400, "invalid_request"),
        (CHUNKED + b"2\r\n{}xx0\r\n\r\n", 400, "invalid_request"),
        (CHUNKED + b"-2\r\n{}\r\n0\r\n\r\n", 400, "invalid_request"),
        (CHUNKED + b"2;" + b"x" * 100_000 + b"\r\n{}\r\n0\r\n\r\n", 400, "invalid_request"),
        (CHUNKED + b"ffffffffffffffffffff\r\n{}", 400, "invalid_request"),
        (CHUNKED + b"5\r\n{}", 400, "invalid_request"),
        (CHUNKED + b"2\r\n{}\r\n0\r\nX: " + b"y" * 2_000_000, 400, "invalid_request"),
        (CHUNKED + b"100001\r\n" + b" " * 0x100001 + b"\r\n0\r\n\r\n", 413, "payload_too_large"),
        (POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 415, "unsupported_media_type"),
        (POST + b"Transfer-Encoding: frob\r\n\r\n", 400, "invalid_request"),
        (POST + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n", 400, "invalid_request"),
        (POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400, "invalid_request"),
        (POST + b"Content-Length: -1\r\n\r\n", 400, "invalid_request"),
        (POST + b"Content-Length: 1e3\r\n\r\n", 400, "invalid_request"),
        (POST + b"Content-Length: \xb2\r\n\r\n", 400, "invalid_request"),
        (POST + b"Content-Length: " + b"9" * 30 + b"\r\n\r\n", 413, "payload_too_large"),
        (POST + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n", 400, "invalid_request"),
        (POST + b"Content-Length: 10\r\n\r\n{}", 400, "invalid_request"),
        (POST + b"\r\n{}", 400, "invalid_json"),
        (POST + b"Expect: frob\r\nContent-Length: 2\r\n\r\n{}", 400, "invalid_request"),
        (POST + b"Content-Length: 2\r\nContent-Type: text/plain\r\n\r\n{}", 400, "invalid_request"),
        (b"POST /execute HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, "invalid_request"),
        (GET + b"X: 1\r\n" * 200 + b"\r\n", 400, "invalid_request"),
        (GET + b"X: " + b"y" * 100_000 + b"\r\n\r\n", 400, "invalid_request"),
        (GET + b"X Y: 1\r\n\r\n", 400, "invalid_request"),
        (GET + b"X: a\x00b\r\n\r\n", 400, "invalid_request"),
        (GET + b" folded\r\n\r\n", 400, "invalid_request"),
        (
            b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
            400,
            "invalid_request",
        ),
        (b"GET /" + b"x" * 200_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 400, "invalid_request"),
        (b"GET /health HTTP/9.9\r\nHost: x\r\n\r\n", 400, "invalid_request"),
        (b"GET /health\r\n\r\n", 400, "invalid_request"),
        (b"GET /health\n", 400, "invalid_request"),
        (b"GET /health HTTP/0.9\r\n\r\n", 400, "invalid_request"),
        (b"GET\r\n\r\n", 400, "invalid_request"),
        (b"G\x00T /health HTTP/1.1\r\nHost: x\r\n\r\n", 400, "invalid_request"),
        (b"A" * 300 + b" /health HTTP/1.1\r\nHost: x\r\n\r\n", 400, "invalid_request"),
        (b"CONNECT elsewhere.example:443 HTTP/1.1\r\nHost: x\r\n\r\n", 404, "not_found"),
        (b"TRACE /health HTTP/1.1\r\nHost: x\r\n\r\n", 405, "method_not_allowed"),
        (b"GET /%00/../health HTTP/1.1\r\nHost: x\r\n\r\n", 404, "not_found"),
        (b"GET /\xed\xa0\x80 HTTP/1.1\r\nHost: x\r\n\r\n", 400, "invalid_request"),
        (b"GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, "invalid_request"),
        (b"GET /health HTTP/1.1\r\nHost: " + b"x" * 8000 + b"\r\n\r\n", 400, "invalid_request"),
        (b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n" + GET + b"\r\n", 400, "invalid_request"),
        (GET + b": x\r\n\r\n", 400, "invalid_request"),
        (POST + b"Content-Type: application/json\r\n\r\n", 400, "invalid_request"),
        (b"get /health HTTP/1.1\r\nHost: x\r\n\r\n", 400, "invalid_request"),
        (b"GET /he alth HTTP/1.1\r\nHost: x\r\n\r\n", 400, "invalid_request"),
        (b"GET http://[ HTTP/1.1\r\nHost: x\r\n\r\n", 400, "invalid_request"),
        (b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 404, "not_found"),
        (b"GET http://elsewhere.example/ HTTP/1.1\r\nHost: x\r\n\r\n", 404, "not_found"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "invalid_request"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 200 + b"\r\n\r\n", 400, "invalid_request"),
        (b"\r\n\r\n\r\n", 400, "invalid_request"),
    ],
)
def test_hostile_request_gets_a_4xx_in_json(server: Server, sent: bytes, status: int, code: str) -> None:
    came = server.exchange(sent)
    assert b"X-Content-Type-Options: nosniff\r\n" in came
    first, *_ = split(came)
    assert (first[0], first[1]["code"]) == (status, code)


@pytest.mark.parametrize("sent", [b"", b"P", POST, POST + b"Content-Le", GET])
def test_half_a_head_gets_no_answer(server: Server, sent: bytes) -> None:
    assert server.exchange(sent) == b""


def test_pipelined_requests_are_answered_in_order(server: Server) -> None:
    body = b'{"script": 1}'
    sent = (
        GET + b"\r\n" + POST + b"Content-Length: %d\r\n\r\n%s" % (len(body), body) + GET + b"Connection: close\r\n\r\n"
    )
    assert [status for status, _ in split(server.exchange(sent))] == [200, 400, 200]


def test_body_that_was_not_read_is_not_taken_for_a_request(server: Server) -> None:
    smuggled = GET + b"\r\n"
    sent = b"POST /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(smuggled), smuggled)
    assert [status for status, _ in split(server.exchange(sent))] == [404]


def test_no_5xx_and_no_html_for_random_bytes(server: Server) -> None:
    source = random.Random(7)
    template = POST + b'Content-Length: 30\r\nTransfer-Encoding: chunked\r\n\r\n{"script": "def main(): return 1"}'
    for _ in range(100):
        sent = bytearray(template)
        for _ in range(source.randint(1, 8)):
            sent[source.randrange(len(sent))] = source.randrange(256)
        for status, _ in split(server.exchange(bytes(sent))):
            assert 200 <= status < 500, bytes(sent)


def test_slow_clients_do_not_keep_others_waiting(server: Server) -> None:
    # More that say nothing than there are threads for them, and some that stop in the middle of a request.
    silent = [server.connect() for _ in range(3 * SPARE_THREADS)]
    halves = [server.connect() for _ in range(SPARE_THREADS // 2)]
    try:
        for connection in halves:
            connection.sendall(POST + b"Content-Length: 100\r\n\r\n{")
        for _ in range(3):
            started = time.monotonic()
            assert requests.get(f"{server.url}/health", timeout=10).status_code == 200
            assert time.monotonic() - started < 1
    finally:
        for connection in silent + halves:
            connection.close()


def test_clients_that_do_not_hang_up_do_not_keep_others_waiting(server: Server) -> None:
    connections = [server.connect() for _ in range(8)]
    try:
        for connection in connections:
            connection.sendall(GET + b"Connection: close\r\n\r\n")
        for connection in connections:
            assert connection.recv(12) == b"HTTP/1.1 200"
        started = time.monotonic()
        assert requests.get(f"{server.url}/health", timeout=10).status_code == 200
        assert time.monotonic() - started < 1
    finally:
        for connection in connections:
            connection.close()


def test_body_far_too_large_still_gets_its_answer(server: Server) -> None:
    for _ in range(5):
        assert requests.post(f"{server.url}/health", data=b"x" * 30_000_000, timeout=10).status_code == 405
        assert server.send(b"x" * 30_000_000).status_code == 413


VALID = json.dumps({"script": "def nothing(): return 1", "args": {"n": [1, 2.5, "é"]}, "timeout": 1}).encode()
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
# The script is one that is refused, so that hundreds of bodies cost no jail.
objects = st.dictionaries(
    st.sampled_from(["script", "args", "timeout"]) | st.text(max_size=8),
    json_values | st.just("def nothing(): return 1"),
    max_size=4,
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A valid body in which some bytes are replaced, doubled or gone."""
    body = bytearray(VALID)
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(body) - 1))
        body[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=3))
    return bytes(body)


@pytest.mark.slow
@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=200) | mutated() | objects.map(lambda value: json.dumps(value).encode()))
def test_every_body_gets_a_4xx_in_json(server: Server, body: bytes) -> None:
    answer = server.send(body)
    document = answer.json()
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.status_code == 400
    assert document["error"]
    assert document["code"]


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 500_000,
        b'{"a":' * 100_000,
        b'{"script": "x", "args": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001,
        b'{"script": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"script": "x", "args": {"n": ' + b"9" * 1_000_000 + b"}}",
        b'{"script": "x", "timeout": ' + b"9" * 1_000_000 + b"}",
        b'{"script": "' + b"(" * 200_000 + b'"}',
        b'{"script": "' + b"-" * 200_000 + b'1"}',
        b'{"script": "def main():\\n return ' + b"a." * 60_000 + b'a"}',
        b'{"script": "a\\u0000"}',
        b'{"script": "\\ud800 and more of it"}',
    ],
    ids=lambda body: body[:30].decode(),
)
def test_bomb_gets_a_4xx(server: Server, body: bytes) -> None:
    answer = server.send(body)
    assert answer.status_code == 400
    assert answer.json()["code"] in {
        "invalid_json",
        "invalid_request",
        "syntax_error",
        "policy_violation",
        "missing_main",
    }
    assert requests.get(f"{server.url}/health", timeout=10).status_code == 200
