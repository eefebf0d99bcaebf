"""Modules that are denied but for some of what is in them, such as `importlib` but for `importlib.metadata.version`.

Such a module may be imported where the script uses what is allowed in it, and may be named only on the way to that:
as a value it would go where reading cannot follow it.
"""

import ast

from policy.findings import Findings
from policy.index import RuleIndex
from policy.resolve import Resolver
from policy.scope import Scope
from policy.survey import Survey


def imports_any(survey: Survey, tops: frozenset[str]) -> bool:
    """Whether a script imports any of some packages, or something in them."""
    return any(alias.name.partition(".")[0] in tops for node, _ in survey.imports for alias in node.names) or any(
        node.module and node.module.partition(".")[0] in tops for node, _ in survey.from_imports
    )


def check_guarded(index: RuleIndex, survey: Survey, resolver: Resolver, found: Findings) -> set[str]:
    """Report what a script does with such modules that is not allowed.

    Returns:
        The paths, modules among them, that the script may import for what it uses of them.
    """
    used: set[str] = set()
    _check_class_imports(index, survey, found)
    for statement, _ in survey.from_imports:
        for alias in statement.names:
            path = f"{statement.module}.{alias.name}"
            if index.is_allowed(path):
                used.update(index.guarded_above(path))
    nodes: list[tuple[ast.expr, Scope, bool]] = [*survey.names, *survey.attributes]
    nodes += [(node, scope, True) for node, scope in survey.subscripts]
    nodes += [(node, scope, True) for node, scope in survey.calls if resolver.lookup(node, scope)]
    for node, scope, is_bare in nodes:
        for path in resolver.paths(node, scope):
            if index.is_allowed(path):
                used.update(index.guarded_above(path))
            elif (is_bare if path in index.guarded else any(index.guarded_above(path))) and (
                denial := index.path_rule(path)
            ):
                found.add(node, denial, path)
    return used


def _check_class_imports(index: RuleIndex, survey: Survey, found: Findings) -> None:
    """Report such modules where a class imports them, and so has them as its attributes."""
    statements: list[tuple[ast.Import | ast.ImportFrom, Scope]] = [*survey.imports, *survey.from_imports]
    for statement, scope in statements:
        for alias in statement.names if scope.kind == "class" else ():
            path = alias.name if alias.asname else alias.name.partition(".")[0]
            if isinstance(statement, ast.ImportFrom):
                path = f"{statement.module}.{alias.name}"
            if path in index.guarded and (denial := index.path_rule(path)):
                found.add(alias, denial, f"import {path}")
