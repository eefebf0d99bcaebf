"""What an expression of a script may be, as far as reading decides it.

There are two kinds of values. A path is the qualified name of an object, from an import or from `builtins` (see
`denials.Denials`). A constant is a text, bytes, a number, or a tuple of these. One evaluation serves both: it goes down
the syntax tree in search of one kind, and asks for the other if the answer depends on it. So the function that a call
names is a path, and the key of a lookup is a constant.

The answers are sets, because a name may be bound in several places. A container stands for its elements, and a
module's `__dict__` for the module: to tell them apart would only matter to code that fails anyway. An empty set means
that reading does not decide it.
"""

import ast
import functools
import itertools
from collections.abc import Collection, Iterable
from typing import Any

from policy import constants, readers
from policy.budget import Budget, too_convoluted
from policy.comprehension import Comprehension, Element
from policy.constants import Constant, flat, known
from policy.denials import MAX_COMPONENTS, shortened
from policy.names import BUILTINS, Names
from policy.scope import Binding, Scope
from policy.script_index import ScriptIndex
from policy.values import NOTHING, SCRIPT, UNKNOWN, Kind, Lookup, Path, V, new_constants, new_paths, parts_of

# No honest name stands for so many things, and they would make the check slow.
_MAX_VALUES_OF_A_NAME = 256


class Evaluator:
    """Evaluates the expressions of one script, and keeps what it finds."""

    def __init__(self, index: ScriptIndex, size: int) -> None:
        """Get ready for a script of `size` characters; nothing is evaluated before it is asked for.

        Raises:
            SourceError: the script has too many star imports.
        """
        self._index = index
        self._names = Names(index)
        self.stars = self._names.stars
        self._budget = Budget(size)
        self.spend = self._budget.spend
        self._growing = 0  # how many names are evaluated at the moment
        self._paths = new_paths()
        self._constants = new_constants()

    def paths(self, node: ast.expr, scope: Scope) -> frozenset[Path]:
        """Return the paths of the objects that an expression may be.

        Raises:
            SourceError: it takes too many steps to find the answer.
        """
        return self._values(node, scope, self._paths)

    def strings(self, node: ast.expr, scope: Scope) -> frozenset[str]:
        """Return the texts that an expression, or an element of it, may be.

        Raises:
            SourceError: it takes too many steps to find the answer.
        """
        if isinstance(node, ast.Constant):  # of any length
            return frozenset({node.value}) if isinstance(node.value, str) else NOTHING
        return frozenset(each for each in flat(self._values(node, scope, self._constants)) if isinstance(each, str))

    def _values(self, node: ast.expr, scope: Scope, kind: Kind[V]) -> frozenset[V]:
        """Return the values of a kind that an expression may have."""
        if (kept := kind.of_nodes.get(node)) is not None:
            return kept
        syntax = type(node)
        if syntax not in kind.syntax:
            return NOTHING
        if syntax is ast.Constant:
            value = node.value  # type: ignore[attr-defined]
            return frozenset({value}) if constants.is_constant(value) else NOTHING
        is_name = syntax is ast.Name
        if is_name:
            found = self._of_name(node, scope, kind)  # type: ignore[arg-type]
        else:
            self._budget.enter(node)
            found = frozenset(self._evaluate(node, scope, kind))
            self._budget.leave()
        if kind is self._constants:
            self._budget.spend(sum(map(constants.cost, found)), node)
        if len(found) > kind.most and not is_name:
            found = NOTHING
        # While names are evaluated, this may be one of them, of which only a part is known yet.
        if not (is_name and self._growing):
            kind.of_nodes[node] = found
        return found

    def _evaluate(self, node: ast.expr, scope: Scope, kind: Kind[V]) -> Iterable[Any]:
        match node:
            case ast.Attribute():
                return self._of_attribute(node, scope)
            case ast.Call():
                return self._of_call(node, scope, kind)
            case ast.Subscript():
                return self._of_item(node.value, node.slice, scope, kind)
            case ast.ListComp() | ast.GeneratorExp() | ast.SetComp():
                return self._of_comprehension(node, scope)
            case _ if (parts := constants.operands(node)) is not None:
                return known(constants.fold_operation(node, each) for each in self._combinations(parts, scope))
            case _:
                return self._of_parts(node, scope, kind)

    def _of_name(self, node: ast.Name, scope: Scope, kind: Kind[V]) -> frozenset[V]:
        owners, is_bound = self._names.owners(node, scope)
        found: set[Any] = set()
        for owner in owners:
            found |= self._bound(owner, node.id, kind)
            self._budget.spend(1 + len(found), node)
            if len(found) > _MAX_VALUES_OF_A_NAME:
                raise too_convoluted(node)
        if not is_bound and kind is self._paths:
            found.update(self._names.unbound(node.id))
            self._budget.spend(1 + len(found), node)
        return frozenset(found)

    def _bound(self, owner: Scope, name: str, kind: Kind[V]) -> set[V]:
        """Return what a name may be by its bindings in the scope that owns it."""
        if (kept := kind.of_names.get((owner, name))) is not None:
            return kept
        # The set grows in the order in which the script binds, which is the reverse of the walk's. So the right side of
        # `s += "x"` reads what `s` is bound to further up. A name that is bound to itself ends here.
        found = kind.of_names[owner, name] = set()
        bindings = owner.bindings[name]
        unknown = False
        self._growing += 1
        for binding in reversed(bindings) if len(bindings) <= (kind.most_bindings or len(bindings)) else ():
            values = self._of_binding(binding, kind)
            found |= values
            unknown = unknown or not values
        self._growing -= 1
        if found and unknown:
            found |= kind.unknown
        return found

    def _of_binding(self, binding: Binding, kind: Kind[V]) -> frozenset[Any]:
        if isinstance(binding, tuple):
            self._budget.enter(binding[0])
            values = self._values(*binding, kind)
            self._budget.leave()
            return values
        return frozenset({shortened(binding)}) if isinstance(binding, str) and kind is self._paths else NOTHING

    def _of_attribute(self, node: ast.Attribute, scope: Scope) -> frozenset[Path]:
        """Go down a chain of attributes and up again without recursion: `a.b.c` is as deep as it is long."""
        chain, of_nodes = [], self._paths.of_nodes
        base: ast.expr = node
        while isinstance(base, ast.Attribute) and base not in of_nodes:
            chain.append(base)
            base = base.value
        found = self.paths(base, scope)
        for link in reversed(chain):
            found = of_nodes[link] = self.members(found, (link.attr,), link) if found else NOTHING
        return found

    def members(self, bases: Iterable[Path], names: Collection[str], node: ast.AST) -> frozenset[Path]:
        """Return the paths of the named members of objects; `node` is the expression that reads them."""
        members = [self._member(base, name) for base in bases for name in names]
        # A path that is long costs the memory of several.
        self._budget.spend(sum(1 + len(path) // 100 for paths in members for path in paths), node)
        return members[0] if len(members) == 1 else NOTHING.union(*members)

    def _member(self, base: Path, name: str) -> frozenset[Path]:
        if base == SCRIPT:
            if name in self._index.module.bindings:
                return frozenset(self._bound(self._index.module, name, self._paths))
            if name in BUILTINS:
                return frozenset({f"builtins.{name}"})
            if self.stars:
                return frozenset(self._names.unbound(name))
        if base == UNKNOWN or name == readers.NAMESPACE_ATTRIBUTE:
            return frozenset({base})
        if name == "__self__" and base.startswith("builtins."):
            return frozenset({"builtins"})
        if base.count(".") >= MAX_COMPONENTS:
            base = ".".join(base.split(".")[-MAX_COMPONENTS:])
        return frozenset({f"{base}.{shortened(name)}"})

    def _of_item(self, base: ast.expr, key: ast.expr, scope: Scope, kind: Kind[V]) -> Iterable[Any]:
        """Return what `base[key]` and `base.get(key)` may be, any element of the base included."""
        if kind is self._paths:
            objects = self.paths(base, scope)
            return self.members(objects, self.strings(key, scope), key) | (objects - {SCRIPT}) if objects else NOTHING
        bases = self._values(base, scope, self._constants)
        parts = (key.lower, key.upper, key.step) if isinstance(key, ast.Slice) else ()
        bounds = [self._values(part, scope, self._constants) if part else (None,) for part in parts]
        keys = (
            itertools.starmap(slice, itertools.product(*bounds)) if parts else self._values(key, scope, self._constants)
        )
        items = known(itertools.starmap(constants.fold_item, itertools.product(bases, keys)))
        # A container may have changed meanwhile: any of its elements may be at this key now.
        return [*items, *flat(bases)]

    def _of_call(self, node: ast.Call, scope: Scope, kind: Kind[V]) -> Iterable[Any]:
        lookup = self.lookup(node, scope)
        if lookup and lookup.is_item:
            return self._of_item(lookup.base, lookup.key, scope, kind)
        if kind is self._constants:
            return self._of_folded_call(node, scope)
        if lookup:
            bases = self.paths(lookup.base, scope)
            return self.members(bases, self.strings(lookup.key, scope), node) if bases else NOTHING
        if isinstance(node.func, ast.Attribute) and node.func.attr not in readers.CALLED_ATTRIBUTES:
            return NOTHING
        functions = self.paths(node.func, scope)
        if functions & readers.NAMESPACE_FUNCTIONS:
            return self.paths(node.args[0], scope) if node.args else {SCRIPT}
        return functions & readers.CLASSES

    def _of_folded_call(self, node: ast.Call, scope: Scope) -> Iterable[Constant]:
        func, arguments = node.func, node.args
        if not node.keywords and (paths := self.paths(func, scope)):
            fold_each = next((constants.FOLDED_EACH[path] for path in paths if path in constants.FOLDED_EACH), None)
            if fold_each and len(arguments) == 2:
                functions = self.paths(arguments[0], scope)
                values = self._values(arguments[1], scope, self._constants)
                return known(fold_each(path, value) for path in functions for value in values)
            if "builtins.filter" in paths and len(arguments) == 2:
                return self._values(arguments[1], scope, self._constants)  # which may let all of them through
            combinations = ((path, each) for path in paths for each in self._combinations(arguments, scope))
            if results := known(itertools.starmap(constants.fold_call, combinations)):
                return results
        if not isinstance(func, ast.Attribute):
            return NOTHING
        if func.attr in readers.ITEM_METHODS and not arguments:  # `pop()`
            return flat(self._values(func.value, scope, self._constants))
        names = [keyword.arg or "" for keyword in node.keywords]
        parts = [func.value, *arguments, *(keyword.value for keyword in node.keywords)]
        count = 1 + len(arguments)
        return known(
            constants.fold_method(func.attr, each[:count], dict(zip(names, each[count:], strict=True)))
            for each in self._combinations(parts, scope)
        )

    def _of_parts(self, node: ast.expr, scope: Scope, kind: Kind[V]) -> Iterable[Any]:
        if kind is self._constants and isinstance(node, ast.List | ast.Tuple):
            sequences = known(map(constants.sequence, self._combinations(node.elts, scope)))
            if sequences:
                return sequences
            # Of a list of which not every element is known, those that are known count.
        choices = [self._values(part, scope, kind) for part in parts_of(node)]
        found = NOTHING.union(*choices)
        return found | kind.unknown if found and not all(choices) else found

    def _combinations(self, nodes: list[ast.expr], scope: Scope) -> list[tuple[Constant, ...]]:
        """Return every combination of the constants that some expressions may be; none if one of them is unknown."""
        if len(nodes) > constants.MAX_LENGTH:
            return []
        choices = []
        count = 1
        for node in nodes:
            choices.append(self._values(node, scope, self._constants))
            count *= len(choices[-1])
            if not 0 < count <= self._constants.most:
                return []
        return list(itertools.product(*choices))

    def _of_comprehension(self, node: Comprehension, scope: Scope) -> Iterable[Constant]:
        """Return what a comprehension makes of known values one by one: `chr(c) for c in codes`."""
        inner = self._index.scope_of(node)
        paths = functools.partial(self.paths, scope=inner)
        values = functools.partial(self._values, scope=inner, kind=self._constants)
        element = Element(node, self._budget, paths, values)
        return known(map(element.for_each, self._values(node.generators[0].iter, scope, self._constants)))

    def is_namespace(self, node: ast.expr, scope: Scope) -> bool:
        """Return whether an expression is the namespace of some object: `vars(x)`, `x.__dict__`."""
        if isinstance(node, ast.Call):
            if lookup := self.lookup(node, scope):
                return not lookup.is_item and readers.NAMESPACE_ATTRIBUTE in self.strings(lookup.key, scope)
            return not self.paths(node.func, scope).isdisjoint(readers.NAMESPACE_FUNCTIONS)
        return isinstance(node, ast.Attribute) and node.attr == readers.NAMESPACE_ATTRIBUTE

    def lookup(self, node: ast.Call, scope: Scope) -> Lookup | None:
        """Read a call as one that looks a name up in an object; None if it is another call."""
        arguments, func = node.args, node.func
        if isinstance(func, ast.Attribute) and arguments:
            if func.attr in readers.ITEM_METHODS:
                return Lookup(func.value, arguments[0], is_item=True)
            if func.attr in readers.ATTRIBUTE_METHODS:
                base, key = arguments[:2] if len(arguments) > 1 else (func.value, arguments[0])
                return Lookup(base, key, is_item=False)
        is_method = isinstance(func, ast.Attribute) and func.attr not in readers.CALLED_ATTRIBUTES
        if len(arguments) > 1 and not is_method:
            functions = self.paths(func, scope)
            if functions & readers.ATTRIBUTE_FUNCTIONS or readers.PATCH_OBJECT in functions:
                return Lookup(arguments[0], arguments[1], is_item=False)
        return None
