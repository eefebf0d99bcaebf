"""What the survey does at each kind of node: bind names in their scopes, and note what a rule could concern."""

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from policy.parse import MAX_AST_DEPTH, SourceError
from policy.scope import Scope
from policy.type_checking import is_for_type_checkers

if TYPE_CHECKING:
    from policy.survey import Survey

Function = ast.FunctionDef | ast.AsyncFunctionDef
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


def _bind_target(survey: "Survey", target: ast.expr, value: ast.expr | None, scope: Scope) -> None:
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
            survey.push(scope, target)


def _name(survey: "Survey", node: ast.Name, scope: Scope) -> None:
    if isinstance(node.ctx, ast.Load):
        survey.names.append((node, scope, True))
    else:
        scope.bind(node.id)
        if isinstance(node.ctx, ast.Del):
            scope.deleted.add(node.id)


def _attribute(survey: "Survey", node: ast.Attribute, scope: Scope) -> None:
    bare = True
    base: ast.expr = node
    while isinstance(base, ast.Attribute):
        survey.attributes.append((base, scope, bare))
        bare = False
        base = base.value
        survey.depth += 1
    if survey.depth > MAX_AST_DEPTH:
        raise too_deep(node)
    if isinstance(base, ast.Name):
        survey.names.append((base, scope, False))
    else:
        survey.push(scope, base)


def _if(survey: "Survey", node: ast.If, scope: Scope) -> None:
    survey.push(scope, node.test, *node.orelse)
    if survey.guarded is not None and is_for_type_checkers(node.test):
        survey.guarded.append((node, scope, survey.depth))
    else:
        survey.push(scope, *node.body)


def _compare(survey: "Survey", node: ast.Compare, scope: Scope) -> None:
    if len(node.ops) == 1 and isinstance(node.ops[0], ast.In | ast.NotIn):
        survey.asked.add(node.comparators[0])


def _call(survey: "Survey", node: ast.Call, scope: Scope) -> None:
    survey.calls.append((node, scope))


def _subscript(survey: "Survey", node: ast.Subscript, scope: Scope) -> None:
    survey.subscripts.append((node, scope))


def _function(survey: "Survey", node: Function, scope: Scope) -> None:
    inner = survey.open("function", node, scope)
    scope.bind(node.name, inner)
    survey.push(scope, *node.decorator_list, node.returns)
    _arguments(survey, node.args, scope, inner)
    survey.push(inner, *node.body)


def _lambda(survey: "Survey", node: ast.Lambda, scope: Scope) -> None:
    inner = survey.open("function", node, scope)
    _arguments(survey, node.args, scope, inner)
    survey.push(inner, node.body)


def _arguments(survey: "Survey", arguments: ast.arguments, outer: Scope, inner: Scope) -> None:
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults: list[ast.expr | None] = [*[None] * (len(positional) - len(arguments.defaults)), *arguments.defaults]
    named = [
        *zip(positional, defaults, strict=True),
        *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
    ]
    for argument, default in [*named, (arguments.vararg, None), (arguments.kwarg, None)]:
        if argument is not None:
            inner.bind(argument.arg, None if default is None else (default, outer))
            survey.push(outer, argument.annotation, default)


def _class(survey: "Survey", node: ast.ClassDef, scope: Scope) -> None:
    scope.bind(node.name)
    survey.push(scope, *node.decorator_list, *node.bases, *node.keywords)
    survey.push(survey.open("class", node, scope), *node.body)


def _comprehension(survey: "Survey", node: Comprehension, scope: Scope) -> None:
    inner = survey.open("comprehension", node, scope)
    for number, part in enumerate(node.generators):
        _bind_target(survey, part.target, part.iter, inner)
        survey.push(inner if number else scope, part.iter)
        survey.push(inner, *part.ifs)
    results = (node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,)
    survey.push(inner, *results)


def _assign(survey: "Survey", node: ast.Assign, scope: Scope) -> None:
    for target in node.targets:
        _bind_target(survey, target, node.value, scope)
    survey.push(scope, node.value)


def _annotated(survey: "Survey", node: ast.AnnAssign, scope: Scope) -> None:
    # A bare annotation makes a name local to a function, but binds nothing in a module or a class.
    if node.value is not None or scope.kind == "function" or not isinstance(node.target, ast.Name):
        _bind_target(survey, node.target, node.value, scope)
    survey.push(scope, node.annotation, node.value)


def _augmented(survey: "Survey", node: ast.AugAssign, scope: Scope) -> None:
    if isinstance(node.target, ast.Name):
        before = ast.Name(node.target.id, ast.Load(), lineno=node.lineno, col_offset=node.col_offset)
        scope.bind(node.target.id, (ast.BinOp(before, node.op, node.value), scope))
        survey.push(scope, before, node.value)
    else:
        survey.push(scope, node.target, node.value)


def _walrus(survey: "Survey", node: ast.NamedExpr, scope: Scope) -> None:
    owner = scope
    while owner.kind == "comprehension" and owner.parent is not None:
        owner = owner.parent
    owner.bind(node.target.id, (node.value, scope))
    survey.push(scope, node.value)


def _for(survey: "Survey", node: ast.For | ast.AsyncFor, scope: Scope) -> None:
    _bind_target(survey, node.target, node.iter, scope)
    survey.push(scope, node.iter, *node.body, *node.orelse)


def _import(survey: "Survey", node: ast.Import, scope: Scope) -> None:
    survey.imports.append((node, scope))
    for alias in node.names:
        top = alias.name.partition(".")[0]
        survey.imported.add(alias.asname or top)
        scope.bind(alias.asname or top, alias.name if alias.asname else top)


def _import_from(survey: "Survey", node: ast.ImportFrom, scope: Scope) -> None:
    survey.from_imports.append((node, scope))
    for alias in node.names:
        survey.words.add(alias.name)
        if alias.name != "*":
            absolute = f"{node.module}.{alias.name}" if node.module and not node.level else None
            survey.imported.add(alias.asname or alias.name)
            scope.bind(alias.asname or alias.name, absolute)


def _redirection(survey: "Survey", node: ast.Global | ast.Nonlocal, scope: Scope) -> None:
    survey.redirected.append((scope, node))


def _return(survey: "Survey", node: ast.Return, scope: Scope) -> None:
    scope.gives_value = scope.gives_value or node.value is not None


def _yield(survey: "Survey", node: ast.Yield | ast.YieldFrom, scope: Scope) -> None:
    scope.gives_value = True


def _handler(survey: "Survey", node: ast.ExceptHandler, scope: Scope) -> None:
    if node.name is not None:
        scope.bind(node.name)
        scope.deleted.add(node.name)  # at the handler's end


def _capture(survey: "Survey", node: ast.MatchAs | ast.MatchStar, scope: Scope) -> None:
    if node.name is not None:
        scope.bind(node.name)


def _mapping_pattern(survey: "Survey", node: ast.MatchMapping, scope: Scope) -> None:
    survey.mapping_patterns.append((node, scope))
    if node.rest is not None:
        scope.bind(node.rest)


def _class_pattern(survey: "Survey", node: ast.MatchClass, scope: Scope) -> None:
    survey.class_patterns.append((node, scope))
    survey.words.update(node.kwd_attrs)


def too_deep(node: ast.AST) -> SourceError:
    """The error for a node that stands deeper than the limit allows."""
    return SourceError("Script is nested too deeply.", getattr(node, "lineno", None))


# What notes something about a node, the children of which are then visited like those of any other.
NOTES: dict[type[ast.AST], Callable[["Survey", Any, Scope], None]] = {
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
# What visits the children of a node itself, because of their scopes or of what they bind.
HANDLERS: dict[type[ast.AST], Callable[["Survey", Any, Scope], None]] = {
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
