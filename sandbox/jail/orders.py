"""What the host sends over the jail's control socket: how all spares are made, and an order for each."""

from __future__ import annotations

import marshal
import os
from _socket import MSG_WAITALL, socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sandbox.protocol import Order

_LENGTH_BYTES = 8
_NUMBER_BYTES = 8


def receive_order(control: socket) -> Order:
    """Read one order; leave when the host has gone."""
    text = control.recv(3 * _NUMBER_BYTES, MSG_WAITALL)
    if len(text) < 3 * _NUMBER_BYTES:
        os._exit(0)
    number, address_space_bytes, tasks = (
        int.from_bytes(text[start : start + _NUMBER_BYTES], "big") for start in range(0, len(text), _NUMBER_BYTES)
    )
    return {"number": number, "address_space_bytes": address_space_bytes, "tasks": tasks}


def receive_setup(control: socket) -> Any:
    """Read what all spares have in common; leave when who started the jail has gone."""
    head = control.recv(_LENGTH_BYTES, MSG_WAITALL)
    length = int.from_bytes(head, "big")
    body = control.recv(length, MSG_WAITALL) if len(head) == _LENGTH_BYTES else b""
    if not body or len(body) < length:
        os._exit(0)
    return marshal.loads(body)  # noqa: S302 (sent by who started the jail, before anybody else had the socket)
