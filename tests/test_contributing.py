"""What contributors read is true: CONTRIBUTING.md, CHANGELOG.md, the Makefile, the hooks, the project's metadata."""

import re
import shutil
import tomllib
from pathlib import Path

import pytest
import yaml

from tests.attacking import ATTACKS
from tests.conftest import ROOT
from tests.making import INSTALLED, make

CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
CHANGELOG = (ROOT / "CHANGELOG.md").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()


def recipe(target: str) -> str:
    """Return the commands of a Makefile target, without those that install its tools."""
    return make(ROOT, "--dry-run", *INSTALLED, target).stdout


@pytest.mark.parametrize("text", [CONTRIBUTING, CHANGELOG], ids=["CONTRIBUTING.md", "CHANGELOG.md"])
def test_every_make_target_named_exists(text: str) -> None:
    named = set(re.findall(r"(?:`|^)make ([a-z-]+)", text, re.MULTILINE))
    existing = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
    assert {"check", "format"} <= named <= existing


@pytest.mark.parametrize("text", [CONTRIBUTING, CHANGELOG], ids=["CONTRIBUTING.md", "CHANGELOG.md"])
def test_no_link_is_dead(text: str) -> None:
    links = [link for link in re.findall(r"\]\(([^)]+)\)", text) if "://" not in link]
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_every_command_is_a_make_target() -> None:
    lines = [line for block in re.findall(r"```sh\n(.+?)```", CONTRIBUTING, re.DOTALL) for line in block.splitlines()]
    assert lines
    assert [line for line in lines if not re.match(r"make [a-z-]+ ", line)] == []


def test_every_test_and_attack_named_in_the_changelog_exists() -> None:
    named = set(re.findall(r"`([a-z0-9_-]+)`", CHANGELOG.split("### Security")[1]))
    sources = "".join(file.read_text() for file in (ROOT / "tests").glob("*/test_*.py"))
    tests = set(re.findall(r"^def (test_\w+)\(", sources, re.MULTILINE))
    attacks = {name for attack in ATTACKS for name in (attack.name, attack.name.partition("-")[0])}
    assert len(named & tests) > 20
    assert len(named & attacks) > 15
    system_calls = {"madvise", "fadvise64", "sched_getaffinity", "fallocate"}
    assert named - tests - attacks - system_calls == set()


def test_make_check_runs_the_lint_and_the_tests_that_are_not_slow() -> None:
    ran = recipe("check")
    assert all(command in ran for command in recipe("lint").splitlines())
    parts = [line.split('-m "not slow"')[1].split() for line in ran.splitlines() if "pytest" in line]
    assert parts == [["tests/sandbox", "tests/policy"], ["tests", *(f"--ignore={part}" for part in parts[0]), "\\"]]
    assert "--ignore=tests/container" in ran  # all of which is slow


def test_make_test_runs_every_test() -> None:
    assert recipe("test").split() == [".venv/bin/python", "-m", "pytest"]


def test_make_format_sorts_imports_and_formats(tmp_path: Path) -> None:
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    file = tmp_path / "module.py"
    file.write_text("import sys\nimport os\n\nprint( os.sep,sys.path )\n")
    make(tmp_path, *INSTALLED, "format")
    assert file.read_text() == "import os\nimport sys\n\nprint(os.sep, sys.path)\n"


def test_make_help_describes_every_target_under_a_heading() -> None:
    shown = make(ROOT, "help").stdout
    headings = re.findall(r"^(\w+)$", shown, re.MULTILINE)
    assert headings == ["Use", "Develop", "Measure", "Deploy"]
    phony = {name for line in re.findall(r"^\.PHONY: (.+)$", MAKEFILE, re.MULTILINE) for name in line.split()}
    assert set(re.findall(r"^  ([a-z-]+) +\S", shown, re.MULTILINE)) == phony - {
        "check-python",
        "check-sandbox",
        "check-others",
    }


def test_hooks_run_the_tools_that_the_lint_runs() -> None:
    configuration = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    [repository] = configuration["repos"]
    assert repository["repo"] == "local"
    tools = {tuple(hook["entry"].split()[:2]) for hook in repository["hooks"]}
    ran = {tuple(command.split()[:2]) for command in recipe("lint").splitlines()}
    assert tools == {tool for tool in ran if "hadolint" not in tool[0]}


def test_the_metadata_agrees_with_the_image_and_the_licence() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    dockerfile = (ROOT / "Dockerfile").read_text()
    for label in ("description", "license"):
        assert f'image.{label.replace("license", "licenses")}="{project[label]}"' in dockerfile
    assert (ROOT / "LICENSE").read_text().startswith(f"{project['license']} License")
    assert all((ROOT / file).is_file() for file in (project["readme"], *project["license-files"]))
