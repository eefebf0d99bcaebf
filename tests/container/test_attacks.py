"""The attacks of tests/attacks in containers with the policy off, and attacks from one container on another."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.attacking import ATTACKS, SETTINGS, Attack, attack_facts, run_attack
from tests.container.conftest import IMAGE_SECONDS, Contain, Container, facts_of
from tests.sandbox.conftest import running, scratch_of
from tests.sandbox.test_neighbours import ATTACKER, UNTOUCHED, VICTIM

pytestmark = [pytest.mark.slow, pytest.mark.needs_docker, pytest.mark.needs_root, pytest.mark.timeout(IMAGE_SECONDS)]

FLAGS: dict[str, list[str]] = {"plain": [], "privileged": ["--privileged"], "user": ["--user", "65534"]}


@pytest.fixture(scope="module")
def facts() -> Iterator[dict[str, Any]]:
    with attack_facts() as known:
        yield known


@pytest.fixture(scope="module", params=FLAGS)
def attacked(
    request: pytest.FixtureRequest, image: str, contain: Contain, no_rules: Path, facts: dict[str, Any]
) -> tuple[Container, dict[str, Any], str]:
    """A container without a policy, the facts about it, and its level; it sees the folder of `attack_facts`."""
    folder = facts["home_of_others"]
    volumes = ["-v", f"{no_rules}:/policy.yaml:ro", "-v", f"{folder}:{folder}"]
    container = contain(image, *volumes, *FLAGS[request.param], POLICY_FILE="/policy.yaml", **SETTINGS)
    return container, facts | facts_of(container), container.isolation() or ""


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_attack(attack: Attack, attacked: tuple[Container, dict[str, Any], str]) -> None:
    outcome, answer = run_attack(attacked[0], attack, attacked[1])
    assert outcome in attack.expected_at(attacked[2]), answer


def test_scripts_of_two_containers_cannot_meet(image: str, contain: Contain, no_rules: Path) -> None:
    first, second = (contain(image, "-v", f"{no_rules}:/policy.yaml:ro", POLICY_FILE="/policy.yaml") for _ in range(2))
    with running(first, VICTIM) as (victim, answer):
        ids = re.findall(r"^NSpid:\s(.+)$", Path(f"/proc/{victim.pid}/status").read_text(), re.MULTILINE)[0].split()
        known = {"address": 4096, "scratch": str(scratch_of(victim).readlink())}
        attacks = [second.post(ATTACKER, args=known | {"pid": int(pid)}).json() for pid in ids]
    for attack in attacks:
        assert attack["result"]["reached"] == [], attack
        assert len(attack["result"]["tried"]) > 20
    assert answer.result()["result"] == UNTOUCHED
