"""What an expression may be, as far as reading decides it: objects by their path, and constant strings.

A path is a qualified name from an import or from `builtins` (see `rules.RuleIndex`). The answers are sets, because a
name may be bound in several places. A container stands for its elements, and a module's `__dict__` for the module:
telling them apart would only matter to code that fails anyway. An empty set means that reading does not decide it.
"""

import ast
import builtins
from collections.abc import Iterable, Set
from typing import NamedTuple

from policy.scope import Scope
from policy.structure import SourceError
from policy.survey import Survey

# The script's own namespace, which `globals()` gives; also the name under which the module runs.
SCRIPT = "script"

NAMESPACES = frozenset({"builtins.vars", "builtins.globals", "builtins.locals"})
_GETTERS = frozenset({"builtins.getattr", "builtins.setattr", "builtins.delattr"})
# Classes of which an instance is treated like the class itself.
_CLASSES = frozenset({"string.Formatter"})
# Called as attributes (`builtins.getattr(…)`), these are worth resolving; other methods are not.
_CALLED_ATTRIBUTES = frozenset(path.rpartition(".")[2] for path in NAMESPACES | _GETTERS | _CLASSES)
_ITEM_GETTERS = frozenset({"get", "pop", "setdefault", "__getitem__"})
_ATTRIBUTE_GETTERS = frozenset({"__getattribute__", "__getattr__"})

_BUILTINS = frozenset(dir(builtins)) | {"__builtins__"}
_MAX_DEPTH = 60
# Nothing honest is called so many things; what is, would make the check slow.
_MAX_PATHS = 64
# Above these, a string counts as unknown. A path keeps its last components: rules look at the end of it.
_MAX_STRINGS = 32
_MAX_STRING_LENGTH = 1000
_MAX_COMPONENTS = 12

Strings = frozenset[str]
Paths = frozenset[str]
NOTHING: frozenset[str] = frozenset()


class Lookup(NamedTuple):
    """A call that looks `key` up in `base`: among its items, or among its attributes."""

    base: ast.expr
    key: ast.expr
    is_item: bool


def _too_convoluted(node: ast.AST) -> SourceError:
    return SourceError("Script is too convoluted to be checked here.", getattr(node, "lineno", None))


class Resolver:
    """Resolves the expressions of one script; what it finds about names and attributes it keeps."""

    def __init__(self, survey: Survey) -> None:
        """Get ready; nothing is resolved before it is asked for."""
        self._survey = survey
        self._depth = 0
        self.stars = [
            node.module
            for node, _ in survey.from_imports
            if node.module and not node.level and any(alias.name == "*" for alias in node.names)
        ]
        if len(self.stars) > _MAX_PATHS:
            raise SourceError("Script has too many star imports to be checked.", survey.from_imports[0][0].lineno)
        # By node: without it, a call in a call in a call would be resolved twice at each level.
        self._paths: dict[ast.expr, Paths] = {}
        self._strings: dict[ast.expr, Strings] = {}
        self._bound_paths: dict[tuple[Scope, str], set[str]] = {}
        self._bound_strings: dict[tuple[Scope, str], set[str]] = {}

    def paths(self, node: ast.expr, scope: Scope) -> Paths:
        """The objects that an expression may be.

        Raises:
            SourceError: the way to the answer is too long.
        """
        kind = type(node)
        if kind is ast.Name:
            return self.name_paths(node, scope)  # type: ignore[arg-type]
        if kind not in _PATH_KINDS:
            return NOTHING
        if (known := self._paths.get(node)) is not None:
            return known
        self._enter(node)
        found = self._find_paths(node, scope)
        self._depth -= 1
        self._paths[node] = found if len(found) <= _MAX_PATHS else NOTHING
        return self._paths[node]

    def _find_paths(self, node: ast.expr, scope: Scope) -> Paths:
        match node:
            case ast.Attribute():
                return self._of_attribute(node, scope)
            case ast.Call():
                return self._of_call(node, scope)
            case ast.Subscript():
                bases = self.paths(node.value, scope)
                names = self.strings(node.slice, scope) if bases else NOTHING
                return self.members(bases, names) | bases
            case _:
                return NOTHING.union(*(self.paths(part, scope) for part in _alternatives(node)))

    def _enter(self, node: ast.expr) -> None:
        """Bound the recursion: past it nothing would be known, and a script could hide behind that."""
        if self._depth > _MAX_DEPTH:
            raise _too_convoluted(node)
        self._depth += 1

    def name_paths(self, node: ast.Name, scope: Scope) -> Paths:
        """The objects that a name may be, the builtin included where the script may not have bound its own."""
        found: set[str] = set()
        start: Scope | None = scope
        while start is not None and (owner := self._survey.owner(node.id, start)):
            found |= self._bound(owner, node.id)
            if len(found) > _MAX_PATHS:
                raise _too_convoluted(node)
            if owner.always_binds(node.id, _read_at(node, start, owner)):
                return frozenset(found)
            start = owner.parent
            while start is not None and start.kind == "class":
                start = start.parent
        if node.id in _BUILTINS:
            found.add(f"builtins.{node.id}")
        found.update(f"{module}.{node.id}" for module in self.stars)
        return frozenset(found)

    def _bound(self, owner: Scope, name: str) -> set[str]:
        key = (owner, name)
        if (known := self._bound_paths.get(key)) is not None:
            return known
        # Kept before it is complete, so that a name bound to itself ends here.
        found = self._bound_paths[key] = set()
        for value in owner.bindings[name]:
            if isinstance(value, str):
                found.add(value)
            elif isinstance(value, tuple):
                self._enter(value[0])
                found |= self.paths(*value)
                self._depth -= 1
        return found

    def members(self, bases: Iterable[str], names: Iterable[str]) -> Paths:
        """The paths of the named members of objects."""
        return NOTHING.union(*(self._member(base, name) for base in bases for name in names))

    def _member(self, base: str, name: str) -> Paths:
        if base == SCRIPT and name in self._survey.module.bindings:
            return frozenset(self._bound(self._survey.module, name))
        if base == SCRIPT and name in _BUILTINS:
            return frozenset({f"builtins.{name}"})
        if name == "__dict__":
            return frozenset({base})
        if name == "__self__" and base.startswith("builtins."):
            return frozenset({"builtins"})
        parts = base.split(".")
        return frozenset({".".join([*parts[-_MAX_COMPONENTS:], name])})

    def _of_attribute(self, node: ast.Attribute, scope: Scope) -> Paths:
        """Go down a chain of attributes and up again without recursion: `a.b.c` is as deep as it is long."""
        chain = []
        base: ast.expr = node
        while isinstance(base, ast.Attribute) and base not in self._paths:
            chain.append(base)
            base = base.value
        found = self._paths[base] if isinstance(base, ast.Attribute) else self.paths(base, scope)
        for link in reversed(chain):
            found = self._paths[link] = self.members(found, (link.attr,)) if found else NOTHING
        return found

    def _of_call(self, node: ast.Call, scope: Scope) -> Paths:
        if lookup := self.lookup(node, scope):
            bases = self.paths(lookup.base, scope)
            return self.members(bases, self.strings(lookup.key, scope)) if bases else NOTHING
        if isinstance(node.func, ast.Attribute) and node.func.attr not in _CALLED_ATTRIBUTES:
            return NOTHING
        functions = self.paths(node.func, scope)
        if functions & NAMESPACES:
            return self.paths(node.args[0], scope) if node.args else frozenset({SCRIPT})
        return functions & _CLASSES

    def lookup(self, node: ast.Call, scope: Scope) -> Lookup | None:
        """Read a call as one that looks a name up in an object; None where it is another call."""
        arguments, func = node.args, node.func
        if isinstance(func, ast.Attribute) and arguments:
            if func.attr in _ITEM_GETTERS:
                return Lookup(func.value, arguments[0], is_item=True)
            if func.attr in _ATTRIBUTE_GETTERS:
                base, key = arguments[:2] if len(arguments) > 1 else (func.value, arguments[0])
                return Lookup(base, key, is_item=False)
        is_method = isinstance(func, ast.Attribute) and func.attr not in _CALLED_ATTRIBUTES
        if len(arguments) > 1 and not is_method and self.paths(func, scope) & _GETTERS:
            return Lookup(arguments[0], arguments[1], is_item=False)
        return None

    def strings(self, node: ast.expr, scope: Scope) -> Strings:
        """The constant strings that an expression may be.

        Raises:
            SourceError: the way to the answer is too long.
        """
        if isinstance(node, ast.Constant):
            return frozenset({node.value}) if isinstance(node.value, str) else NOTHING
        if (known := self._strings.get(node)) is not None:
            return known
        self._enter(node)
        found = self._find_strings(node, scope)
        self._depth -= 1
        few = len(found) <= _MAX_STRINGS
        self._strings[node] = frozenset(text for text in found if len(text) <= _MAX_STRING_LENGTH) if few else NOTHING
        return self._strings[node]

    def _find_strings(self, node: ast.expr, scope: Scope) -> Set[str]:
        match node:
            case ast.Name():
                owner = self._survey.owner(node.id, scope)
                return self._bound_to_strings(owner, node.id) if owner else NOTHING
            case ast.BinOp(op=ast.Add()):
                return self._joined("", [node.left, node.right], scope)
            case ast.JoinedStr():
                return self._joined("", node.values, scope)
            case ast.FormattedValue(format_spec=None):
                return self.strings(node.value, scope)
            case ast.Call(func=ast.Attribute(attr="join"), args=[ast.List() | ast.Tuple() as parts]):
                separators = self.strings(node.func.value, scope)  # type: ignore[attr-defined]
                return NOTHING.union(*(self._joined(each, parts.elts, scope) for each in separators))
            case ast.Subscript(slice=ast.Slice(lower=None, upper=None, step=ast.UnaryOp(ast.USub(), ast.Constant(1)))):
                return {text[::-1] for text in self.strings(node.value, scope)}
            case ast.Subscript():
                return self.strings(node.value, scope)
            case _:
                return NOTHING.union(*(self.strings(part, scope) for part in _alternatives(node)))

    def _joined(self, separator: str, parts: list[ast.expr], scope: Scope) -> Strings:
        joined: Strings | None = None
        for part in parts:
            more = self.strings(part, scope)
            joined = more if joined is None else frozenset(f"{a}{separator}{b}" for a in joined for b in more)
            if not joined or len(joined) > _MAX_STRINGS:
                return NOTHING
        return joined or NOTHING

    def _bound_to_strings(self, owner: Scope, name: str) -> set[str]:
        key = (owner, name)
        if (known := self._bound_strings.get(key)) is not None:
            return known
        # Kept while it grows: in `s += "x"` the right side reads what `s` was bound to further up.
        found = self._bound_strings[key] = set()
        bindings = owner.bindings[name]
        # The survey goes through a block backwards; this is the order in which the script binds.
        for value in reversed(bindings) if len(bindings) <= _MAX_STRINGS else ():
            if isinstance(value, tuple):
                found |= self.strings(*value)
        return found


def _read_at(node: ast.Name, scope: Scope, owner: Scope) -> tuple[int, int] | None:
    """Where a name is read, if that is before the owner's body has run; None for functions, which run later."""
    while scope is not owner:
        if scope.kind == "function" or scope.parent is None:
            return None
        scope = scope.parent
    return node.lineno, node.col_offset


def _alternatives(node: ast.expr) -> list[ast.expr]:
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


_PATH_KINDS = frozenset(
    {
        ast.Attribute, ast.Call, ast.Subscript, ast.IfExp, ast.BoolOp, ast.NamedExpr, ast.Starred, ast.Await,
        ast.List, ast.Tuple, ast.Set, ast.Dict,
    }
)  # fmt: skip
