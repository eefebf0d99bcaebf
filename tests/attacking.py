"""The attacks of `tests/attacks`, and how to run one against a service.

An attack is a script. The comments at its head name the outcome that it must have (`expects`: a code of the HTTP
contract, or what its `main` returns), what it attacks (`category`), and what the same act does outside the jail
(`control`): an attack that fails everywhere proves nothing. Each line `# case NAME (CATEGORY): ARGUMENTS` makes an
attack of its own. A line `# limitation at LEVELS: WORDS` names the levels at which the attack gets through, and quotes
SECURITY.md on that. The other parameters of its `main` are facts about the machine, or the limits of a script.

An attack is harmless if it succeeds: it reads a byte, removes at once what it makes, or sets a value to what it was.
"""

import ast
import json
import os
import re
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import requests

from tests.conftest import ROOT

LIMITS = {"threads": 32, "open_files": 64, "memory_mb": 128, "scratch_mb": 16, "result_mb": 4}
SETTINGS = {f"SANDBOX_{name.upper()}": str(value) for name, value in LIMITS.items()} | {"SANDBOX_TIMEOUT_SECONDS": "10"}
# Each run has its own user: the kernel counts the processes and threads of a user together.
ORDINARY_USER = 20_000 + os.getpid() % 30_000
_FOLDER = Path(__file__).parent / "attacks"
_LIMITATION = re.compile(r"^# limitation at ([a-z, ]+): (.+)$", re.MULTILINE)
_CASE = re.compile(r"^# case (\w+) \((\w+)\): (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Attack:
    """One attack.

    Attributes:
        name: the name of its file, and of its case.
        category: what it attacks.
        script: the source.
        arguments: what its `main` gets besides the facts.
        expects: the outcomes that it may have.
        needs: the facts that its `main` requires.
        reached_outside: whether the same act succeeds outside the jail.
        limited_at: the levels at which it is known to get through.
        limitation: SECURITY.md's words on that.
    """

    name: str
    category: str
    script: str
    arguments: dict[str, Any]
    expects: frozenset[str]
    needs: frozenset[str]
    reached_outside: bool
    limited_at: frozenset[str]
    limitation: str

    def expected_at(self, level: str) -> frozenset[str]:
        """Return the outcomes that it may have at a level."""
        return frozenset({"reached"}) if level in self.limited_at else self.expects


def read_attacks(file: Path) -> list[Attack]:
    """Read a file: one attack, or one for each of its cases."""
    script = file.read_text()

    def header(key: str) -> str:
        found = re.search(rf"^# {key}: (.+)$", script, re.MULTILINE)
        assert found, f"{file.name} has no line '# {key}: …'"
        return found[1]

    def needs(arguments: dict[str, Any]) -> frozenset[str]:
        [main] = [one for one in ast.parse(script).body if isinstance(one, ast.FunctionDef) and one.name == "main"]
        without_default = main.args.args[: len(main.args.args) - len(main.args.defaults)]
        return frozenset(one.arg for one in without_default) - arguments.keys()

    expects, reached_outside = frozenset(header("expects").split(" or ")), header("control") == "reached"
    found = _LIMITATION.search(script)
    limited_at, limitation = (frozenset(found[1].split(", ")), found[2]) if found else (frozenset(), "")
    cases = [(f"{file.stem}-{name}", category, json.loads(text)) for name, category, text in _CASE.findall(script)]
    return [
        Attack(name, category, script, arguments, expects, needs(arguments), reached_outside, limited_at, limitation)
        for name, category, arguments in cases or [(file.stem, header("category"), {})]
    ]


ATTACKS = [attack for file in sorted(_FOLDER.glob("*.py")) for attack in read_attacks(file)]
CATEGORIES = (
    "files",
    "processes",
    "descriptors",
    "network",
    "privilege",
    "kernel",
    "resources",
    "neighbours",
    "results",
)


class Target(Protocol):
    """A running service, with the policy off and `SETTINGS`."""

    def post(self, script: str, **fields: Any) -> requests.Response:
        """Send a script to /execute."""


@contextmanager
def attack_facts() -> Iterator[dict[str, Any]]:
    """Make what an attacker who knows this machine would use: listeners, and files that every user may read."""
    folder = Path(f"/var/tmp/attack-facts-{secrets.token_hex(8)}")
    folder.mkdir(mode=0o755)
    secret = folder / "secret"
    secret.write_text("secret")
    secret.chmod(0o644)
    file_of_user = folder / "file"
    file_of_user.touch(mode=0o600)
    if os.geteuid() == 0:
        os.chown(file_of_user, ORDINARY_USER, ORDINARY_USER)
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
        "file_of_user": str(file_of_user),
        "home_of_others": str(folder),
        "service_file": str(ROOT / "main.py"),
        **LIMITS,
    }
    for listener in listeners:
        listener.close()
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()


def run_attack(target: Target, attack: Attack, facts: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Run one attack; return its outcome, to compare with what it expects, and the answer."""
    # An attack that never ends gets half a second, any other the whole time limit.
    timeout = {"timeout": 0.5} if "timeout" in attack.expects else {}
    answer = target.post(attack.script, args=facts | attack.arguments, **timeout).json()
    return str(answer["result"] if "result" in answer else answer["code"]), answer
