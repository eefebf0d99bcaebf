"""What the self-test finds decides: a hole refuses the profile, and the pool whose spare has it."""

from collections.abc import Iterator
from typing import Any, cast

import pytest

from sandbox import End, IsolationLevel, Limits, Outcome, SandboxUnavailable, Usage
from sandbox.host.spawner import LocalSpawner, make_local_spawner
from sandbox.isolation import IsolationProfile
from sandbox.pool.cold import ColdJails
from sandbox.pool.spare import Spare
from sandbox.pool.uids import UidPool
from sandbox.proven import ProvenIsolation, find_isolation
from tests.conftest import ROOT

PYTHON = ROOT / ".venv-sandbox" / "bin" / "python"
HOLE = "open a network socket"


def outcome(*holes: str, end: End = End.RETURNED) -> Outcome:
    listed = ",".join(f'"{hole}"' for hole in holes)
    return Outcome(end, Usage(1, 1, 1), "", "", result=f"[{listed}]".encode(), error="it failed")


@pytest.fixture(scope="module")
def spawner() -> Iterator[LocalSpawner]:
    made = make_local_spawner(Limits(), 1, 0, nsjail=None, python=PYTHON)
    yield made
    made.close()


@pytest.fixture
def isolation(spawner: LocalSpawner) -> ProvenIsolation:
    profile = IsolationProfile(IsolationLevel.SECCOMP)
    return ProvenIsolation(spawner, profile, Limits(), UidPool(10), lambda: False)


def jails_find(monkeypatch: pytest.MonkeyPatch, *holes: str, end: End = End.RETURNED) -> None:
    monkeypatch.setattr(ColdJails, "run", lambda *_: outcome(*holes, end=end))


@pytest.mark.parametrize("holes", [(), (HOLE,), (HOLE, "start a process")])
def test_a_hole_refuses_the_profile(
    holes: tuple[str, ...], isolation: ProvenIsolation, monkeypatch: pytest.MonkeyPatch
) -> None:
    jails_find(monkeypatch, *holes)
    assert isolation.prove() == (f"the self-test could {', '.join(holes)}." if holes else None)


def test_a_self_test_that_does_not_run_refuses_the_profile(
    isolation: ProvenIsolation, monkeypatch: pytest.MonkeyPatch
) -> None:
    jails_find(monkeypatch, end=End.SCRIPT_ERROR)
    assert "not run at all" in (isolation.prove() or "")


def test_a_hole_in_every_jail_leaves_no_level_above_process(
    spawner: LocalSpawner, monkeypatch: pytest.MonkeyPatch
) -> None:
    jails_find(monkeypatch, HOLE)
    found, health = find_isolation(spawner, Limits(), IsolationLevel.SECCOMP, lambda: False)
    assert found is None
    assert health.isolation is None
    assert f"the self-test could {HOLE}." in health.reason


def test_the_level_process_tells_its_holes(spawner: LocalSpawner, monkeypatch: pytest.MonkeyPatch) -> None:
    jails_find(monkeypatch, HOLE)
    found, health = find_isolation(spawner, Limits(), IsolationLevel.PROCESS, lambda: False)
    assert found is not None
    assert health.isolation is IsolationLevel.PROCESS
    assert f"process: the self-test could {HOLE}." in health.missing
    jails_find(monkeypatch, HOLE, "start a process")
    assert found.prove() == "the self-test could start a process."


class FakeSpare:
    def __init__(self, *holes: str) -> None:
        self._holes = holes

    def run(self, *_: Any) -> Outcome:
        return outcome(*self._holes)


def test_a_spare_with_a_hole_is_refused(isolation: ProvenIsolation) -> None:
    isolation.check(cast(Spare, FakeSpare()))
    with pytest.raises(SandboxUnavailable, match=f"could {HOLE}"):
        isolation.check(cast(Spare, FakeSpare(HOLE)))
