"""What a script's syntax tree holds: its scopes, and the places that a rule could concern."""

import ast
import itertools
from collections.abc import Iterator

from policy.scope import Binding, Scope, ScopeKind


class ScriptIndex:
    """What the walk over a script finds (see `walk.index_script`).

    Attributes:
        module: the outermost scope.
        names: every name that is read, its scope, and whether it is used bare (not as the base of an attribute).
        attributes: every attribute, its scope, and whether it is used bare.
        imported: the names that import statements bind, in any scope.
        words: every identifier by which the script reads something: names, attributes, what it imports from modules.
        asked: the operands to the right of a single `in` or `not in`.
        calls, subscripts, imports, from_imports, class_patterns, mapping_patterns: these nodes, with their scopes.
        guarded: blocks for type checkers, with their scopes and depths; None while these are walked over themselves.
        redirected: `global` and `nonlocal` statements, with their scopes.
        tree: what is walked over.
        size: how many syntax elements it has.
        stack: the nodes that are still to be visited, with their scopes and depths.
        depth: how deep the node stands that is visited now.
    """

    def __init__(self, tree: ast.Module) -> None:
        """Begin with nothing but the module's scope."""
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
        self.guarded: list[tuple[ast.If, Scope, int]] | None = []
        self.redirected: list[tuple[Scope, ast.Global | ast.Nonlocal]] = []
        self.stack: list[tuple[ast.AST, Scope, int]] = [(tree, self.module, 0)]
        self.depth = 0
        self.size = 0

    def open(self, kind: ScopeKind, node: ast.AST, parent: Scope | None) -> Scope:
        """Open a scope."""
        scope = self._scopes[node] = Scope(kind, node, parent)
        return scope

    def scope_of(self, node: ast.AST) -> Scope:
        """Return the scope that a node opens."""
        return self._scopes[node]

    def push(self, scope: Scope, *nodes: ast.AST | None) -> None:
        """Have nodes visited, one level below the node that is visited now."""
        depth = self.depth + 1
        for node in nodes:
            if node is not None and node.__class__ is not ast.Constant:
                self.stack.append((node, scope, depth))

    def defines_method(self, name: str) -> bool:
        """Return whether a class of the script has something of that name."""
        return any(scope.kind == "class" and name in scope.bindings for scope in self._scopes.values())

    def bindings(self, name: str) -> Iterator[Binding]:
        """Return what a name may be in any scope."""
        return itertools.chain.from_iterable(scope.bindings.get(name, ()) for scope in self._scopes.values())

    def release(self) -> None:
        """Untie the scopes, which refer to each other and to the tree, so that all is freed at once and not later."""
        for scope in self._scopes.values():
            scope.bindings.clear()
