"""Checks of guarded modules, which are denied except for some of what is in them, such as `importlib.metadata.version`.

A script may import such a module if it uses what is allowed in it, and may name it only as a part of that path. If
the module were used as a value, reading could not follow it any further.
"""

import ast

from policy.denials import Denials
from policy.evaluator import Evaluator
from policy.findings import Findings
from policy.scope import Scope
from policy.script_index import ScriptIndex


def imports_any(index: ScriptIndex, tops: frozenset[str]) -> bool:
    """Return whether a script imports any of these packages, or something in them."""
    return any(alias.name.partition(".")[0] in tops for node, _ in index.imports for alias in node.names) or any(
        node.module and node.module.partition(".")[0] in tops for node, _ in index.from_imports
    )


def check_guarded(denials: Denials, index: ScriptIndex, evaluator: Evaluator, found: Findings) -> set[str]:
    """Report the uses of guarded modules that are not allowed.

    Returns:
        The modules that the script may import, for what it uses of them.
    """
    used: set[str] = set()
    _check_class_imports(denials, index, found)
    for statement, _ in index.from_imports:
        for alias in statement.names:
            path = f"{statement.module}.{alias.name}"
            if denials.is_allowed(path):
                used.update(denials.guarded_above(path))
    nodes: list[tuple[ast.expr, Scope, bool]] = [*index.names, *index.attributes]
    nodes += [(node, scope, True) for node, scope in index.subscripts]
    nodes += [(node, scope, True) for node, scope in index.calls if evaluator.lookup(node, scope)]
    for node, scope, is_bare in nodes:
        for path in evaluator.paths(node, scope):
            if denials.is_allowed(path):
                used.update(denials.guarded_above(path))
            elif (is_bare if path in denials.guarded else any(denials.guarded_above(path))) and (
                denial := denials.path_rule(path)
            ):
                found.add(node, denial, path)
    return used


def _check_class_imports(denials: Denials, index: ScriptIndex, found: Findings) -> None:
    """Report guarded modules that a class imports, and so has as its attributes."""
    statements: list[tuple[ast.Import | ast.ImportFrom, Scope]] = [*index.imports, *index.from_imports]
    for statement, scope in statements:
        for alias in statement.names if scope.kind == "class" else ():
            path = alias.name if alias.asname else alias.name.partition(".")[0]
            if isinstance(statement, ast.ImportFrom):
                path = f"{statement.module}.{alias.name}"
            if path in denials.guarded and (denial := denials.path_rule(path)):
                found.add(alias, denial, f"import {path}")
