"""Blocks under `if TYPE_CHECKING:`, which only type checkers read: nothing in them runs.

That holds only if the name is the one from `typing`. If a script binds it otherwise, or may write into a module's
namespace by a text, these blocks are like any others.
"""

import ast
from typing import Final

from policy.readers import WRITER_WORDS
from policy.script_index import ScriptIndex

_NAME: Final = "TYPE_CHECKING"
_MODULE: Final = "typing"
_PATH: Final = f"{_MODULE}.{_NAME}"


def is_for_type_checkers(test: ast.expr) -> bool:
    """Return whether a condition looks like that of such a block."""
    return (isinstance(test, ast.Name) and test.id == _NAME) or (
        isinstance(test, ast.Attribute) and test.attr == _NAME and isinstance(test.value, ast.Name)
    )


def root_of(test: ast.expr) -> str:
    """Return the name with which such a condition begins."""
    base = test.value if isinstance(test, ast.Attribute) else test
    assert isinstance(base, ast.Name)
    return base.id


def never_runs(root: str, index: ScriptIndex) -> bool:
    """Return whether such a condition that begins with the name `root` is false whatever the script does.

    Call it only after the walk over the whole script.
    """
    if set(index.bindings(root)) != {_PATH if root == _NAME else _MODULE}:
        return False
    if any(value != _PATH for value in index.bindings(_NAME)):
        return False
    imported = {alias.name for statement, _ in index.from_imports for alias in statement.names}
    if "*" in imported or not imported.isdisjoint(WRITER_WORDS):
        return False
    return not any(node.id in WRITER_WORDS for node, _, _ in index.names) and not any(
        node.attr in WRITER_WORDS or (node.attr == _NAME and not isinstance(node.ctx, ast.Load))
        for node, _, _ in index.attributes
    )
