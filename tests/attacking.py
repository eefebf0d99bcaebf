"""Runs the attacks of `tests/attacks` against a server.

An attack's first line says what must come of it: a code of the HTTP contract, or what its `main` returns. Its second
says what the same act does outside the jail: an attack that fails everywhere proves nothing.
"""

import re
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import requests

from tests.conftest import ROOT

LIMITS = {"threads": 32, "open_files": 64, "memory_mb": 128, "scratch_mb": 16}
SETTINGS = {f"SANDBOX_{name.upper()}": str(value) for name, value in LIMITS.items()} | {"SANDBOX_TIMEOUT_SECONDS": "10"}
ATTACKS = sorted((Path(__file__).parent / "attacks").glob("*.py"))


class Target(Protocol):
    """A running service, with the policy off and `SETTINGS`."""

    def post(self, script: str, **fields: Any) -> requests.Response:
        """Send a script to /execute."""


def header(attack: Path, key: str) -> str:
    found = re.search(rf"^# {key}: (.+)$", attack.read_text(), re.MULTILINE)
    assert found, f"{attack.name} has no line '# {key}: …'"
    return found[1]


@contextmanager
def attack_facts() -> Iterator[dict[str, Any]]:
    """Make what an attacker who knows the machine would know: listeners, and files that every user may read."""
    folder = Path(f"/var/tmp/attack-facts-{secrets.token_hex(8)}")
    folder.mkdir(mode=0o755)
    secret = folder / "secret"
    secret.write_text("secret")
    secret.chmod(0o644)
    listeners = [socket.socket(), socket.socket(type=socket.SOCK_DGRAM)]
    listeners[0].bind(("127.0.0.1", 0))
    listeners[0].listen()
    listeners[1].bind(listeners[0].getsockname())
    for kind, name in ((socket.SOCK_STREAM, "stream"), (socket.SOCK_DGRAM, "datagram")):
        listener = socket.socket(socket.AF_UNIX, kind)
        listener.bind(str(folder / name))
        (folder / name).chmod(0o777)
        if kind == socket.SOCK_STREAM:
            listener.listen()
        listeners.append(listener)
    yield {
        "port": listeners[0].getsockname()[1],
        "unix_socket": str(folder / "stream"),
        "unix_datagram": str(folder / "datagram"),
        "secret_file": str(secret),
        "home_of_others": str(folder),
        "service_file": str(ROOT / "main.py"),
        **LIMITS,
    }
    for listener in listeners:
        listener.close()
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()


def run_attack(target: Target, attack: Path, arguments: dict[str, Any]) -> None:
    """Run one attack, and assert that nothing came of it but what may."""
    expected = header(attack, "expects").split(" or ")
    # Those that would never end are given a second, the others all the time that there is.
    timeout = {"timeout": 1} if "timeout" in expected else {}
    answer = target.post(attack.read_text(), args=arguments, **timeout).json()
    came = answer["result"] if "result" in answer else answer["code"]
    assert came in expected, answer
