"""Runs scripts in the jail, without the policy: does one that the checker accepts reach the denied thing?"""

from pathlib import Path

import pytest

from tests.conftest import Serve
from tests.policy.compositions import JUDGE, Composition, compose, targets
from tests.policy.fuzzing import SECONDS, rounds
from tests.policy.test_fuzz import POLICY

ROUND = 100

pytestmark = [pytest.mark.slow, pytest.mark.timeout(SECONDS + 120)]


def test_what_is_let_through_does_not_reach_what_is_denied(serve: Serve, no_rules: Path) -> None:
    server = serve(POLICY_FILE=str(no_rules))
    among = targets()
    made = reached = left = 0
    misses: list[Composition] = []
    for choice in rounds(8):
        compositions = [compose(choice, among) for _ in range(ROUND)]
        # Refused scripts run too: an evasion that leads nowhere would prove nothing.
        scripts = [(each.source, each.target.holder, each.target.name, each.target.in_module) for each in compositions]
        answer = server.post(JUDGE, args={"scripts": scripts}).json()
        assert "result" in answer, answer
        for composition, verdict in zip(compositions, answer["result"], strict=True):
            made += 1
            reached += verdict == "reached"
            if verdict == "reached" and POLICY.check(composition.source).code is None:
                left += not composition.decided
                misses += [composition] if composition.decided else []

    print(f"{made} made, {reached} reach what they are after, {left} of these are left to the jail")
    assert not misses, "\n\n".join(f"# {each.target} by {each.evasions}\n{each.source}" for each in misses[:10])
    assert reached > 0.95 * made
    assert left > 0
