"""What the walk does at each kind of node: it binds names in their scopes, and notes what a rule could concern."""

import ast
from collections.abc import Callable
from typing import Any

from policy.parse import MAX_AST_DEPTH, SourceError
from policy.scope import Scope
from policy.script_index import ScriptIndex
from policy.type_checking import is_for_type_checkers

Function = ast.FunctionDef | ast.AsyncFunctionDef
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


def _bind_target(index: ScriptIndex, target: ast.expr, value: ast.expr | None, scope: Scope) -> None:
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
            index.push(scope, target)


def _name(index: ScriptIndex, node: ast.Name, scope: Scope) -> None:
    if isinstance(node.ctx, ast.Load):
        index.names.append((node, scope, True))
    else:
        scope.bind(node.id)
        if isinstance(node.ctx, ast.Del):
            scope.deleted.add(node.id)


def _attribute(index: ScriptIndex, node: ast.Attribute, scope: Scope) -> None:
    bare = True
    base: ast.expr = node
    while isinstance(base, ast.Attribute):
        index.attributes.append((base, scope, bare))
        bare = False
        base = base.value
        index.depth += 1
    if index.depth > MAX_AST_DEPTH:
        raise too_deep(node)
    if isinstance(base, ast.Name):
        index.names.append((base, scope, False))
    else:
        index.push(scope, base)


def _if(index: ScriptIndex, node: ast.If, scope: Scope) -> None:
    index.push(scope, node.test, *node.orelse)
    if index.guarded is not None and is_for_type_checkers(node.test):
        index.guarded.append((node, scope, index.depth))
    else:
        index.push(scope, *node.body)


def _compare(index: ScriptIndex, node: ast.Compare, scope: Scope) -> None:
    if len(node.ops) == 1 and isinstance(node.ops[0], ast.In | ast.NotIn):
        index.asked.add(node.comparators[0])


def _call(index: ScriptIndex, node: ast.Call, scope: Scope) -> None:
    index.calls.append((node, scope))


def _subscript(index: ScriptIndex, node: ast.Subscript, scope: Scope) -> None:
    index.subscripts.append((node, scope))


def _function(index: ScriptIndex, node: Function, scope: Scope) -> None:
    inner = index.open("function", node, scope)
    scope.bind(node.name, inner)
    index.push(scope, *node.decorator_list, node.returns)
    _arguments(index, node.args, scope, inner)
    index.push(inner, *node.body)


def _lambda(index: ScriptIndex, node: ast.Lambda, scope: Scope) -> None:
    inner = index.open("function", node, scope)
    _arguments(index, node.args, scope, inner)
    index.push(inner, node.body)


def _arguments(index: ScriptIndex, arguments: ast.arguments, outer: Scope, inner: Scope) -> None:
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults: list[ast.expr | None] = [*[None] * (len(positional) - len(arguments.defaults)), *arguments.defaults]
    named = [
        *zip(positional, defaults, strict=True),
        *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
    ]
    for argument, default in [*named, (arguments.vararg, None), (arguments.kwarg, None)]:
        if argument is not None:
            inner.bind(argument.arg, None if default is None else (default, outer))
            index.push(outer, argument.annotation, default)


def _class(index: ScriptIndex, node: ast.ClassDef, scope: Scope) -> None:
    scope.bind(node.name)
    index.push(scope, *node.decorator_list, *node.bases, *node.keywords)
    index.push(index.open("class", node, scope), *node.body)


def _comprehension(index: ScriptIndex, node: Comprehension, scope: Scope) -> None:
    inner = index.open("comprehension", node, scope)
    for number, part in enumerate(node.generators):
        _bind_target(index, part.target, part.iter, inner)
        index.push(inner if number else scope, part.iter)
        index.push(inner, *part.ifs)
    results = (node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,)
    index.push(inner, *results)


def _assign(index: ScriptIndex, node: ast.Assign, scope: Scope) -> None:
    for target in node.targets:
        _bind_target(index, target, node.value, scope)
    index.push(scope, node.value)


def _annotated(index: ScriptIndex, node: ast.AnnAssign, scope: Scope) -> None:
    # A bare annotation makes a name local to a function, but binds nothing in a module or a class.
    if node.value is not None or scope.kind == "function" or not isinstance(node.target, ast.Name):
        _bind_target(index, node.target, node.value, scope)
    index.push(scope, node.annotation, node.value)


def _augmented(index: ScriptIndex, node: ast.AugAssign, scope: Scope) -> None:
    if isinstance(node.target, ast.Name):
        before = ast.Name(node.target.id, ast.Load(), lineno=node.lineno, col_offset=node.col_offset)
        scope.bind(node.target.id, (ast.BinOp(before, node.op, node.value), scope))
        index.push(scope, before, node.value)
    else:
        index.push(scope, node.target, node.value)


def _walrus(index: ScriptIndex, node: ast.NamedExpr, scope: Scope) -> None:
    owner = scope
    while owner.kind == "comprehension" and owner.parent is not None:
        owner = owner.parent
    owner.bind(node.target.id, (node.value, scope))
    index.push(scope, node.value)


def _for(index: ScriptIndex, node: ast.For | ast.AsyncFor, scope: Scope) -> None:
    _bind_target(index, node.target, node.iter, scope)
    index.push(scope, node.iter, *node.body, *node.orelse)


def _import(index: ScriptIndex, node: ast.Import, scope: Scope) -> None:
    index.imports.append((node, scope))
    for alias in node.names:
        top = alias.name.partition(".")[0]
        index.imported.add(alias.asname or top)
        scope.bind(alias.asname or top, alias.name if alias.asname else top)


def _import_from(index: ScriptIndex, node: ast.ImportFrom, scope: Scope) -> None:
    index.from_imports.append((node, scope))
    for alias in node.names:
        index.words.add(alias.name)
        if alias.name != "*":
            absolute = f"{node.module}.{alias.name}" if node.module and not node.level else None
            index.imported.add(alias.asname or alias.name)
            scope.bind(alias.asname or alias.name, absolute)


def _redirection(index: ScriptIndex, node: ast.Global | ast.Nonlocal, scope: Scope) -> None:
    index.redirected.append((scope, node))


def _return(index: ScriptIndex, node: ast.Return, scope: Scope) -> None:
    scope.gives_value = scope.gives_value or node.value is not None


def _yield(index: ScriptIndex, node: ast.Yield | ast.YieldFrom, scope: Scope) -> None:
    scope.gives_value = True


def _handler(index: ScriptIndex, node: ast.ExceptHandler, scope: Scope) -> None:
    if node.name is not None:
        scope.bind(node.name)
        scope.deleted.add(node.name)  # which Python does at the handler's end


def _capture(index: ScriptIndex, node: ast.MatchAs | ast.MatchStar, scope: Scope) -> None:
    if node.name is not None:
        scope.bind(node.name)


def _mapping_pattern(index: ScriptIndex, node: ast.MatchMapping, scope: Scope) -> None:
    index.mapping_patterns.append((node, scope))
    if node.rest is not None:
        scope.bind(node.rest)


def _class_pattern(index: ScriptIndex, node: ast.MatchClass, scope: Scope) -> None:
    index.class_patterns.append((node, scope))
    index.words.update(node.kwd_attrs)


def too_deep(node: ast.AST) -> SourceError:
    """Return the error for a node that stands deeper than the limit allows."""
    return SourceError("Script is nested too deeply.", getattr(node, "lineno", None))


# These note something about a node. Its children are then visited like those of any other node.
NOTES: dict[type[ast.AST], Callable[[ScriptIndex, Any, Scope], None]] = {
    ast.Call: _call,
    ast.Compare: _compare,
    ast.Subscript: _subscript,
    ast.Return: _return,
    ast.Yield: _yield,
    ast.YieldFrom: _yield,
    ast.ExceptHandler: _handler,
    ast.MatchAs: _capture,
    ast.MatchStar: _capture,
    ast.MatchMapping: _mapping_pattern,
    ast.MatchClass: _class_pattern,
}
# These push the children of a node themselves, because of the children's scopes or of what they bind.
HANDLERS: dict[type[ast.AST], Callable[[ScriptIndex, Any, Scope], None]] = {
    ast.Name: _name,
    ast.Attribute: _attribute,
    ast.FunctionDef: _function,
    ast.AsyncFunctionDef: _function,
    ast.Lambda: _lambda,
    ast.ClassDef: _class,
    ast.ListComp: _comprehension,
    ast.SetComp: _comprehension,
    ast.DictComp: _comprehension,
    ast.GeneratorExp: _comprehension,
    ast.Assign: _assign,
    ast.AnnAssign: _annotated,
    ast.AugAssign: _augmented,
    ast.NamedExpr: _walrus,
    ast.If: _if,
    ast.For: _for,
    ast.AsyncFor: _for,
    ast.Import: _import,
    ast.ImportFrom: _import_from,
    ast.Global: _redirection,
    ast.Nonlocal: _redirection,
}
