"""One walk over a script: its scopes, and the places that a rule could concern."""

import ast
import itertools
from collections import Counter
from collections.abc import Iterator
from typing import Any

from policy.parse import MAX_AST_DEPTH, MAX_AST_NODES, SourceError
from policy.scope import Binding, Scope, ScopeKind
from policy.syntax import CHILD_FIELDS
from policy.type_checking import never_runs, root_of
from policy.visits import HANDLERS, NOTES, too_deep


class ScriptIndex:
    """The walk and what it found.

    Attributes:
        module: the outermost scope.
        names: every name that is read, its scope, and whether it is used bare (not as the base of an attribute).
        attributes: every attribute, its scope, and whether it is used bare.
        imported: the names that import statements bind, in any scope.
        words: every identifier by which the script reads something: names, attributes, what it imports from modules.
        asked: what stands to the right of the one `in` of a comparison.
        calls, subscripts, imports, from_imports, class_patterns, mapping_patterns: those nodes, with their scopes.
        tree, size: what was walked over, and how many syntax elements it has.
    """

    def __init__(self, tree: ast.Module) -> None:
        """Walk a tree.

        Raises:
            SourceError: it is deeper, or has more nodes, than the limits allow.
        """
        self.tree = tree
        self._scopes: dict[ast.AST, Scope] = {}
        self.module = self.open("module", tree, None)
        self.imported: set[str] = set()
        self.words: set[str] = set()
        self.names: list[tuple[ast.Name, Scope, bool]] = []
        self.attributes: list[tuple[ast.Attribute, Scope, bool]] = []
        self.calls: list[tuple[ast.Call, Scope]] = []
        self.subscripts: list[tuple[ast.Subscript, Scope]] = []
        self.imports: list[tuple[ast.Import, Scope]] = []
        self.from_imports: list[tuple[ast.ImportFrom, Scope]] = []
        self.class_patterns: list[tuple[ast.MatchClass, Scope]] = []
        self.mapping_patterns: list[tuple[ast.MatchMapping, Scope]] = []
        self.asked: set[ast.expr] = set()
        # Blocks for type checkers: what must be known of the whole script before they count as never run.
        self.guarded: list[tuple[ast.If, Scope, int]] | None = []
        self.redirected: list[tuple[Scope, ast.Global | ast.Nonlocal]] = []
        self._stack: list[tuple[ast.AST, Scope, int]] = [(tree, self.module, 0)]
        self.depth = 0
        self.size = 0
        self._walk()
        if self.guarded:
            self._walk_guarded(self.guarded)
        for scope, statement in self.redirected:
            scope.redirect(statement, self.module)
        self.words.update(node.id for node, _, _ in self.names)
        self.words.update(node.attr for node, _, _ in self.attributes)

    def _walk(self) -> None:
        stack, handlers, notes, children = self._stack, HANDLERS, NOTES, CHILD_FIELDS
        constant = ast.Constant  # nothing in it to visit, and every fifth node is one
        count = self.size
        while stack:
            node, scope, depth = stack.pop()
            count += 1
            if depth > MAX_AST_DEPTH:
                raise too_deep(node)
            kind = type(node)
            if handler := handlers.get(kind):
                self.depth = depth
                handler(self, node, scope)
                continue
            if note := notes.get(kind):
                note(self, node, scope)
            depth += 1
            for field in children[kind]:
                value = getattr(node, field)
                if value.__class__ is list:
                    for child in value:
                        if child is not None and child.__class__ is not constant:
                            stack.append((child, scope, depth))
                elif value is not None and value.__class__ is not constant:
                    stack.append((value, scope, depth))
        self.size = count
        if count > MAX_AST_NODES:
            raise SourceError(f"Script is too large: it has {count} syntax elements, and at most {MAX_AST_NODES} fit.")

    def _walk_guarded(self, guarded: list[tuple[ast.If, Scope, int]]) -> None:
        """Walk over the blocks for type checkers, and forget what those hold that never run."""
        self.guarded = None  # a block in such a block is a part of it
        lists: list[list[Any]] = [
            self.names, self.attributes, self.calls, self.subscripts, self.imports, self.from_imports,
            self.class_patterns, self.mapping_patterns,
        ]  # fmt: skip
        spans = []
        for node, scope, depth in guarded:
            starts = [len(found) for found in lists]
            self.depth = depth
            self.push(scope, *node.body)
            self._walk()
            spans.append((node, [(start, len(found)) for start, found in zip(starts, lists, strict=True)]))
        false = {root for root in {root_of(node.test) for node, _ in spans} if never_runs(root, self)}
        never = [span for node, span in spans if root_of(node.test) in false]
        for number, found in enumerate(lists):
            dropped = [found[slice(*span[number])] for span in never]
            kept, end = [], 0
            for span in never:
                kept += found[end : span[number][0]]
                end = span[number][1]
            found[:] = kept + found[end:]
            if found is self.imports or found is self.from_imports:
                _forget_imports([each for part in dropped for each in part])

    def open(self, kind: ScopeKind, node: ast.AST, parent: Scope | None) -> Scope:
        """Open a scope."""
        scope = self._scopes[node] = Scope(kind, node, parent)
        return scope

    def scope_of(self, node: ast.AST) -> Scope:
        """Return the scope that a node opens."""
        return self._scopes[node]

    def defines_method(self, name: str) -> bool:
        """Whether a class of the script has something of that name."""
        return any(scope.kind == "class" and name in scope.bindings for scope in self._scopes.values())

    def bindings(self, name: str) -> Iterator[Binding]:
        """What a name may be in any scope."""
        return itertools.chain.from_iterable(scope.bindings.get(name, ()) for scope in self._scopes.values())

    def release(self) -> None:
        """Untie the scopes, which refer to each other and to the tree: it is freed at once, not at some collection."""
        for scope in self._scopes.values():
            scope.bindings.clear()

    def push(self, scope: Scope, *nodes: ast.AST | None) -> None:
        """Let nodes be visited, one level further down than where the walk is."""
        depth = self.depth + 1
        for node in nodes:
            if node is not None and node.__class__ is not ast.Constant:
                self._stack.append((node, scope, depth))


def _forget_imports(statements: list[tuple[ast.Import | ast.ImportFrom, Scope]]) -> None:
    """Leave of imports that never run only that their names are bound in their scopes, and not to what."""
    forgotten = Counter(
        (scope, alias.asname or (alias.name.partition(".")[0] if isinstance(node, ast.Import) else alias.name))
        for node, scope in statements
        for alias in node.names
    )
    for (scope, name), count in forgotten.items():
        values = scope.bindings.get(name, [])
        # They were bound last, one after the other.
        places = [place for place, value in enumerate(values) if isinstance(value, str)]
        for place in places[-count:]:
            values[place] = None
