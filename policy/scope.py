"""Scopes, and what each name in them may be bound to."""

import ast
from collections.abc import Iterator, Sequence
from typing import Literal, TypeAlias, Union

ScopeKind = Literal["module", "class", "function", "comprehension"]
Position = tuple[int, int]
# What a name may be: an import's dotted path, an expression with its scope, a function, or something unknown.
Binding: TypeAlias = Union[str, tuple[ast.expr, "Scope"], "Scope", None]


class Scope:
    """A namespace: a module's, a class's, a function's (a lambda's too), or a comprehension's.

    Attributes:
        node: what opens it.
        parent: the scope around it; None for the module.
        bindings: what each name that is bound here may be.
        deleted: names that a `del` unbinds.
        gives_value: for functions: returns a value, or yields.
    """

    __slots__ = ("_definite", "bindings", "deleted", "gives_value", "global_names", "kind", "node", "parent")

    def __init__(
        self,
        kind: ScopeKind,
        node: ast.AST,
        parent: "Scope | None" = None,
    ) -> None:
        """Open a scope in which nothing is bound yet."""
        self.kind = kind
        self.node = node
        self.parent = parent
        self.bindings: dict[str, list[Binding]] = {}
        self.global_names: set[str] = set()
        self.deleted: set[str] = set()
        self.gives_value = False
        self._definite: dict[str, Position] | None = None

    def bind(self, name: str, value: Binding = None) -> None:
        """Note one thing that a name may be."""
        self.bindings.setdefault(name, []).append(value)

    def always_binds(self, name: str, before: Position | None) -> bool:
        """Whether a name is certainly bound here: at all (`before` is None), or before a position.

        In functions and comprehensions a name that is bound anywhere is local everywhere. A module or a class body
        looks an unbound name up further out, so there it must be bound on every way through the statements.
        """
        if self.kind in ("function", "comprehension"):
            return True
        if self._definite is None:
            self._definite = _definite_bindings(self.node.body)  # type: ignore[attr-defined]
        bound_at = self._definite.get(name)
        return bound_at is not None and name not in self.deleted and (before is None or bound_at <= before)


def _definite_bindings(body: Sequence[ast.stmt]) -> dict[str, Position]:
    """The names that a block binds whichever way it is run through, and where each is bound at the latest."""
    bound: dict[str, Position] = {}
    for statement in body:
        end = (statement.end_lineno or 0, statement.end_col_offset or 0)
        names: Iterator[str] | list[str] = []
        match statement:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                names = [name]
            case ast.Import() | ast.ImportFrom():
                names = [alias.asname or alias.name.partition(".")[0] for alias in statement.names]
            case ast.Assign(targets=targets):
                names = [name for target in targets for name in _target_names(target)]
            case ast.AnnAssign(target=target, value=ast.expr()):
                names = _target_names(target)
            case ast.With() | ast.AsyncWith():
                for name, position in _definite_bindings(statement.body).items():
                    bound.setdefault(name, position)
            case ast.If():
                blocks = [statement.body]
                # An elif is an if in an else: a long chain is flat to its author, and must not recurse here.
                branch = statement
                while len(branch.orelse) == 1 and isinstance(branch.orelse[0], ast.If):
                    branch = branch.orelse[0]
                    blocks.append(branch.body)
                names = _in_all([*blocks, branch.orelse])
            case ast.Try() | ast.TryStar():
                handlers = [handler.body for handler in statement.handlers]
                names = _in_all([[*statement.body, *statement.orelse], *handlers])
        for name in names:
            bound.setdefault(name, end)
    return bound


def _in_all(blocks: list[list[ast.stmt]]) -> list[str]:
    first, *others = [_definite_bindings(block) for block in blocks]
    return [name for name in first if all(name in other for other in others)]


def _target_names(target: ast.expr) -> Iterator[str]:
    return (node.id for node in ast.walk(target) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
