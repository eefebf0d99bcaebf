"""Every attack of tests/attacks, at every level, as root and as an ordinary user, with the policy off.

An attack's first line says what must come of it: a code of the HTTP contract, or what its `main` returns. Its second
says what the same act does outside the jail, which is tried too: an attack that fails everywhere proves nothing.
"""

import json
import os
import re
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, Server
from tests.sandbox.conftest import LIMITS, wait_until_idle

ATTACKS = sorted((Path(__file__).parent.parent / "attacks").glob("*.py"))


def header(attack: Path, key: str) -> str:
    found = re.search(rf"^# {key}: (.+)$", attack.read_text(), re.MULTILINE)
    assert found, f"{attack.name} has no line '# {key}: …'"
    return found[1]


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What an attacker who knows the machine would know: listeners, and files that every user may read."""
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


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda path: path.stem)
def test_attack(attack: Path, jailed: Server, user: int | None, facts: dict[str, Any]) -> None:
    arguments = facts | {"service_pid": jailed.process.pid, "root": user is None}
    expected = header(attack, "expects").split(" or ")
    # Those that would never end are given a second, the others all the time that there is.
    timeout = {"timeout": 1} if "timeout" in expected else {}
    answer = jailed.post(attack.read_text(), args=arguments, **timeout).json()
    came = answer["result"] if "result" in answer else answer["code"]
    assert came in expected, answer


@pytest.mark.parametrize(
    "attack", [a for a in ATTACKS if header(a, "control") == "reached"], ids=lambda path: path.stem
)
def test_the_same_act_succeeds_outside(attack: Path, facts: dict[str, Any], tmp_path: Path) -> None:
    run = f"import json\nprint(json.dumps(main(**{facts | {'service_pid': os.getpid(), 'root': False}!r})))"
    done = subprocess.run(
        [sys.executable, "-c", f"{attack.read_text()}\n{run}"],
        cwd=tmp_path,
        capture_output=True,
        check=False,
        timeout=30,
    )
    assert json.loads(done.stdout) == "reached", done.stderr.decode()


def test_nothing_is_left(jailed: Server, request: pytest.FixtureRequest) -> None:
    """After all the attacks no process is left of them, and no file."""
    wait_until_idle(jailed, *request.node.callspec.params["jailed"])
    assert list(Path("/var/tmp").glob("attack-[0-9]*")) == []
    assert list(Path("/dev/shm").glob("attack-*")) == []
