"""Every attack of tests/attacks, at every level, as root and as an ordinary user, with the policy off.

What an attack would do outside the jail is tried too.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.attacking import ATTACKS, Attack, attack_facts, run_attack
from tests.conftest import Server
from tests.sandbox.conftest import wait_until_idle

# One of each category; the others are slow together.
QUICK = {
    "read_service_file",
    "signal_service",
    "open_descriptors",
    "connect_tcp",
    "mount",
    "out_of_band",
    "too_many_threads",
    "folder_of_neighbours-list",
    "forged_result",
}


def each(attacks: list[Attack]) -> list[Any]:
    """Return attacks as the parameters of a test."""
    return [pytest.param(one, id=one.name, marks=[pytest.mark.slow] * (one.name not in QUICK)) for one in attacks]


@pytest.fixture(scope="module")
def facts() -> Iterator[dict[str, Any]]:
    with attack_facts() as known:
        yield known


@pytest.mark.parametrize("attack", each(ATTACKS))
def test_attack(attack: Attack, jailed: Server, facts: dict[str, Any]) -> None:
    came, answer = run_attack(jailed, attack, facts | {"service_pid": jailed.process.pid})
    assert came in attack.expected_at(jailed.isolation() or ""), answer


@pytest.mark.parametrize("attack", each([one for one in ATTACKS if one.reached_outside]))
def test_the_same_act_succeeds_outside(attack: Attack, facts: dict[str, Any], tmp_path: Path) -> None:
    run = f"import json\nprint(json.dumps(main(**{facts | attack.arguments | {'service_pid': os.getpid()}!r})))"
    done = subprocess.run(
        [sys.executable, "-c", f"{attack.script}\n{run}"],
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
