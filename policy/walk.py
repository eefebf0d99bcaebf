"""The walk over a script's syntax tree, which fills the script index."""

import ast
from collections import Counter
from typing import Any

from policy.parse import MAX_AST_DEPTH, MAX_AST_NODES, SourceError
from policy.scope import Scope
from policy.script_index import ScriptIndex
from policy.syntax import CHILD_FIELDS
from policy.type_checking import never_runs, root_of
from policy.visits import HANDLERS, NOTES, too_deep


def index_script(tree: ast.Module) -> ScriptIndex:
    """Walk over a script.

    Raises:
        SourceError: it is deeper, or has more nodes, than the limits allow.
    """
    index = ScriptIndex(tree)
    _walk(index)
    if index.guarded:
        _walk_guarded(index, index.guarded)
    for scope, statement in index.redirected:
        scope.redirect(statement, index.module)
    index.words.update(node.id for node, _, _ in index.names)
    index.words.update(node.attr for node, _, _ in index.attributes)
    return index


def _walk(index: ScriptIndex) -> None:
    stack, handlers, notes, children = index.stack, HANDLERS, NOTES, CHILD_FIELDS
    constant = ast.Constant  # nothing in it to visit, and every fifth node is one
    count = index.size
    while stack:
        node, scope, depth = stack.pop()
        count += 1
        if depth > MAX_AST_DEPTH:
            raise too_deep(node)
        kind = type(node)
        if handler := handlers.get(kind):
            index.depth = depth
            handler(index, node, scope)
            continue
        if note := notes.get(kind):
            note(index, node, scope)
        depth += 1
        for field in children[kind]:
            value = getattr(node, field)
            if value.__class__ is list:
                for child in value:
                    if child is not None and child.__class__ is not constant:
                        stack.append((child, scope, depth))
            elif value is not None and value.__class__ is not constant:
                stack.append((value, scope, depth))
    index.size = count
    if count > MAX_AST_NODES:
        raise SourceError(f"Script is too large: it has {count} syntax elements, and at most {MAX_AST_NODES} fit.")


def _walk_guarded(index: ScriptIndex, guarded: list[tuple[ast.If, Scope, int]]) -> None:
    """Walk over the blocks for type checkers, and forget what is in those that never run."""
    index.guarded = None  # a block in such a block is a part of it
    lists: list[list[Any]] = [
        index.names, index.attributes, index.calls, index.subscripts, index.imports, index.from_imports,
        index.class_patterns, index.mapping_patterns,
    ]  # fmt: skip
    spans = []
    for node, scope, depth in guarded:
        starts = [len(found) for found in lists]
        index.depth = depth
        index.push(scope, *node.body)
        _walk(index)
        spans.append((node, [(start, len(found)) for start, found in zip(starts, lists, strict=True)]))
    false = {root for root in {root_of(node.test) for node, _ in spans} if never_runs(root, index)}
    never = [span for node, span in spans if root_of(node.test) in false]
    for number, found in enumerate(lists):
        dropped = [found[slice(*span[number])] for span in never]
        kept, end = [], 0
        for span in never:
            kept += found[end : span[number][0]]
            end = span[number][1]
        found[:] = kept + found[end:]
        if found is index.imports or found is index.from_imports:
            _forget_imports([each for part in dropped for each in part])


def _forget_imports(statements: list[tuple[ast.Import | ast.ImportFrom, Scope]]) -> None:
    """Forget what imports bind names to if they never run; the names stay bound, to something unknown."""
    forgotten = Counter(
        (scope, alias.asname or (alias.name.partition(".")[0] if isinstance(node, ast.Import) else alias.name))
        for node, scope in statements
        for alias in node.names
    )
    for (scope, name), count in forgotten.items():
        values = scope.bindings.get(name, [])
        # These bindings are the last ones, one after the other.
        places = [place for place, value in enumerate(values) if isinstance(value, str)]
        for place in places[-count:]:
            values[place] = None
