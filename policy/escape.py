"""Escape analysis: what a script stores or gives to a function, so that reading cannot follow it any more."""

import ast
from collections.abc import Iterable

from policy.denials import Denial, Denials, public_name
from policy.evaluator import Evaluator
from policy.readers import ATTRIBUTE_METHODS, ITEM_METHODS, NAMESPACE_NAMES, READER_NAMES, READERS
from policy.scope import Scope
from policy.script_index import ScriptIndex

# Builtins that return neither their argument nor a member of it that reading does not see.
_QUESTIONS = frozenset({"dir", "getattr", "hasattr", "id", "isinstance", "print", "repr", "str", "type", "vars"})


class EscapeAnalysis:
    """What one script hands on.

    Attributes:
        names: the denied names in the modules that are handed on. They are denied on every object that is unknown,
            because it may be one of these modules.
        by_name: whether the script hands on what reads members by their name: `getattr`, or a namespace.
    """

    def __init__(self, denials: Denials, index: ScriptIndex, evaluator: Evaluator) -> None:
        """Analyse a script.

        Raises:
            SourceError: it is too convoluted to be checked.
        """
        self.names: dict[str, Denial] = {}
        self.by_name = False
        self._denials = denials
        self._index = index
        self._evaluator = evaluator
        self._note_modules()
        self._note_class_imports()
        reads_namespaces = not index.words.isdisjoint(NAMESPACE_NAMES)
        if reads_namespaces or not index.words.isdisjoint(READER_NAMES):
            self._note_looked_up()
            self._note_readers()
        if reads_namespaces:
            self._note_namespaces()

    def _add(self, paths: Iterable[str]) -> None:
        for path in paths:
            self.names.update(self._denials.held_by(path))

    def _note_modules(self) -> None:
        """Note modules that are named as values."""
        index, tails = self._index, self._denials.holder_tails
        bare: list[tuple[ast.expr, Scope]] = [
            (node, scope) for node, scope, is_bare in index.names if is_bare and node.id in index.imported
        ]
        bare += [
            (node, scope) for node, scope, is_bare in index.attributes if is_bare and public_name(node.attr) in tails
        ]
        if not bare:
            return
        # The third argument of `getattr` is what it may return.
        asked = {each for call, scope in index.calls if self._only_asks(call.func, scope) for each in call.args[:2]}
        self._add({path for node, scope in bare if node not in asked for path in self._evaluator.paths(node, scope)})

    def _note_class_imports(self) -> None:
        """Note modules that a class imports, and so has as its attributes."""
        imports = (*self._index.imports, *self._index.from_imports)
        for scope in {scope for _, scope in imports if scope.kind == "class"}:
            self._add(path for paths in scope.bindings.values() for path in paths if isinstance(path, str))

    def _only_asks(self, function: ast.expr, scope: Scope) -> bool:
        """Return whether a function tells something about its arguments, and does not return them."""
        if not isinstance(function, ast.Name) or function.id not in _QUESTIONS:
            return False
        return self._evaluator.paths(function, scope) == {f"builtins.{function.id}"}

    def _note_looked_up(self) -> None:
        """Note modules that are looked up by name: `globals()["os"]`."""
        for call, scope in self._index.calls:
            if self._evaluator.lookup(call, scope):
                self._add(self._evaluator.paths(call, scope))
        for subscript, scope in self._index.subscripts:
            self._add(self._evaluator.paths(subscript, scope))

    def _note_readers(self) -> None:
        """Note functions such as `getattr` that the script uses in another way than by a plain call."""
        called = {
            call.func
            for call, _ in self._index.calls
            if not any(isinstance(each, ast.Starred) for each in call.args[:1])
        }
        # An assigned alias (`g = getattr`) is not looked for here: its assignment names the function itself.
        readers = READER_NAMES | {
            alias.asname or alias.name
            for statement, _ in self._index.from_imports
            for alias in statement.names
            if alias.name in READER_NAMES
        }
        for name, scope, _ in self._index.names:
            if name.id in readers and name not in called and self._evaluator.paths(name, scope) & READERS:
                self.by_name = True
        for attribute, scope, _ in self._index.attributes:
            if attribute.attr not in READER_NAMES or attribute in called:
                continue
            if attribute.attr in ATTRIBUTE_METHODS or self._evaluator.paths(attribute, scope) & READERS:
                self.by_name = True

    def _note_namespaces(self) -> None:
        """Note namespaces such as `vars(os)` that are not read in the same expression."""
        read_here = {subscript.value for subscript, _ in self._index.subscripts}
        read_here |= {
            call.func.value
            for call, _ in self._index.calls
            if isinstance(call.func, ast.Attribute) and call.func.attr in ITEM_METHODS
        }
        values: list[tuple[ast.expr, Scope]] = [*self._index.calls]
        values += [(attribute, scope) for attribute, scope, _ in self._index.attributes]
        for value, scope in values:
            if value in read_here or not self._evaluator.is_namespace(value, scope):
                continue
            paths = self._evaluator.paths(value, scope)
            self._add(paths)
            # The namespace of an unknown object counts only if modules are handed on, which it may belong to.
            self.by_name = self.by_name or bool(paths or self.names)
