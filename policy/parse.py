"""Parsing of a hostile source: a script that is too large or nested too deeply is a `syntax_error`, never a crash.

CPython's own guards (200 brackets, 100 indentations, a 6000-rule parser stack, a recursion check in the AST) hold on
threads with a stack of 1 MB and more. They do not bound time and memory, so the limits here do.
"""

import ast
import re
import threading
import traceback
import unicodedata
import warnings

from policy.hints import hint
from policy.report import Report

MAX_SOURCE_BYTES = 256 * 2**10
MAX_AST_DEPTH = 500
MAX_AST_NODES = 200_000

# The parser joins `a.b.c` in an import one name at a time and keeps every step: 60 000 names took 10 s and 3 GB.
# No honest import has so many dots. They are counted per logical line, whatever the line is a part of.
_MAX_IMPORT_DOTS = 100
_IMPORT = re.compile(r"(?:import|from)((?:[^\S\r\n]|\\\r?\n|\\\r|[\w.,\x80-\U0010ffff])*+)")

# The parser searches for every replacement field from the start of its f-string: 80 000 of them took 6 s.
_MAX_BRACES_WITH_F_STRINGS = 5000
_F_STRING = re.compile(r"""[fF][rR]?['"]""")

# Python sorts the combining marks of an identifier by class, in quadratic time: 60 000 on one letter took 46 s.
# No writing system needs more than a few in a row, in an identifier or elsewhere.
_MAX_MARKS = 200
_NOT_ASCII = re.compile(rf"[^\x00-\x7f]{{{_MAX_MARKS + 1},}}")

_SHOWN_CHARACTERS = 200
_MAX_MESSAGE = 500
_FILE_NAME = "script.py"
# A file name that no real module has: the filter that silences its warnings silences nothing else.
_PARSED_NAME = "<script under check>"
# CPython 3.11 counts the depth of the tree it builds once for all threads. A garbage collection in the middle can hand
# over to another thread that parses too, and both may then fail with a SystemError on honest scripts (gh-106905).
_PARSING = threading.Lock()
_SILENCE = ("ignore", None, Warning, re.compile(re.escape(_PARSED_NAME)), 0)


class SourceError(Exception):
    """The source cannot be parsed, or cannot be checked safely.

    Attributes:
        report: the report for the script's author.
    """

    def __init__(self, error: str, line: int | None = None, column: int | None = None, shown: str = "") -> None:
        """Make the report of one sentence, a place (from 1, in characters), and Python's rendering."""
        super().__init__(error)
        self.report = Report("syntax_error", error, line, column, shown)


def parse(script: str, max_source_bytes: int) -> ast.Module:
    """Parse a script.

    Args:
        script: any str.
        max_source_bytes: the largest accepted size, in UTF-8 bytes.

    Raises:
        SourceError: the script is not Python, or it is too large or nested too deeply to be parsed safely.
    """
    _check_characters(script, max_source_bytes)
    try:
        tree = _compiled(script, ast.PyCF_ONLY_AST)
    except SyntaxError as error:
        raise _rendered(error, script) from None
    except (RecursionError, MemoryError):
        raise SourceError("Script is nested too deeply to be parsed.") from None
    except (ValueError, OverflowError, SystemError) as error:
        raise SourceError(f"Script cannot be parsed: {error}.") from None
    assert isinstance(tree, ast.Module)
    return tree


def compile_whole(script: str) -> None:
    """Compile a script that `parse` has accepted, for the errors that only the compiler finds.

    Raises:
        SourceError: the compiler finds one.
        RecursionError, MemoryError, ValueError, OverflowError, SystemError: the script is too much for it.
    """
    try:
        _compiled(script, 0)
    except SyntaxError as error:
        line = split_lines(script)[(error.lineno or 1) - 1]
        # The compiler counts bytes; the parser counts characters.
        for place in ("offset", "end_offset"):
            if offset := getattr(error, place):
                setattr(error, place, len(line.encode()[: offset - 1].decode(errors="replace")) + 1)
        error.text = line
        raise _rendered(error, script) from None


def _compiled(script: str, flags: int) -> object:
    _silence_warnings()
    # Not ast.parse: a future import of the calling module must not leak into the script's syntax.
    with _PARSING:
        return compile(script, _PARSED_NAME, "exec", flags, dont_inherit=True)


def _check_characters(script: str, max_source_bytes: int) -> None:
    try:
        size = len(script.encode())
    except UnicodeEncodeError as error:
        line, column = _place(script, error.start)
        what = f"the lone surrogate U+{ord(script[error.start]):04X}, which is not a character"
        raise SourceError(f"Script contains {what}.", line, column) from None
    if size > max_source_bytes:
        raise SourceError(f"Script is too large: {size} bytes, and at most {max_source_bytes} are accepted.")
    if (nul := script.find("\0")) >= 0:
        raise SourceError("Script contains a NUL character.", *_place(script, nul))
    if not script.isascii():
        _check_marks(script)
    for found in _IMPORT.finditer(script):
        if found[1].count(".") > _MAX_IMPORT_DOTS:
            what = f"Script has an import with more than {_MAX_IMPORT_DOTS} dots."
            raise SourceError(what, *_place(script, found.start()))
    if script.count("{") > _MAX_BRACES_WITH_F_STRINGS and _F_STRING.search(script):
        raise SourceError(
            f"Script has f-strings and more than {_MAX_BRACES_WITH_F_STRINGS} opening braces, too many to be parsed."
        )


def _check_marks(script: str) -> None:
    is_mark: dict[str, bool] = {}
    for found in _NOT_ASCII.finditer(script):
        run = 0
        for position, character in enumerate(found[0], start=found.start() + 1):
            if character not in is_mark:
                # A character that is no mark may decompose into one.
                is_mark[character] = bool(unicodedata.combining(unicodedata.normalize("NFKD", character)[0]))
            run = run + 1 if is_mark[character] else 0
            if run > _MAX_MARKS:
                what = f"Script has more than {_MAX_MARKS} combining characters in a row."
                raise SourceError(what, *_place(script, position - run))


def _place(script: str, position: int) -> tuple[int, int]:
    lines = split_lines(script[:position])
    return len(lines), len(lines[-1]) + 1


def split_lines(script: str) -> list[str]:
    """Return the lines as the parser counts them; str.splitlines would also split at form feeds, for example."""
    return script.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _silence_warnings() -> None:
    """Keep the parser's warnings (about `"\\d"`) off stderr, and from becoming errors.

    `warnings.catch_warnings` swaps the filters of the whole process and so mixes up threads. A filter for this file
    name alone can stay. If something replaced the list, it is put in front again; a second copy is harmless.
    """
    if not warnings.filters or warnings.filters[0] is not _SILENCE:
        warnings.filters.insert(0, _SILENCE)  # type: ignore[attr-defined]
        warnings._filters_mutated()  # type: ignore[attr-defined]


def _rendered(error: SyntaxError, script: str) -> SourceError:
    """Turn Python's error into a report with a place in the script and a text of bounded length."""
    line, column = error.lineno or 1, error.offset or 1
    lines = split_lines(script)
    if error.text is not None and line <= len(lines):
        shown = lines[line - 1]
        # Inside an f-string, Python shows the field alone, in brackets, and counts from there.
        if error.text.rstrip("\n") != shown and (field := shown.find(error.text.strip()[1:-1])) >= 0:
            column += field - 1
        start = max(0, column - 1 - _SHOWN_CHARACTERS // 2)
        error.text = shown[start : start + _SHOWN_CHARACTERS]
        width = max(1, (error.end_offset or 0) - (error.offset or 0)) if error.end_lineno == error.lineno else 1
        width = min(width, len(error.text))
        error.offset = column - start
        error.end_offset = error.offset + width
    column = max(column, 1)
    error.filename = _FILE_NAME
    if len(error.msg) > _MAX_MESSAGE:  # a name of any length may be in it
        error.msg = f"{error.msg[: _MAX_MESSAGE // 2]}…{error.msg[-_MAX_MESSAGE // 2 :]}"
    rendering = "".join(traceback.format_exception_only(error))
    sentence = f"{type(error).__name__}: {error.msg}"
    if helpful := hint(lines, line, column, error.msg):
        sentence += f"{'' if sentence.endswith(('?', '.', '!')) else '.'} {helpful}"
    return SourceError(sentence, line, column, rendering)
