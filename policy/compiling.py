"""Errors that only Python's compiler finds, such as `return` outside a function.

They come before any refusal, because they say more than the policy can. The compiler takes no bound on time or memory,
and a script that is refused may be made for it: a `finally` is compiled once for every way out of its `try`, so that
32 KB take minutes and gigabytes. A checker's own limits (service/checkers.py) would end that, and the whole check with
it: the author would learn nothing of the violations. So what the compiler costs is estimated first.
"""

import ast
from typing import Final

from policy.parse import SourceError, compile_whole
from policy.report import Report
from policy.script_index import ScriptIndex

# About 50 milliseconds, and some thousands of lines.
_MAX_COST: Final = 30_000


def compile_error(index: ScriptIndex, script: str) -> Report | None:
    """Return what the compiler finds wrong with a parsed script; None if it finds nothing, or would cost too much.

    Nothing of the script runs.
    """
    if index.size > _MAX_COST:
        return None
    try:
        cost, _, scopes = _cost(index.tree)
        if cost + scopes * cost // 100 <= _MAX_COST:
            compile_whole(script)
    except SourceError as error:
        return error.report
    except (RecursionError, MemoryError, ValueError, OverflowError, SystemError):
        return None  # the script is too much for the compiler, which names no error then
    return None


def _cost(node: ast.AST) -> tuple[int, int, int]:
    """Return what a node costs to compile, in how many places it is left, and how many scopes are in it.

    The compiler copies a `finally` for every place where its `try` is left, sorts the names of alternative patterns
    into each other's order, compares keywords with each other, and gives every scope the names of those around it.
    """
    total, exits, scopes = 1, 0, 0
    for child in ast.iter_child_nodes(node):
        cost, leaves, inner = _cost(child)
        total += cost
        exits += leaves
        scopes += inner
        if total > _MAX_COST:
            raise OverflowError
    match node:
        case ast.Return() | ast.Break() | ast.Continue():
            exits += 1
        case ast.Try(finalbody=[_, *_]) | ast.TryStar(finalbody=[_, *_]):
            copies = 1 + exits
            total += copies * sum(_cost(each)[0] for each in node.finalbody)
            exits *= 2
        case ast.MatchOr():
            names = sum(isinstance(each, ast.MatchAs | ast.MatchStar) for each in ast.walk(node.patterns[0]))
            total += len(node.patterns) * names**2
        case ast.Call(keywords=[_, *_]):
            total += len(node.keywords) ** 2 // 100
        case ast.MatchClass():
            total += len(node.kwd_attrs) ** 2 // 100
        case ast.ClassDef():
            total += len(node.keywords) ** 2 // 100
            scopes += 1
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda() | ast.comprehension():
            scopes += 1
    return total, exits, scopes
