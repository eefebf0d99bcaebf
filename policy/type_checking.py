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


def may_be_false(survey: "Survey") -> bool:
    """Whether the script leaves `typing.TYPE_CHECKING` as it is; the whole of it has been walked over."""
    if any(value != _PATH for value in survey.bindings(_NAME)):
        return False
    imported = {alias.name for statement, _ in survey.from_imports for alias in statement.names}
    if "*" in imported or not imported.isdisjoint(_WRITERS):
        return False
    return not any(node.id in _WRITERS for node, _, _ in survey.names) and not any(
        node.attr in _WRITERS or (node.attr == _NAME and not isinstance(node.ctx, ast.Load))
        for node, _, _ in survey.attributes
    )


def never_runs(test: ast.expr, survey: "Survey") -> bool:
    """Whether a condition is `typing.TYPE_CHECKING` and nothing else; that this is false is for `may_be_false`."""
    if isinstance(test, ast.Name):
        return any(survey.bindings(_NAME))
    assert isinstance(test, ast.Attribute)
    assert isinstance(test.value, ast.Name)
    root = test.value.id
    bound = set(survey.bindings(root))
    return bound == {_MODULE}
