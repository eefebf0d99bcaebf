"""The service's modules import the sandbox and the policy, never the other way, and none imports in a circle."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

from tests.conftest import ROOT

PACKAGES = ("policy", "sandbox", "service")


def name(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {name(file): file for package in PACKAGES for file in (ROOT / package).rglob("*.py")} | {
    "main": ROOT / "main.py"
}


def imports(module: str) -> set[str]:
    """Return the modules of this project that a module imports, at its top or later."""
    found = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return found & MODULES.keys()


def test_nothing_imports_the_service_but_the_service() -> None:
    for module in MODULES:
        package = module.partition(".")[0]
        forbidden = {"service": {"main"}, "main": set(), "sandbox": {"service", "policy", "main"}}.get(
            package, {"service", "sandbox", "main"}
        )
        assert {one.partition(".")[0] for one in imports(module)} & forbidden == set(), module


def test_no_module_of_the_service_imports_in_a_circle() -> None:
    ours = [module for module in MODULES if module.startswith("service") or module == "main"]
    graph = {module: imports(module) & set(ours) for module in ours}
    assert list(TopologicalSorter(graph).static_order())
    assert graph["main"] > {"service.endpoints", "service.gunicorn_config"}
