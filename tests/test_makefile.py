"""The Makefile asks for the Python that everything is pinned for, before it installs anything with another."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.making import make


def python_that_is(version: str, folder: Path, *, venv: bool = True) -> Path:
    """Make something that answers as a Python of another version does to the questions asked of it."""
    path = folder / f"python{version}"
    path.write_text(
        '#!/bin/sh\ncase "$2" in\n'
        f'*version_info*) echo "Python {version}";;\n'
        f"*ensurepip*) {'exit 0' if venv else 'exit 1'};;\n"
        '*) echo "ran: $*"; exit 7;;\nesac\n'
    )
    path.chmod(0o755)
    return path


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What of a fresh clone the Makefile reads."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    return tmp_path


def sentences(done: subprocess.CompletedProcess[str]) -> list[str]:
    assert done.returncode != 0
    return [line for line in done.stderr.splitlines() if not line.startswith("make")]


@pytest.mark.parametrize("version", ["3.10", "3.12", "3.13"])
@pytest.mark.parametrize("target", ["run", "test"])
def test_another_version_is_refused_with_one_sentence(version: str, target: str, clone: Path) -> None:
    python = python_that_is(version, clone)
    for done in (make(clone, target, PYTHON=str(python)), make(clone, target, f"PYTHON={python}")):
        assert sentences(done) == [
            f"This needs Python 3.11, and {python} is Python {version}; install python3.11, or name one: "
            f"make {target} PYTHON=/path/to/python3.11"
        ]
    assert not (clone / ".venv").exists()


def test_no_python_at_all_is_one_sentence(clone: Path) -> None:
    assert sentences(make(clone, "run", PYTHON="/no/such/python3.11")) == [
        "This needs Python 3.11, and /no/such/python3.11 is no Python that can be run; install python3.11, or name "
        "one: make run PYTHON=/path/to/python3.11"
    ]


def test_a_python_without_venv_is_one_sentence(clone: Path) -> None:
    python = python_that_is("3.11", clone, venv=False)
    [sentence] = sentences(make(clone, "run", PYTHON=str(python)))
    assert sentence.startswith(f"{python} has no venv; install it (Debian: python3.11-venv)")


def test_the_right_one_is_used(clone: Path) -> None:
    python = python_that_is("3.11", clone)
    done = make(clone, "run", PYTHON=str(python))
    assert done.returncode != 0
    assert "ran: -m venv .venv" in done.stdout


def test_what_is_installed_needs_no_other_python_unless_one_is_named(clone: Path) -> None:
    for folder in (".venv", ".venv-sandbox"):
        (clone / folder).mkdir()
        (clone / folder / "installed").touch()
    text = (clone / "Makefile").read_text()
    # As on a machine whose python3.11 has gone.
    text = re.sub(r"^PYTHON \?= .*$", "PYTHON ?= /no/such/python3.11", text, flags=re.MULTILINE)
    (clone / "Makefile").write_text(text)
    assert make(clone, "check-python").returncode == 0
    assert "is Python 3.12" in sentences(make(clone, "run", PYTHON=str(python_that_is("3.12", clone))))[0]
