"""Reads what the host sends over the jail's control socket: the set-up of all spares, and an order for each."""

from __future__ import annotations

import marshal
import os
from _socket import MSG_WAITALL, socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sandbox.protocol import Order

_LENGTH_BYTES = 8
_INTEGER_BYTES = 8


def receive_order(control: socket) -> Order:
    """Read one order; exit if the host has closed the socket."""
    text = control.recv(3 * _INTEGER_BYTES, MSG_WAITALL)
    if len(text) < 3 * _INTEGER_BYTES:
        os._exit(0)
    uid_index, address_space_bytes, tasks = (
        int.from_bytes(text[start : start + _INTEGER_BYTES], "big") for start in range(0, len(text), _INTEGER_BYTES)
    )
    return {"uid_index": uid_index, "address_space_bytes": address_space_bytes, "tasks": tasks}


def receive_setup(control: socket) -> Any:
    """Read what all spares have in common; exit if the spawner has closed the socket."""
    head = control.recv(_LENGTH_BYTES, MSG_WAITALL)
    length = int.from_bytes(head, "big")
    body = control.recv(length, MSG_WAITALL) if len(head) == _LENGTH_BYTES else b""
    if not body or len(body) < length:
        os._exit(0)
    return marshal.loads(body)  # noqa: S302 (the spawner sent it, before anybody else had the socket)
