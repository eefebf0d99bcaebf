"""SECURITY.md promises nothing without a test: every test and attack that its table names is there and is collected."""

import re
import subprocess
import sys

import pytest

from tests.attacking import ATTACKS
from tests.conftest import ROOT
from tests.documents import OPERATING, SECURITY, rows

TEXT = SECURITY.read_text()
SECTION = "## Every layer, the attack it stops, the test that shows it"


def layers() -> list[tuple[str, str, list[str]]]:
    """Return the rows of the table: the layer, what it stops, and the names of what shows it."""
    lines = [line for line in TEXT.split(SECTION)[1].split("\n## ")[0].splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split(" |")] for line in lines]
    assert cells[0] == ["layer", "stops", "shown by"]
    return [(layer, stops, re.findall(r"`([^`]+)`", shown)) for layer, stops, shown in cells[2:]]


LAYERS = layers()
NAMED = sorted({name for _, _, names in LAYERS for name in names})
TESTS = [name for name in NAMED if "::" in name]


def collected_tests() -> set[str]:
    """Return what pytest collects of the files that the table names, without the parameters."""
    files = sorted({f"tests/{name.partition('::')[0]}" for name in TESTS})
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *files]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stdout
    return {line.partition("[")[0].removeprefix("tests/") for line in done.stdout.splitlines() if "::" in line}


def test_every_layer_names_what_shows_it() -> None:
    assert len(LAYERS) > 30
    assert [(layer, stops) for layer, stops, names in LAYERS if not stops or not names] == []


@pytest.mark.slow
def test_every_test_named_is_collected() -> None:
    assert sorted(set(TESTS) - collected_tests()) == []


def test_every_attack_named_is_there() -> None:
    attacks = {attack.name for attack in ATTACKS}
    assert sorted(set(NAMED) - set(TESTS) - attacks) == []


@pytest.mark.parametrize("setting", sorted(set(re.findall(r"\bSANDBOX_[A-Z_]+\b", TEXT))))
def test_every_setting_named_is_one(setting: str) -> None:
    assert f"`{setting}`" in [row[0] for row in rows(OPERATING, "Settings")]
