"""Clients that mean harm: slow ones by the hundred, smugglers, and those that vanish; honest ones are answered.

What the server holds, processes, threads and descriptors, is afterwards what it was before.
"""

import json
import os
import socket
import struct
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

import pytest
import requests

from service.admission import SPARE_THREADS
from tests.conftest import Serve, Server
from tests.http.steady import gunicorn, settled_descriptors, wait_for_descriptors
from tests.http.test_hostile_http import CHUNKED, GET, POST, split

pytestmark = pytest.mark.slow

RETURNS_1 = "def main():\n    return 1\n"
RETURNS_4_MB = "def main():\n    return 'x' * (4 * 2 ** 20 - 2)\n"
# Twice the default concurrency may run or wait.
THREADS = 4 * len(os.sched_getaffinity(0)) + SPARE_THREADS
MANY = THREADS + 150
# Less than a slow client may keep a thread by itself.
HONEST_SECONDS = 15


def request_for(script: str, **fields: object) -> bytes:
    body = json.dumps({"script": script, **fields}).encode()
    return POST + b"Content-Length: %d\r\n\r\n%s" % (len(body), body)


@pytest.fixture(scope="module")
def server(new_server: Serve) -> Iterator[Server]:
    """A server of these tests' own, so that what it holds is theirs."""
    own = new_server()
    yield own
    own.stop()


@pytest.fixture(scope="module")
def idle_descriptors(server: Server) -> int:
    return settled_descriptors(server)


@pytest.fixture(autouse=True)
def _nothing_stays(server: Server, idle_descriptors: int) -> Iterator[None]:
    yield
    wait_for_descriptors(server, idle_descriptors)
    honest_clients_are_answered(server)
    # Once there, the pool's threads stay; besides them there are the first, and one for each zygote.
    [_, worker] = gunicorn(server)
    assert worker.num_threads() <= THREADS + 3
    severe = [line for line in server.log_lines() if line["severity"] in {"ERROR", "CRITICAL"}]
    assert severe == []


def honest_clients_are_answered(server: Server) -> None:
    assert requests.get(f"{server.url}/health", timeout=HONEST_SECONDS).status_code == 200
    answer = requests.post(f"{server.url}/execute", json={"script": RETURNS_1}, timeout=HONEST_SECONDS)
    assert (answer.status_code, answer.json()["result"]) == (200, 1)


@pytest.mark.parametrize(
    "sent",
    [
        b"P",
        POST,
        POST + b"Content-Length: 100\r\n\r\n{",
        CHUNKED + b"5\r\n{",
        POST + b"Expect: 100-continue\r\nContent-Length: 100\r\n\r\n",
        GET + b"\r\n" + POST,
        GET + b"Content-Length: 100\r\n\r\n{",
        GET + b"Connection: close\r\n\r\n",
    ],
    ids=[
        "one byte",
        "half a head",
        "half a body",
        "half a chunk",
        "a body that waits for 100",
        "half a second request",
        "half a body that nobody reads",
        "a connection that is not hung up",
    ],
)
def test_clients_that_keep_threads_waiting_are_given_up(server: Server, sent: bytes) -> None:
    with ExitStack() as stack:
        for _ in range(MANY):
            stack.enter_context(server.connect()).sendall(sent)
        honest_clients_are_answered(server)


def test_clients_that_do_not_read_are_given_up(server: Server) -> None:
    sent = request_for(RETURNS_4_MB)
    with ExitStack() as stack:
        for _ in range(THREADS):
            connection = stack.enter_context(slow_reader(server))
            connection.sendall(sent)
            # The answer has begun, so that the next does not find the queue full.
            assert connection.recv(12, socket.MSG_PEEK) == b"HTTP/1.1 200"
        honest_clients_are_answered(server)


def slow_reader(server: Server) -> socket.socket:
    """Connect with the smallest window that there is."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    connection.settimeout(30)
    connection.connect(("127.0.0.1", server.port))
    return connection


def test_slow_client_among_few_is_served_to_the_end(server: Server) -> None:
    with closing(slow_reader(server)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in request_for(RETURNS_4_MB).replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1):
            connection.sendall(bytes([byte]))
        came = b"".join(iter(lambda: connection.recv(4096), b""))
    [(status, document)] = split(came)
    assert (status, len(str(document["result"]))) == (200, 4 * 2**20 - 2)


SMUGGLED = GET + b"\r\n"
LENGTH = b"Content-Length: %d\r\n" % len(SMUGGLED)
NOTHING_IN_CHUNKS = b"\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    "head",
    [
        LENGTH + b"Transfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\n" + LENGTH,
        b"Content-Length: 0\r\n" + LENGTH,
        b"Content-Length: 0, %d\r\n" % len(SMUGGLED),
        b"Content-Length: 0\r\nContent-Length: 0\r\n",
        b"Content-Length: +0\r\n",
        b"Content-Length: 0x0\r\n",
        b"Content-Length: 0_0\r\n",
        b"Content-Length : 0\r\n",
        b"Content-Length:\x0b0\r\n",
        b"Content-Length\x00: 0\r\n",
        b"Transfer-Encoding: xchunked\r\n",
        b"Transfer-Encoding: chunked, identity\r\n",
        b"Transfer-Encoding: identity, chunked\r\n",
        b"Transfer-Encoding: deflate, chunked\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        b"Transfer-Encoding : chunked\r\n",
        b"Transfer-Encoding:\x0bchunked\r\n",
        b"Transfer-Encoding: \xffchunked\r\n",
        b"Transfer-Encoding:\r\n chunked\r\n",
        b"X: y\rTransfer-Encoding: chunked\r\n",
        b"X: y\nTransfer-Encoding: chunked\r\n",
        b"X: y\x00\r\nTransfer-Encoding: chunked\r\n",
        b" Transfer-Encoding: chunked\r\n",
        b"X: y\n\r\n",
    ],
)
def test_nothing_is_smuggled(server: Server, head: bytes) -> None:
    """Whatever a proxy before the service takes the length to be, what follows is no request of its own."""
    for body in (SMUGGLED, NOTHING_IN_CHUNKS + SMUGGLED):
        answers = split(server.exchange(POST + head + b"\r\n" + body))
        assert len(answers) == 1
        assert answers[0][0] in (400, 415)


@pytest.mark.parametrize("path", [b"/health", b"/execute", b"/nothing"])
@pytest.mark.parametrize("name", [b"SCRIPT_NAME", b"PATH_INFO", b"X-Forwarded-Prefix", b"X-Original-URL"])
def test_nobody_is_believed_about_the_path(server: Server, name: bytes, path: bytes) -> None:
    def answers(header: bytes) -> list[tuple[int, dict[str, object]]]:
        return split(server.exchange(b"GET %b HTTP/1.1\r\nHost: x\r\n%b\r\n" % (path, header)))

    for value in (b"/health", b"/execute", b"/nothing", b"/", b"x"):
        assert answers(b"%b: %b\r\n" % (name, value)) == answers(b"")


@pytest.mark.parametrize("header", [b"X-Forwarded-Proto: https\r\nX-Forwarded-Ssl: off\r\n", b"Forwarded: for=_x\r\n"])
def test_what_proxies_say_is_no_fault(server: Server, header: bytes) -> None:
    assert [status for status, _ in split(server.exchange(GET + header + b"\r\n"))] == [200]


def test_hundreds_of_pipelined_requests_are_answered_in_order(server: Server) -> None:
    sent = (GET + b"\r\n" + request_for("x") + b"HEAD" + GET[3:] + b"\r\n") * 150 + request_for(RETURNS_1)
    came = server.exchange(sent)
    assert came.count(b"HTTP/1.1 200 OK\r\n") == 301
    assert came.count(b'"missing_main"') == 150
    assert came.rindex(b'"missing_main"') < came.rindex(b'"result":1')


def test_http_1_0_connection_is_kept_when_asked_for(server: Server) -> None:
    once = b"GET /health HTTP/1.0\r\n\r\n"
    kept = b"GET /health HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
    assert server.exchange(once + once).count(b"HTTP/1.0 200 OK") == 1
    assert server.exchange(kept + kept + once + once).count(b"HTTP/1.0 200 OK") == 3


def reset(connection: socket.socket) -> None:
    """Close a connection without a goodbye, see SO_LINGER in socket(7)."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


@pytest.mark.parametrize("when", ["after the request", "in the middle of the answer"])
def test_connections_that_are_reset_leave_nothing(server: Server, when: str) -> None:
    for _ in range(40):
        connection = slow_reader(server)
        connection.sendall(request_for(RETURNS_4_MB))
        if when == "in the middle of the answer":
            assert connection.recv(12) == b"HTTP/1.1 200"
        reset(connection)


def test_script_whose_client_has_hung_up_runs_to_its_end(server: Server) -> None:
    def ends() -> list[float]:
        return [line["wall_ms"] for line in server.log_lines() if line.get("code") == "returned"]

    before = len(ends())
    connection = server.connect()
    connection.sendall(request_for("import time\ndef main():\n    time.sleep(1.5)\n    return 1\n"))
    reset(connection)
    deadline = time.monotonic() + 30
    while len(ends()) == before:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert ends()[-1] >= 1500


def test_scripts_that_take_long_to_check_do_not_keep_others_waiting(new_server: Serve) -> None:
    server = new_server(SANDBOX_CONCURRENCY="1", SANDBOX_TIMEOUT_SECONDS="60")
    # A quarter of a second each, and one after the other: that they had all threads would take longer than is waited.
    long = "def main():\n    return [" + "a.b(c)," * 7000 + "]\n"
    with ThreadPoolExecutor(160) as pool:
        answers = [pool.submit(server.post, long) for _ in range(160)]
        while not any(answer.done() for answer in answers):
            time.sleep(0.01)
        assert requests.get(f"{server.url}/health", timeout=10).status_code == 200
        assert {answer.result().status_code for answer in answers} == {400, 429}
        assert min(int(a.result().headers.get("Retry-After", 1)) for a in answers) >= 1
    server.stop()
