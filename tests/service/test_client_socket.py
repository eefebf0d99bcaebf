import math
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from service import client_socket
from service.client_socket import ClientSocket, RequestTooSlow


@pytest.fixture
def ends() -> Iterator[tuple[ClientSocket, socket.socket]]:
    """The server's end of a connection, and the client's."""
    near, far = socket.socketpair()
    ours = ClientSocket(fileno=near.detach())
    yield ours, far
    ours.close()
    far.close()


def read_for_ever(connection: ClientSocket) -> None:
    while True:
        connection.recv(1)


def test_request_that_trickles_in_is_given_up(ends: tuple[ClientSocket, socket.socket]) -> None:
    ours, far = ends

    def trickle() -> None:
        for _ in range(50):
            try:
                far.send(b"x")
            except OSError:
                return
            time.sleep(0.02)

    threading.Thread(target=trickle, daemon=True).start()
    started = time.monotonic()
    ours.set_deadline(0.2)
    with pytest.raises(RequestTooSlow):
        read_for_ever(ours)
    assert 0.15 < time.monotonic() - started < 0.5


def test_nothing_is_read_after_the_deadline(ends: tuple[ClientSocket, socket.socket]) -> None:
    ours, far = ends
    ours.set_deadline(0)
    far.send(b"x")
    with pytest.raises(RequestTooSlow):
        ours.recv(1)


def test_request_that_stops_is_given_up(ends: tuple[ClientSocket, socket.socket]) -> None:
    ours, _ = ends
    ours.set_deadline(0.1)
    with pytest.raises(RequestTooSlow):
        ours.recv(1)
    assert ours.gettimeout() is None


def test_shorter_timeout_of_the_server_counts(ends: tuple[ClientSocket, socket.socket]) -> None:
    ours, _ = ends
    ours.set_deadline(60)
    ours.settimeout(0.1)
    with pytest.raises(TimeoutError):
        ours.recv(1)
    assert ours.gettimeout() == 0.1


def test_client_that_does_not_read_is_given_up(
    ends: tuple[ClientSocket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, _ = ends
    monkeypatch.setattr(client_socket, "RESPONSE_SECONDS", 0.1)
    with pytest.raises(BrokenPipeError):
        ours.sendall(b"x" * 10_000_000)


@pytest.mark.parametrize("waits", ["for a request", "for an answer to be taken"])
def test_client_is_given_up_by_another_thread(ends: tuple[ClientSocket, socket.socket], waits: str) -> None:
    ours, _ = ends
    ours.set_deadline(60)

    def abort_once_it_waits() -> None:
        while ours.waiting_since == math.inf:
            time.sleep(0.01)
        ours.abort()

    assert ours.waiting_since == math.inf
    threading.Thread(target=abort_once_it_waits, daemon=True).start()
    if waits == "for a request":
        with pytest.raises(RequestTooSlow):
            ours.recv(1)
    else:
        with pytest.raises(BrokenPipeError):
            ours.sendall(b"x" * 10_000_000)
    assert ours.waiting_since == math.inf
    assert ours.responded == (waits != "for a request")
