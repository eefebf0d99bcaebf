"""The system calls that reach the kernel from a script, at every level, are exactly those of the lists."""

import platform
from pathlib import Path

import pytest
import requests

from tests import sweep
from tests.conftest import Serve, Server

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(platform.machine() != sweep.MACHINE, reason=f"the numbers are {sweep.MACHINE}'s"),
]


def test_the_reachable_calls_are_those_of_the_list(jailed: Server) -> None:
    health = requests.get(f"{jailed.url}/health", timeout=30).json()
    differences = sweep.differences(jailed, health)
    assert not differences, f"After a change on purpose, run `python -m tests.sweep` and read its diff: {differences}"


def test_a_list_that_does_not_fit_is_noticed(
    serve: Serve, no_rules: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    server = serve(POLICY_FILE=str(no_rules))
    health = requests.get(f"{server.url}/health", timeout=30).json()
    text = sweep.list_for(health).read_text()
    monkeypatch.setattr(sweep, "FOLDER", tmp_path)
    changed = text.replace("getpid: does something\n", "").replace("pause: waits", "pause: looks at them")
    sweep.list_for(health).write_text(f"{changed}ptrace: does something\n")
    assert sweep.differences(server, health) == [
        "getpid is reachable: it does something",
        "ptrace is no longer reachable",
        "pause waits; it is listed as: looks at them",
    ]


def test_the_policy_keeps_the_sweep_out(server: Server) -> None:
    with pytest.raises(sweep.Refused):
        sweep.sweep(server)
