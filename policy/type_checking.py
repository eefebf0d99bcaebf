"""Blocks under `if TYPE_CHECKING:`, which only type checkers read: nothing in them runs.

That holds only where the name means what it says. A script that binds it otherwise, or may write into a module's
namespace by way of a text, has blocks like any others.
"""

import ast
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from policy.survey import Survey

_NAME: Final = "TYPE_CHECKING"
_MODULE: Final = "typing"
_PATH: Final = f"{_MODULE}.{_NAME}"
# With one of these, `typing.TYPE_CHECKING` can be set without its name in the script's syntax.
_WRITERS = frozenset({"setattr", "__setattr__", "vars", "globals", "locals", "__dict__", "patch"})


def is_for_type_checkers(test: ast.expr) -> bool:
    """Whether a condition looks like that of such a block."""
    return (isinstance(test, ast.Name) and test.id == _NAME) or (
        isinstance(test, ast.Attribute) and test.attr == _NAME and isinstance(test.value, ast.Name)
    )


def never_runs(test: ast.expr, survey: "Survey") -> bool:
    """Whether a condition is false whatever the script does; the whole script has been walked over."""
    root, path = (test.id, _PATH) if isinstance(test, ast.Name) else (test.value.id, _MODULE)  # type: ignore[attr-defined]
    bound = list(survey.bindings(root))
    if not bound or any(value != path for value in bound) or any(value != _PATH for value in survey.bindings(_NAME)):
        return False
    if any(alias.name == "*" for statement, _ in survey.from_imports for alias in statement.names):
        return False
    for node, _, _ in survey.names:
        if node.id in _WRITERS:
            return False
    return not any(
        node.attr in _WRITERS or (node.attr == _NAME and not isinstance(node.ctx, ast.Load))
        for node, _, _ in survey.attributes
    ) and not any(alias.name in _WRITERS for statement, _ in survey.from_imports for alias in statement.names)
