"""Describes errors that only the compiler finds, such as `return` outside a function, like those of the parser."""

from __future__ import annotations

from .surroundings import FILENAME

# A long line is cut around the error.
_SHOWN_CHARACTERS = 200
_PARSE_ONLY = 0x400  # ast.PyCF_ONLY_AST: `import ast` costs 10 ms


def describe(error: Exception, source: str) -> dict[str, str | int | None]:
    """Return an envelope's `error`, and if known `line`, `column` (from 1, in characters) and `traceback`.

    Args:
        error: what `compile` raised.
        source: what it was given.
    """
    if not isinstance(error, SyntaxError):
        reason = "nested too deeply to be compiled" if isinstance(error, RecursionError) else f"no Python: {error}"
        return {"error": f"Script is {reason}."}
    line = error.lineno or 1
    lines = source.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    shown = lines[line - 1] if line <= len(lines) else ""
    column, end = error.offset or 1, error.end_offset or 0
    if error.end_lineno != error.lineno:
        end = 0
    if _is_parsed(source):
        # The parser counts characters, and the compiler bytes.
        column, end = (_characters(shown, offset) for offset in (column, end))
    column = max(column, 1)
    start = max(0, column - 1 - _SHOWN_CHARACTERS // 2)
    error.filename = FILENAME
    error.text = shown[start : start + _SHOWN_CHARACTERS]
    error.offset = column - start
    error.end_lineno = error.lineno
    error.end_offset = max(end - start, error.offset + 1)
    import traceback

    rendering = "".join(traceback.format_exception_only(error))
    return {"error": f"{type(error).__name__}: {error.msg}", "line": line, "column": column, "traceback": rendering}


def _is_parsed(source: str) -> bool:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile(source, FILENAME, "exec", _PARSE_ONLY, dont_inherit=True)
        except Exception:
            return False
    return True


def _characters(line: str, offset: int) -> int:
    """Turn an offset in bytes of UTF-8, from 1, into one in characters; 0 stays 0."""
    return len(line.encode()[: offset - 1].decode(errors="ignore")) + 1 if offset > 0 else offset
