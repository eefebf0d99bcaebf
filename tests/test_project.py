"""What holds for the whole repository."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import nsjail
from tests.conftest import ROOT

PRODUCT = [
    ROOT / "main.py",
    *(file for part in ("policy", "sandbox", "service") for file in (ROOT / part).rglob("*.py")),
]
REQUIREMENTS = ["requirements.txt", *(f"requirements/{name}.txt" for name in ("service", "sandbox", "dev", "checkov"))]


def pins(name: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+) ", (ROOT / name).read_text(), re.MULTILINE))


def test_our_packages_are_found_before_installed_ones_of_the_same_name() -> None:
    show = "import policy, sandbox, service; print(policy.__file__, sandbox.__file__, service.__file__)"
    environment = {"PYTHONPATH": str(ROOT)}
    found = subprocess.run([sys.executable, "-c", show], env=environment, capture_output=True, text=True, check=True)
    assert all(path.startswith(f"{ROOT}/") for path in found.stdout.split())


def test_the_folder_nsjail_does_not_hide_the_package_nsjail() -> None:
    assert not (ROOT / "nsjail" / "__init__.py").exists()
    assert nsjail.bundled_nsjail().is_file()


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_every_requirement_is_pinned_with_hashes(name: str) -> None:
    text = (ROOT / name).read_text()
    entries = re.split(r"\n(?=[a-z0-9])", "\n" + re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE))[1:]
    assert entries
    assert [entry for entry in entries if not re.match(r"\S+==\S+ \\\n\s+--hash=sha256:", entry)] == []


def test_the_one_environment_has_the_pins_of_both() -> None:
    assert pins("requirements.txt") == pins("requirements/service.txt") | pins("requirements/sandbox.txt")


def test_the_scripts_environment_has_nothing_of_the_services() -> None:
    assert {"flask", "functions-framework", "gunicorn", "msgspec", "pyseccomp"}.isdisjoint(
        pins("requirements/sandbox.txt")
    )


def test_the_jail_side_needs_the_standard_library_only() -> None:
    for file in (ROOT / "sandbox" / "jail").glob("*.py"):
        typing_only = [
            node
            for block in ast.walk(ast.parse(file.read_text()))
            if isinstance(block, ast.If) and isinstance(block.test, ast.Name) and block.test.id == "TYPE_CHECKING"
            for node in ast.walk(block)
        ]
        hidden = {ast.dump(node) for node in typing_only}
        for node in ast.walk(ast.parse(file.read_text())):
            if ast.dump(node) in hidden:
                continue
            if isinstance(node, ast.Import):
                assert {alias.name.split(".")[0] for alias in node.names} <= sys.stdlib_module_names, file
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                assert str(node.module).split(".")[0] in sys.stdlib_module_names | {"jail"}, file


@pytest.mark.parametrize("file", PRODUCT, ids=str)
def test_modules_are_small_and_name_no_machine(file: Path) -> None:
    text = file.read_text()
    assert text.count("\n") <= 320
    assert not re.search(r"/(work|root|home)/", text)
