"""The script's filter refuses truncation on kernels whose Landlock does not know it (before Linux 6.2)."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox.host.seccomp import compile_filter, load_filter
from sandbox.jail import isolate, kernel, landlock
from tests.conftest import ROOT
from tests.sandbox.restricted import REACHED, REFUSED, attempt_in_child

ACTS: dict[str, Callable[[str], object]] = {
    "truncate": lambda file: os.truncate(file, 0),
    "open for reading": lambda file: os.close(os.open(file, os.O_RDONLY | os.O_TRUNC)),
}
OLDER = landlock.TRUNCATE_VERSION - 1


def attempt(act: Callable[[str], object], file: Path, *, filtered: bool) -> int:
    """Truncate the file in a process that the older Landlock allows only to read it; return the outcome."""
    rules = load_filter(ROOT / "nsjail" / "script.seccomp.yaml")
    program = compile_filter(rules, ["truncate_ungoverned"])

    def restrict() -> None:
        kernel.forbid_new_privileges()
        ruleset = landlock.make_ruleset(OLDER)
        landlock.grant(ruleset, landlock.open_grants([(str(file), landlock.READ)]), OLDER)
        landlock.restrict(ruleset)
        if filtered:
            kernel.install_filter(isolate.fill_in_pid(program, os.getpid()))

    return attempt_in_child(lambda: act(str(file)), restrict)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    if landlock.version() < 1:
        pytest.skip("this kernel has no Landlock")
    path = tmp_path / "file"
    path.write_text("kept")
    return path


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_the_filter_refuses_it(act: Callable[[str], object], file: Path) -> None:
    assert attempt(act, file, filtered=True) == REFUSED
    assert file.read_text() == "kept"


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_the_older_landlock_alone_allows_it(act: Callable[[str], object], file: Path) -> None:
    assert attempt(act, file, filtered=False) == REACHED
    assert file.read_text() == ""
