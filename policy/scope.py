"""The scopes of a script, and what each name in them may be bound to."""

import ast
import builtins
import itertools
from collections.abc import Iterator, Sequence
from typing import Literal, TypeAlias, Union

ScopeKind = Literal["module", "class", "function", "comprehension"]
Position = tuple[int, int]
# What a name may be bound to: an import's dotted path, an expression with its scope, a function, or something unknown.
Binding: TypeAlias = Union[str, tuple[ast.expr, "Scope"], "Scope", None]


class Scope:
    """A namespace: a module's, a class's, a function's (a lambda's too), or a comprehension's.

    Attributes:
        node: the node that opens it.
        parent: the scope around it; None for the module.
        bindings: what each name of this scope may be bound to.
        deleted: the names that a `del` unbinds.
        global_names: the names that a `global` statement gives to the module.
        gives_value: whether the function returns a value, or yields.
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
        """Note one thing that a name may be bound to."""
        self.bindings.setdefault(name, []).append(value)

    def owner(self, name: str) -> "Scope | None":
        """Return the scope whose binding a name read here means; None if only builtins are left."""
        current: Scope | None = self
        while current is not None:
            if name in current.global_names:
                while current.parent is not None:
                    current = current.parent
                return current if name in current.bindings else None
            if name in current.bindings and (current.kind != "class" or current is self):
                return current
            current = current.parent
        return None

    def redirect(self, statement: ast.Global | ast.Nonlocal, module: "Scope") -> None:
        """Move the bindings of `global` and `nonlocal` names into the scope that owns these names."""
        for name in statement.names:
            owner = module
            if isinstance(statement, ast.Global):
                self.global_names.add(name)
            elif self.parent is not None and (found := self.parent.owner(name)):
                owner = found
            if owner is not self and name in self.bindings:
                owner.bindings.setdefault(name, []).extend(self.bindings.pop(name))
            if name in self.deleted:
                owner.deleted.add(name)

    def always_binds(self, name: str, before: Position | None) -> bool:
        """Return whether a name is certainly bound here: at all (`before` is None), or before a position.

        In functions and comprehensions a name that is bound anywhere is local everywhere. A module or a class body
        looks an unbound name up further out, so every path through its statements has to bind the name.
        """
        if self.kind in ("function", "comprehension"):
            return True
        if self._definite is None:
            self._definite = _definite_bindings(self.node.body)  # type: ignore[attr-defined]
        bound_at = self._definite.get(name)
        return bound_at is not None and name not in self.deleted and (before is None or bound_at <= before)

    def bound_at(self, name: str) -> Position:
        """Return where a name that is always bound here is bound at the latest; in functions, the start."""
        return (self._definite or {}).get(name, (0, 0))


def _definite_bindings(body: Sequence[ast.stmt]) -> dict[str, Position]:
    """Return the names that every path through a block binds, and where each is bound at the latest."""
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
                # The context manager may swallow an exception: only names that are bound before any is raised count.
                safe = list(itertools.takewhile(_cannot_fail, statement.body))
                for name, position in _definite_bindings(safe).items():
                    bound.setdefault(name, position)
            case ast.If():
                blocks = [statement.body]
                # An elif is an if in an else. A long chain is flat to its author, and must not cause recursion here.
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


def _cannot_fail(statement: ast.stmt) -> bool:
    match statement:
        case ast.FunctionDef(decorator_list=[], returns=None, args=ast.arguments(defaults=[], kw_defaults=[])):
            arguments = statement.args
            return not any(each.annotation for each in (*arguments.posonlyargs, *arguments.args))
        case ast.Assign(value=ast.Constant() | ast.Name(id=_)) if all(
            isinstance(t, ast.Name) for t in statement.targets
        ):
            return not isinstance(statement.value, ast.Name) or hasattr(builtins, statement.value.id)
        case _:
            return isinstance(statement, ast.Pass)


def _in_all(blocks: list[list[ast.stmt]]) -> list[str]:
    first, *others = [_definite_bindings(block) for block in blocks]
    return [name for name in first if all(name in other for other in others)]


def _target_names(target: ast.expr) -> Iterator[str]:
    return (node.id for node in ast.walk(target) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
