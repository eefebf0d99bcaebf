"""How soon a new zygote replaces one that died."""

import math
import queue
import socket
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import cast

import pytest

from sandbox.errors import SandboxUnavailable
from sandbox.pool import pool
from sandbox.pool.pool import SparePool
from sandbox.pool.spare import Spare
from sandbox.pool.zygote import Zygote
from sandbox.protocol import Order


class JailHandle:
    """The part of a jail that a pool uses."""

    def __init__(self, control: socket.socket) -> None:
        self.control = control

    def kill(self) -> None:
        pass


class MortalZygote:
    """A zygote that dies when the other end of its control socket is closed; its only spare serves the pool's test."""

    running = served = on_order = 0

    def __init__(self, control: socket.socket) -> None:
        self.jail = JailHandle(control)
        self._tested = False

    def wait_until_warm(self) -> None:
        pass

    def order(self, order: Callable[[int, int], Order]) -> None:
        pass

    def take(self) -> SimpleNamespace:
        if self._tested:
            raise SandboxUnavailable("It has ended.")
        self._tested = True
        return SimpleNamespace(close=lambda: None)

    def answer_in(self) -> float:
        return math.inf

    def close(self) -> None:
        self.jail.control.close()


@pytest.mark.slow
def test_the_pause_is_short_again_when_a_zygote_has_served_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "_FIRST_PAUSE_SECONDS", 0.02)
    monkeypatch.setattr(pool, "_SETTLED_SECONDS", 0.3)
    started: queue.Queue[socket.socket] = queue.Queue()

    def start() -> Zygote:
        ours, theirs = socket.socketpair()
        started.put(theirs)
        return cast(Zygote, MortalZygote(ours))

    def no_order(uid_index: int, size: int) -> Order:
        return Order(uid_index=uid_index, address_space_bytes=size, tasks=1)

    def no_check(spare: Spare) -> None:
        pass

    tested = SparePool("test", start, no_order, no_check, spares=0, recycle_scripts=10**6, recycle_seconds=10**6)
    tested.start()
    for _ in range(6):
        started.get(timeout=5).close()
    sixth = time.monotonic()
    settled = started.get(timeout=5)
    assert time.monotonic() - sixth > 0.4  # 0.02 s, doubled five times
    time.sleep(0.5)
    settled.close()
    died = time.monotonic()
    last = started.get(timeout=5)
    assert time.monotonic() - died < 0.4
    last.close()
    tested.close()
