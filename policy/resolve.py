"""What an expression may be, as far as reading decides it: objects, by their path.

A path is a qualified name from an import or from `builtins` (see `denials.Denials`). The answers are sets, because a
name may be bound in several places. A container stands for its elements, and a module's `__dict__` for the module:
telling them apart would only matter to code that fails anyway. An empty set means that reading does not decide it.
"""

import ast
import bisect
import builtins
from collections.abc import Collection
from typing import NamedTuple

from policy.denials import MAX_COMPONENTS, shortened
from policy.parse import SourceError
from policy.scope import Position, Scope
from policy.script_index import ScriptIndex
from policy.texts import NOTHING, Effort, Texts, alternatives, too_convoluted

# Among the paths of something known: that it may be something unknown too.
UNKNOWN = "?"
# The script's own namespace, which `globals()` gives; also the name under which the module runs.
SCRIPT = "script"

NAMESPACES = frozenset({"builtins.vars", "builtins.globals", "builtins.locals"})
GETTERS = frozenset({"builtins.getattr", "builtins.setattr", "builtins.delattr", "inspect.getattr_static"})
# Takes the object and the name too, but `object` is too common a word for what `READING_WORDS` are for.
_PATCH_OBJECT = "unittest.mock.patch.object"
# Classes of which an instance is treated like the class itself.
_CLASSES = frozenset({"string.Formatter", "cProfile.Profile", "profile.Profile"})
# Called as attributes (`builtins.getattr(…)`), these are worth resolving; other methods are not.
_CALLED_ATTRIBUTES = frozenset(path.rpartition(".")[2] for path in NAMESPACES | GETTERS | _CLASSES | {_PATCH_OBJECT})
ITEM_GETTERS = frozenset({"get", "pop", "setdefault", "__getitem__"})
ATTRIBUTE_GETTERS = frozenset({"__getattribute__", "__getattr__"})

_BUILTINS = frozenset(dir(builtins)) | {"__builtins__"}
# Above this, an expression counts as unknown: it is one that is looked up by very many names.
_MAX_PATHS = 64
# No honest name stands for so many things, and they would make the check slow.
_MAX_PATHS_OF_A_NAME = 256

Paths = frozenset[str]


class Lookup(NamedTuple):
    """A call that looks `key` up in `base`: among its items, or among its attributes."""

    base: ast.expr
    key: ast.expr
    is_item: bool


class Resolver:
    """Resolves the expressions of one script; what it finds about names and attributes it keeps."""

    def __init__(self, index: ScriptIndex, size: int) -> None:
        """Get ready, for a script of so many characters; nothing is resolved before it is asked for."""
        self._index = index
        self._effort = Effort(size)
        self._texts = Texts(self._effort, self.paths)
        self.strings = self._texts.strings
        self.spend = self._effort.spend
        modules = dict.fromkeys(
            node.module
            for node, _ in index.from_imports
            if node.module and not node.level and any(alias.name == "*" for alias in node.names)
        )
        self.stars = [shortened(module) for module in modules]
        if len(self.stars) > _MAX_PATHS:
            raise SourceError("Script has too many star imports to be checked.", index.from_imports[0][0].lineno)
        # By node: without it, a call in a call in a call would be resolved twice at each level.
        self._paths: dict[ast.expr, Paths] = {}
        self._own_uses: list[Position] | None = None
        self._bound_paths: dict[tuple[Scope, str], set[str]] = {}

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
        self._effort.enter(node)
        found = self._find_paths(node, scope)
        self._effort.leave()
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
                return self.members(bases, names, node) | (bases - {SCRIPT})
            case _:
                return _either([self.paths(part, scope) for part in alternatives(node)])

    def name_paths(self, node: ast.Name, scope: Scope) -> Paths:
        """The objects that a name may be, the builtin included where the script may not have bound its own."""
        found: set[str] = set()
        start: Scope | None = scope
        while start is not None and (owner := start.owner(node.id)):
            found |= self._bound(owner, node.id)
            self._effort.spend(1 + len(found), node)
            if len(found) > _MAX_PATHS_OF_A_NAME:
                raise too_convoluted(node)
            if owner.always_binds(node.id, _read_at(node, start, owner)) and not self._runs_early(
                node.id, start, owner
            ):
                return frozenset(found)
            start = owner.parent
            while start is not None and start.kind == "class":
                start = start.parent
        if node.id in _BUILTINS:
            found.add(f"builtins.{node.id}")
        if self.stars:
            found.update(f"{module}.{shortened(node.id)}" for module in self.stars)
        self._effort.spend(1 + len(found), node)
        return frozenset(found)

    def _runs_early(self, name: str, scope: Scope, owner: Scope) -> bool:
        """Whether a function that reads a builtin's name may run before the module binds that name."""
        if name not in _BUILTINS or owner.kind != "module" or scope is owner:
            return False
        while scope.parent is not None and scope.parent is not owner:
            scope = scope.parent
        defined_at = (scope.node.end_lineno, scope.node.end_col_offset)  # type: ignore[attr-defined]
        if self._own_uses is None:
            # It takes something of the script's own: what is only imported has not heard of the function.
            self._own_uses = sorted(
                (node.lineno, node.col_offset)
                for node, where, _ in self._index.names
                if where is owner and not all(isinstance(each, str) for each in owner.bindings.get(node.id, ()))
            )
        following = bisect.bisect(self._own_uses, defined_at)
        return following < len(self._own_uses) and self._own_uses[following] < owner.bound_at(name)

    def _bound(self, owner: Scope, name: str) -> set[str]:
        key = (owner, name)
        if (known := self._bound_paths.get(key)) is not None:
            return known
        # Kept before it is complete, so that a name bound to itself ends here.
        found = self._bound_paths[key] = set()
        unknown = False
        for value in owner.bindings[name]:
            if isinstance(value, str):
                found.add(shortened(value))
            elif isinstance(value, tuple):
                self._effort.enter(value[0])
                paths = self.paths(*value)
                self._effort.leave()
                found |= paths
                unknown = unknown or not paths
            else:
                unknown = True
        if found and unknown:
            found.add(UNKNOWN)
        return found

    def members(self, bases: Paths, names: Collection[str], node: ast.AST) -> Paths:
        """The paths of the named members of objects; `node` is where the script takes them."""
        members = [self._member(base, name) for base in bases for name in names]
        # A path that is long costs the room of several.
        self._effort.spend(sum(1 + len(path) // 100 for paths in members for path in paths), node)
        return members[0] if len(members) == 1 else NOTHING.union(*members)

    def _member(self, base: str, name: str) -> Paths:
        if base == UNKNOWN:
            return frozenset({UNKNOWN})
        if base == SCRIPT and name in self._index.module.bindings:
            return frozenset(self._bound(self._index.module, name))
        if base == SCRIPT and name in _BUILTINS:
            return frozenset({f"builtins.{name}"})
        if base == SCRIPT and self.stars:
            return frozenset(f"{module}.{shortened(name)}" for module in self.stars)
        if name == "__dict__":
            return frozenset({base})
        if name == "__self__" and base.startswith("builtins."):
            return frozenset({"builtins"})
        if base.count(".") >= MAX_COMPONENTS:
            base = ".".join(base.split(".")[-MAX_COMPONENTS:])
        return frozenset({f"{base}.{shortened(name)}"})

    def _of_attribute(self, node: ast.Attribute, scope: Scope) -> Paths:
        """Go down a chain of attributes and up again without recursion: `a.b.c` is as deep as it is long."""
        chain = []
        base: ast.expr = node
        while isinstance(base, ast.Attribute) and base not in self._paths:
            chain.append(base)
            base = base.value
        found = self._paths[base] if isinstance(base, ast.Attribute) else self.paths(base, scope)
        for link in reversed(chain):
            found = self._paths[link] = self.members(found, (link.attr,), link) if found else NOTHING
        return found

    def _of_call(self, node: ast.Call, scope: Scope) -> Paths:
        if lookup := self.lookup(node, scope):
            bases = self.paths(lookup.base, scope)
            members = self.members(bases, self.strings(lookup.key, scope), node) if bases else NOTHING
            return members | (bases - {SCRIPT}) if lookup.is_item else members
        if isinstance(node.func, ast.Attribute) and node.func.attr not in _CALLED_ATTRIBUTES:
            return NOTHING
        functions = self.paths(node.func, scope)
        if functions & NAMESPACES:
            return self.paths(node.args[0], scope) if node.args else frozenset({SCRIPT})
        return functions & _CLASSES

    def is_namespace(self, node: ast.expr, scope: Scope) -> bool:
        """Whether an expression is the namespace of some object: `vars(x)`, `x.__dict__`, `getattr(x, "__dict__")`."""
        if isinstance(node, ast.Call):
            if lookup := self.lookup(node, scope):
                return not lookup.is_item and "__dict__" in self.strings(lookup.key, scope)
            return not self.paths(node.func, scope).isdisjoint(NAMESPACES)
        return isinstance(node, ast.Attribute) and node.attr == "__dict__"

    def lookup(self, node: ast.Call, scope: Scope) -> Lookup | None:
        """Read a call as one that looks a name up in an object; None where it is another call."""
        arguments, func = node.args, node.func
        if isinstance(func, ast.Attribute) and arguments:
            if func.attr in ITEM_GETTERS:
                return Lookup(func.value, arguments[0], is_item=True)
            if func.attr in ATTRIBUTE_GETTERS:
                base, key = arguments[:2] if len(arguments) > 1 else (func.value, arguments[0])
                return Lookup(base, key, is_item=False)
        is_method = isinstance(func, ast.Attribute) and func.attr not in _CALLED_ATTRIBUTES
        if len(arguments) > 1 and not is_method:
            functions = self.paths(func, scope)
            if functions & GETTERS or _PATCH_OBJECT in functions:
                return Lookup(arguments[0], arguments[1], is_item=False)
        return None


def _either(choices: list[Paths]) -> Paths:
    """What may be any of several things."""
    found = NOTHING.union(*choices)
    return found | {UNKNOWN} if found and not all(choices) else found


def _read_at(node: ast.Name, scope: Scope, owner: Scope) -> tuple[int, int] | None:
    """Where a name is read, if that is before the owner's body has run; None for functions, which run later."""
    while scope is not owner:
        if scope.kind == "function" or scope.parent is None:
            return None
        scope = scope.parent
    return node.lineno, node.col_offset


_PATH_KINDS = frozenset(
    {
        ast.Attribute, ast.Call, ast.Subscript, ast.IfExp, ast.BoolOp, ast.NamedExpr, ast.Starred, ast.Await,
        ast.List, ast.Tuple, ast.Set, ast.Dict,
    }
)  # fmt: skip
