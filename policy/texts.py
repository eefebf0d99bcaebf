"""What texts an expression may be, as far as reading decides it.

The answers are sets, because a name may be bound in several places. A container stands for its elements too. An empty
set means that reading does not decide it.
"""

import ast
import itertools
from collections.abc import Callable, Iterable

from policy import fold
from policy.fold import Value
from policy.parse import SourceError
from policy.scope import Scope

NOTHING: frozenset[str] = frozenset()

_MAX_DEPTH = 60
# Above this, a text counts as unknown.
_MAX_VALUES = 32
# Far more than any honest script asks for (the standard library's own files stay below a tenth of it), and about half a
# second for the longest script. It follows the script's size: a short one is to be answered at once.
_LEAST_EFFORT = 10_000
_EFFORT_PER_CHARACTER = 0.5
_ITEM_GETTERS = frozenset({"get", "pop"})
_CONVERSIONS = {-1: "builtins.str", ord("s"): "builtins.str", ord("r"): "builtins.repr", ord("a"): "builtins.ascii"}

_FOLD_EACH = {"builtins.map": fold.fold_map, "functools.reduce": fold.fold_reduce}

Values = frozenset[Value]
_UNKNOWN: Values = frozenset()


def too_convoluted(node: ast.AST) -> SourceError:
    """The error for what takes too long to resolve: if it counted as unknown, a script could hide behind that."""
    return SourceError("Script is too convoluted to be checked here.", getattr(node, "lineno", None))


class Effort:
    """What the resolving of one script has cost, and how deep it is at the moment."""

    __slots__ = ("_depth", "_left")

    def __init__(self, size: int) -> None:
        """Begin at the surface of a script of so many characters."""
        self._depth = 0
        self._left = _LEAST_EFFORT + int(_EFFORT_PER_CHARACTER * size)

    def enter(self, node: ast.AST) -> None:
        """Go one level down.

        Raises:
            SourceError: that is too deep.
        """
        if self._depth > _MAX_DEPTH:
            raise too_convoluted(node)
        self._depth += 1

    def leave(self) -> None:
        """Come up again."""
        self._depth -= 1

    def spend(self, amount: int, node: ast.AST) -> None:
        """Note how many possibilities were looked at.

        Raises:
            SourceError: that makes too many.
        """
        self._left -= amount
        if self._left < 0:
            raise too_convoluted(node)


class Texts:
    """Folds the constant expressions of one script."""

    def __init__(self, effort: Effort, paths: Callable[[ast.expr, Scope], frozenset[str]]) -> None:
        """Get ready; `paths` tells which functions an expression may be."""
        self._effort = effort
        self._paths = paths
        # By node: without it, a call in a call in a call would be folded twice at each level.
        self._values: dict[ast.expr, Values] = {}
        self._bound_values: dict[tuple[Scope, str], set[Value]] = {}

    def strings(self, node: ast.expr, scope: Scope) -> frozenset[str]:
        """The texts that an expression, or an element of it, may be.

        Raises:
            SourceError: the way to the answer is too long.
        """
        if isinstance(node, ast.Constant):
            return frozenset({node.value}) if isinstance(node.value, str) else NOTHING
        return frozenset(value for value in _flat(self._of(node, scope)) if isinstance(value, str))

    def _of(self, node: ast.expr, scope: Scope) -> Values:
        if isinstance(node, ast.Constant):
            return frozenset({node.value}) if fold.is_value(node.value) else _UNKNOWN  # type: ignore[arg-type]
        if (known := self._values.get(node)) is not None:
            return known
        self._effort.enter(node)
        found = frozenset(self._find(node, scope))
        self._effort.leave()
        self._effort.spend(sum(map(fold.cost, found)), node)
        self._values[node] = found if len(found) <= _MAX_VALUES else _UNKNOWN
        return self._values[node]

    def _find(self, node: ast.expr, scope: Scope) -> Iterable[Value]:
        match node:
            case ast.Name():
                owner = scope.owner(node.id)
                return self._bound(owner, node.id) if owner else _UNKNOWN
            case ast.Subscript():
                return self._of_item(node, scope)
            case ast.Call():
                return self._of_call(node, scope)
            case ast.BinOp() | ast.UnaryOp() | ast.JoinedStr() | ast.FormattedValue():
                return self._of_operation(node, scope)
            case ast.ListComp() | ast.GeneratorExp() | ast.SetComp():
                return self._of_comprehension(node, scope)
            case ast.List() | ast.Tuple() if sequences := set(self._each(node.elts, scope)):
                return {value for value in sequences if fold.is_value(value)}
            case _:
                # Also a list of which not every element is known: those that are count.
                return frozenset().union(*(self._of(part, scope) for part in alternatives(node)))

    def _of_operation(
        self, node: ast.BinOp | ast.UnaryOp | ast.JoinedStr | ast.FormattedValue, scope: Scope
    ) -> Iterable[Value]:
        match node:
            case ast.BinOp():
                operands = self._each([node.left, node.right], scope)
                return _known(fold.fold_operator(node.op, left, right) for left, right in operands)
            case ast.JoinedStr():
                joined = {"".join(map(str, parts)) for parts in self._each(node.values, scope)}
                return {text for text in joined if fold.is_value(text)}
            case ast.FormattedValue(
                format_spec=None | ast.JoinedStr(values=[] | [ast.Constant(value="s" | "d" | "c")])
            ):
                convert = _CONVERSIONS[node.conversion]
                as_character = node.format_spec is not None and ast.unparse(node.format_spec) == "f'c'"
                values = self._of(node.value, scope)
                return _known(
                    fold.fold_call("builtins.chr", [value]) if as_character else fold.fold_call(convert, [value])
                    for value in values
                )
            case ast.UnaryOp(op=ast.USub()):
                return {-value for value in self._of(node.operand, scope) if isinstance(value, int)}
            case _:
                return _UNKNOWN

    def _of_comprehension(self, node: ast.ListComp | ast.GeneratorExp | ast.SetComp, scope: Scope) -> Iterable[Value]:
        """What a comprehension makes of known values one by one: `chr(c) for c in codes`."""
        match node.generators:
            # A condition may leave nothing out.
            case [ast.comprehension(target=ast.Name(id=name), iter=source, is_async=0)]:
                found = set()
                for values in self._of(source, scope):
                    if not isinstance(values, int):
                        self._effort.spend(fold.size(values), node)
                        made = [self._with(node.elt, name, value, scope) for value in values]
                        if None not in made:
                            found.add(tuple(value for value in made if value is not None))
                return {value for value in found if fold.is_value(value)}
        return _UNKNOWN

    def _with(self, node: ast.expr, name: str, value: Value, scope: Scope) -> Value | None:
        """The value of an expression where a name has a value."""
        self._effort.enter(node)
        try:
            match node:
                case ast.Name():
                    return value if node.id == name else self._one(node, scope)
                case ast.BinOp():
                    sides = [self._with(part, name, value, scope) for part in (node.left, node.right)]
                    return None if None in sides else fold.fold_operator(node.op, *sides)  # type: ignore[arg-type]
                case ast.JoinedStr():
                    parts = [self._with(part, name, value, scope) for part in node.values]
                    return None if None in parts else "".join(map(str, parts))
                case ast.FormattedValue(format_spec=None):
                    part = self._with(node.value, name, value, scope)
                    return None if part is None else fold.fold_call(_CONVERSIONS[node.conversion], [part])
                case ast.Call(func=func, keywords=[]):
                    arguments = [self._with(part, name, value, scope) for part in node.args]
                    if None in arguments:
                        return None
                    if isinstance(func, ast.Attribute) and func.attr in fold.METHODS:
                        base = self._with(func.value, name, value, scope)
                        return None if base is None else fold.fold_method(base, func.attr, arguments)  # type: ignore[arg-type]
                    results = _known(fold.fold_call(path, arguments) for path in self._paths(func, scope))  # type: ignore[arg-type]
                    return results.pop() if len(results) == 1 else None
                case _:
                    return self._one(node, scope)
        finally:
            self._effort.leave()

    def _one(self, node: ast.expr, scope: Scope) -> Value | None:
        values = self._of(node, scope)
        return next(iter(values)) if len(values) == 1 else None

    def _each(self, nodes: list[ast.expr], scope: Scope) -> list[tuple[Value, ...]]:
        """Every combination of what some expressions may be; none where one of them is unknown."""
        if len(nodes) > fold.MAX_LENGTH:
            return []
        choices: list[Values] = []
        count = 1
        for node in nodes:
            choices.append(self._of(node, scope))
            count *= len(choices[-1])
            if not 0 < count <= _MAX_VALUES:
                return []
        return list(itertools.product(*choices))

    def _of_item(self, node: ast.Subscript, scope: Scope) -> Iterable[Value]:
        bases = self._of(node.value, scope)
        if isinstance(node.slice, ast.Slice):
            bounds = [
                self._of(part, scope) if part else {None}
                for part in (node.slice.lower, node.slice.upper, node.slice.step)
            ]
            indices: Iterable[Value | slice] = itertools.starmap(slice, itertools.product(*bounds))
        else:
            indices = self._of(node.slice, scope)
        items = _known(fold.fold_item(base, index) for base, index in itertools.product(bases, list(indices)))
        # A container may have changed meanwhile: any element may be where one was.
        return [*items, *_flat(bases)]

    def _of_call(self, node: ast.Call, scope: Scope) -> Iterable[Value]:
        func = node.func
        if isinstance(func, ast.Attribute) and func.attr in _ITEM_GETTERS:
            return [*_flat(self._of(func.value, scope))]
        if not node.keywords and (paths := self._paths(func, scope)):
            fold_each = next((_FOLD_EACH[path] for path in paths if path in _FOLD_EACH), None)
            if fold_each and len(node.args) == 2:
                functions = self._paths(node.args[0], scope)
                values = self._of(node.args[1], scope)
                return _known(fold_each(path, value) for path in functions for value in values)
            if "builtins.filter" in paths and len(node.args) == 2:
                return self._of(node.args[1], scope)  # which may let all of them through
            if calls := [
                *_known(fold.fold_call(path, each) for path in paths for each in self._each(node.args, scope))
            ]:
                return calls
        if not isinstance(func, ast.Attribute):
            return _UNKNOWN
        names = [keyword.arg or "" for keyword in node.keywords]
        parts = self._each([func.value, *node.args, *(keyword.value for keyword in node.keywords)], scope)
        count = 1 + len(node.args)
        return _known(
            fold.fold_method(each[0], func.attr, each[1:count], dict(zip(names, each[count:], strict=True)))
            for each in parts
        )

    def _bound(self, owner: Scope, name: str) -> set[Value]:
        key = (owner, name)
        if (known := self._bound_values.get(key)) is not None:
            return known
        # Kept while it grows: in `s += "x"` the right side reads what `s` was bound to further up.
        found = self._bound_values[key] = set()
        bindings = owner.bindings[name]
        # The survey goes through a block backwards; this is the order in which the script binds.
        for value in reversed(bindings) if len(bindings) <= _MAX_VALUES else ():
            if isinstance(value, tuple):
                found |= self._of(*value)
        return found


def _known(values: Iterable[Value | None]) -> set[Value]:
    return {value for value in values if value is not None}


def _flat(values: Iterable[Value]) -> Iterable[Value]:
    """The values, and the elements of those that are tuples."""
    rest = list(values)
    while rest:
        value = rest.pop()
        yield value
        if isinstance(value, tuple):
            rest.extend(value)


def alternatives(node: ast.expr) -> list[ast.expr]:
    """The expressions whose value an expression may have, or contain."""
    match node:
        case ast.IfExp():
            return [node.body, node.orelse]
        case ast.BoolOp():
            return node.values
        case ast.NamedExpr() | ast.Starred() | ast.Await():
            return [node.value]
        case ast.List() | ast.Tuple() | ast.Set():
            return node.elts
        case ast.Dict():
            return node.values
        case _:
            return []
