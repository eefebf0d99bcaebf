"""One walk over a script: its scopes, and the places that a rule could concern."""

import ast
import itertools
from collections.abc import Callable, Iterator
from typing import Any

from policy.scope import Binding, Scope, ScopeKind
from policy.structure import MAX_AST_DEPTH, MAX_AST_NODES, SourceError
from policy.syntax import CHILD_FIELDS
from policy.type_checking import is_for_type_checkers, never_runs

Function = ast.FunctionDef | ast.AsyncFunctionDef
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


class Survey:
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
        self._scopes: list[Scope] = []
        self.module = self._open("module", tree, None)
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
        self._guarded: list[tuple[ast.If, Scope, int]] | None = []
        self._redirected: list[tuple[Scope, ast.Global | ast.Nonlocal]] = []
        self._stack: list[tuple[ast.AST, Scope, int]] = [(tree, self.module, 0)]
        self._depth = 0
        self.size = 0
        self._walk()
        if self._guarded:
            self._walk_guarded(self._guarded)
        for scope, statement in self._redirected:
            scope.redirect(statement, self.module)
        self.words.update(node.id for node, _, _ in self.names)
        self.words.update(node.attr for node, _, _ in self.attributes)

    def _walk(self) -> None:
        stack, handlers, notes, children = self._stack, _HANDLERS, _NOTES, CHILD_FIELDS
        constant = ast.Constant  # nothing in it to visit, and every fifth node is one
        count = self.size
        while stack:
            node, scope, depth = stack.pop()
            count += 1
            if depth > MAX_AST_DEPTH:
                raise _too_deep(node)
            kind = type(node)
            if handler := handlers.get(kind):
                self._depth = depth
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
        self._guarded = None  # a block in such a block is a part of it
        lists: list[list[Any]] = [
            self.names, self.attributes, self.calls, self.subscripts, self.imports, self.from_imports,
            self.class_patterns, self.mapping_patterns,
        ]  # fmt: skip
        spans = []
        for node, scope, depth in guarded:
            starts = [len(found) for found in lists]
            self._depth = depth
            self._push(scope, *node.body)
            self._walk()
            spans.append((node, [(start, len(found)) for start, found in zip(starts, lists, strict=True)]))
        never = [span for node, span in spans if never_runs(node.test, self)]
        for span in reversed(never):
            for found, (start, end) in zip(lists, span, strict=True):
                for node, scope, *_ in found[start:end]:
                    if isinstance(node, ast.Import | ast.ImportFrom):
                        _forget_imports(node, scope)
                del found[start:end]

    def _open(self, kind: ScopeKind, node: ast.AST, parent: Scope | None) -> Scope:
        self._scopes.append(Scope(kind, node, parent))
        return self._scopes[-1]

    def defines_method(self, name: str) -> bool:
        """Whether a class of the script has something of that name."""
        return any(scope.kind == "class" and name in scope.bindings for scope in self._scopes)

    def bindings(self, name: str) -> Iterator[Binding]:
        """What a name may be in any scope."""
        return itertools.chain.from_iterable(scope.bindings.get(name, ()) for scope in self._scopes)

    def release(self) -> None:
        """Untie the scopes, which refer to each other and to the tree: it is freed at once, not at some collection."""
        for scope in self._scopes:
            scope.bindings.clear()

    def _push(self, scope: Scope, *nodes: ast.AST | None) -> None:
        depth = self._depth + 1
        for node in nodes:
            if node is not None and node.__class__ is not ast.Constant:
                self._stack.append((node, scope, depth))

    def _bind_target(self, target: ast.expr, value: ast.expr | None, scope: Scope) -> None:
        pairs: list[tuple[ast.expr, ast.expr | None]] = [(target, value)]
        while pairs:
            target, value = pairs.pop()
            if isinstance(target, ast.Name):
                scope.bind(target.id, None if value is None else (value, scope))
            elif isinstance(target, ast.Tuple | ast.List):
                values: list[ast.expr | None] = [value] * len(target.elts)
                if isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(target.elts):
                    values = list(value.elts)
                if any(isinstance(part, ast.Starred) for part in target.elts):
                    values = [value] * len(target.elts)
                pairs.extend(zip(target.elts, values, strict=True))
            elif isinstance(target, ast.Starred):
                pairs.append((target.value, value))
            else:
                self._push(scope, target)

    def _name(self, node: ast.Name, scope: Scope) -> None:
        if isinstance(node.ctx, ast.Load):
            self.names.append((node, scope, True))
        else:
            scope.bind(node.id)
            if isinstance(node.ctx, ast.Del):
                scope.deleted.add(node.id)

    def _attribute(self, node: ast.Attribute, scope: Scope) -> None:
        bare = True
        base: ast.expr = node
        while isinstance(base, ast.Attribute):
            self.attributes.append((base, scope, bare))
            bare = False
            base = base.value
            self._depth += 1
        if self._depth > MAX_AST_DEPTH:
            raise _too_deep(node)
        if isinstance(base, ast.Name):
            self.names.append((base, scope, False))
        else:
            self._push(scope, base)

    def _if(self, node: ast.If, scope: Scope) -> None:
        self._push(scope, node.test, *node.orelse)
        if self._guarded is not None and is_for_type_checkers(node.test):
            self._guarded.append((node, scope, self._depth))
        else:
            self._push(scope, *node.body)

    def _compare(self, node: ast.Compare, scope: Scope) -> None:
        if len(node.ops) == 1 and isinstance(node.ops[0], ast.In | ast.NotIn):
            self.asked.add(node.comparators[0])

    def _call(self, node: ast.Call, scope: Scope) -> None:
        self.calls.append((node, scope))

    def _subscript(self, node: ast.Subscript, scope: Scope) -> None:
        self.subscripts.append((node, scope))

    def _function(self, node: Function, scope: Scope) -> None:
        inner = self._open("function", node, scope)
        scope.bind(node.name, inner)
        self._push(scope, *node.decorator_list, node.returns)
        self._arguments(node.args, scope, inner)
        self._push(inner, *node.body)

    def _lambda(self, node: ast.Lambda, scope: Scope) -> None:
        inner = self._open("function", node, scope)
        self._arguments(node.args, scope, inner)
        self._push(inner, node.body)

    def _arguments(self, arguments: ast.arguments, outer: Scope, inner: Scope) -> None:
        positional = [*arguments.posonlyargs, *arguments.args]
        defaults: list[ast.expr | None] = [*[None] * (len(positional) - len(arguments.defaults)), *arguments.defaults]
        named = [
            *zip(positional, defaults, strict=True),
            *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
        ]
        for argument, default in [*named, (arguments.vararg, None), (arguments.kwarg, None)]:
            if argument is not None:
                inner.bind(argument.arg, None if default is None else (default, outer))
                self._push(outer, argument.annotation, default)

    def _class(self, node: ast.ClassDef, scope: Scope) -> None:
        scope.bind(node.name)
        self._push(scope, *node.decorator_list, *node.bases, *node.keywords)
        self._push(self._open("class", node, scope), *node.body)

    def _comprehension(self, node: Comprehension, scope: Scope) -> None:
        inner = self._open("comprehension", node, scope)
        for number, part in enumerate(node.generators):
            self._bind_target(part.target, part.iter, inner)
            self._push(inner if number else scope, part.iter)
            self._push(inner, *part.ifs)
        results = (node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,)
        self._push(inner, *results)

    def _assign(self, node: ast.Assign, scope: Scope) -> None:
        for target in node.targets:
            self._bind_target(target, node.value, scope)
        self._push(scope, node.value)

    def _annotated(self, node: ast.AnnAssign, scope: Scope) -> None:
        # A bare annotation makes a name local to a function, but binds nothing in a module or a class.
        if node.value is not None or scope.kind == "function" or not isinstance(node.target, ast.Name):
            self._bind_target(node.target, node.value, scope)
        self._push(scope, node.annotation, node.value)

    def _augmented(self, node: ast.AugAssign, scope: Scope) -> None:
        if isinstance(node.target, ast.Name):
            before = ast.Name(node.target.id, ast.Load(), lineno=node.lineno, col_offset=node.col_offset)
            scope.bind(node.target.id, (ast.BinOp(before, node.op, node.value), scope))
            self._push(scope, before, node.value)
        else:
            self._push(scope, node.target, node.value)

    def _walrus(self, node: ast.NamedExpr, scope: Scope) -> None:
        owner = scope
        while owner.kind == "comprehension" and owner.parent is not None:
            owner = owner.parent
        owner.bind(node.target.id, (node.value, scope))
        self._push(scope, node.value)

    def _for(self, node: ast.For | ast.AsyncFor, scope: Scope) -> None:
        self._bind_target(node.target, node.iter, scope)
        self._push(scope, node.iter, *node.body, *node.orelse)

    def _import(self, node: ast.Import, scope: Scope) -> None:
        self.imports.append((node, scope))
        for alias in node.names:
            top = alias.name.partition(".")[0]
            self.imported.add(alias.asname or top)
            scope.bind(alias.asname or top, alias.name if alias.asname else top)

    def _import_from(self, node: ast.ImportFrom, scope: Scope) -> None:
        self.from_imports.append((node, scope))
        for alias in node.names:
            self.words.add(alias.name)
            if alias.name != "*":
                absolute = f"{node.module}.{alias.name}" if node.module and not node.level else None
                self.imported.add(alias.asname or alias.name)
                scope.bind(alias.asname or alias.name, absolute)

    def _redirection(self, node: ast.Global | ast.Nonlocal, scope: Scope) -> None:
        self._redirected.append((scope, node))

    def _return(self, node: ast.Return, scope: Scope) -> None:
        scope.gives_value = scope.gives_value or node.value is not None

    def _yield(self, node: ast.Yield | ast.YieldFrom, scope: Scope) -> None:
        scope.gives_value = True

    def _handler(self, node: ast.ExceptHandler, scope: Scope) -> None:
        if node.name is not None:
            scope.bind(node.name)
            scope.deleted.add(node.name)  # at the handler's end

    def _capture(self, node: ast.MatchAs | ast.MatchStar, scope: Scope) -> None:
        if node.name is not None:
            scope.bind(node.name)

    def _mapping_pattern(self, node: ast.MatchMapping, scope: Scope) -> None:
        self.mapping_patterns.append((node, scope))
        if node.rest is not None:
            scope.bind(node.rest)

    def _class_pattern(self, node: ast.MatchClass, scope: Scope) -> None:
        self.class_patterns.append((node, scope))
        self.words.update(node.kwd_attrs)


def _forget_imports(node: ast.Import | ast.ImportFrom, scope: Scope) -> None:
    """Leave of an import that never runs only that its names are bound in its scope, and not to what."""
    for alias in node.names:
        name = alias.asname or (alias.name.partition(".")[0] if isinstance(node, ast.Import) else alias.name)
        values = scope.bindings.get(name, [])
        for position, value in enumerate(values):
            if isinstance(value, str):
                values[position] = None
                break


def _too_deep(node: ast.AST) -> SourceError:
    return SourceError("Script is nested too deeply.", getattr(node, "lineno", None))


# What notes something about a node, the children of which are then visited like those of any other.
_NOTES: dict[type[ast.AST], Callable[[Survey, Any, Scope], None]] = {
    ast.Call: Survey._call,
    ast.Compare: Survey._compare,
    ast.Subscript: Survey._subscript,
    ast.Return: Survey._return,
    ast.Yield: Survey._yield,
    ast.YieldFrom: Survey._yield,
    ast.ExceptHandler: Survey._handler,
    ast.MatchAs: Survey._capture,
    ast.MatchStar: Survey._capture,
    ast.MatchMapping: Survey._mapping_pattern,
    ast.MatchClass: Survey._class_pattern,
}
# What visits the children of a node itself, because of their scopes or of what they bind.
_HANDLERS: dict[type[ast.AST], Callable[[Survey, Any, Scope], None]] = {
    ast.Name: Survey._name,
    ast.Attribute: Survey._attribute,
    ast.FunctionDef: Survey._function,
    ast.AsyncFunctionDef: Survey._function,
    ast.Lambda: Survey._lambda,
    ast.ClassDef: Survey._class,
    ast.ListComp: Survey._comprehension,
    ast.SetComp: Survey._comprehension,
    ast.DictComp: Survey._comprehension,
    ast.GeneratorExp: Survey._comprehension,
    ast.Assign: Survey._assign,
    ast.AnnAssign: Survey._annotated,
    ast.AugAssign: Survey._augmented,
    ast.NamedExpr: Survey._walrus,
    ast.If: Survey._if,
    ast.For: Survey._for,
    ast.AsyncFor: Survey._for,
    ast.Import: Survey._import,
    ast.ImportFrom: Survey._import_from,
    ast.Global: Survey._redirection,
    ast.Nonlocal: Survey._redirection,
}
