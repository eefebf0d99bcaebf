"""The rules that the whole repository keeps."""

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


def test_requirements_txt_has_the_pins_of_the_service_and_of_the_scripts() -> None:
    assert pins("requirements.txt") == pins("requirements/service.txt") | pins("requirements/sandbox.txt")


def test_the_scripts_environment_has_nothing_of_the_services() -> None:
    assert {"flask", "functions-framework", "gunicorn", "msgspec", "pyseccomp"}.isdisjoint(
        pins("requirements/sandbox.txt")
    )


def test_the_jail_side_imports_only_the_standard_library() -> None:
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
def test_modules_are_small_and_name_no_path_of_one_machine(file: Path) -> None:
    text = file.read_text()
    assert text.count("\n") < 300
    assert not re.search(r"/(work|root|home)/", text)


# What each package may import; main.py may import everything.
LEAVES = {"errors", "isolation", "limits", "outcome", "protocol", "warm_start"}
MAY_IMPORT: dict[str, set[str]] = {
    "policy": {"policy"},
    "sandbox": {"sandbox"},
    "sandbox.jail": {"sandbox.jail"},
    "sandbox.host": {"sandbox.host", "sandbox.jail", *(f"sandbox.{leaf}" for leaf in LEAVES)},
    "sandbox.self_test": {"sandbox.self_test", *(f"sandbox.{leaf}" for leaf in LEAVES)},
    "sandbox.pool": {"sandbox.pool", "sandbox.host", *(f"sandbox.{leaf}" for leaf in LEAVES)},
    "service": {"service", "sandbox", "policy"},
}


def module_name(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports_of(file: Path) -> set[str]:
    """Return the project's modules that a file imports, at its top or later; a jail's, except those for types only."""
    package = [*file.relative_to(ROOT).parts[:-1]]
    tree = ast.parse(file.read_text())
    for node in ast.walk(tree) if "jail" in package else ():
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            node.body = []
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = [*package[: len(package) - node.level + 1], *filter(None, [node.module])] if node.level else []
            origin = ".".join(base) or str(node.module)
            # A module of a package is imported by its name, and all else from the package itself.
            found |= {name if (name := f"{origin}.{alias.name}") in MODULES else origin for alias in node.names}
    return (found & MODULES) - {module_name(file)}


MODULES = {module_name(file) for file in PRODUCT}


@pytest.mark.parametrize("file", PRODUCT, ids=module_name)
def test_no_module_imports_upwards(file: Path) -> None:
    name = module_name(file)
    packages = [package for package in MAY_IMPORT if name.startswith(f"{package}.")]
    if not packages:
        return
    allowed = MAY_IMPORT[max(packages, key=len)]
    assert [one for one in imports_of(file) if not any(f"{one}.".startswith(f"{other}.") for other in allowed)] == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert imports_of(ROOT / "main.py") > {"service.endpoints", "service.gunicorn_config"}
    left = {module_name(file): imports_of(file) for file in PRODUCT}
    while free := {name for name, imports in left.items() if not imports & left.keys()}:
        left = {name: imports for name, imports in left.items() if name not in free}
    assert left == {}
