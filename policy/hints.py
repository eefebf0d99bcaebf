# ruff: noqa: RUF001 (some hints are about characters that look like others)
"""Hints beside Python's own message about a syntax error, for mistakes that can be told from the script."""

import re
import unicodedata
from collections.abc import Callable
from typing import Final

_MAX_LINE: Final = 2000  # so many characters of a line are looked at
_FENCE = re.compile(r"\s*(```|~~~)")
_HELP = re.compile(r"\s*(\?{1,2}\s*[\w.%]+|[\w.%]+\s*\?{1,2})\s*$")
_PROMPT = re.compile(r"\s*(>>>|\.\.\.)(\s|$)|\s*In \[\d*\]:|\s*Out\[\d+\]:")
_COMMAND = re.compile(r"\s*(\$\s+)?(pip3?|python3?|conda|apt(-get)?|cd|ls|npm|git)\s+[-\w./]")
_CHARACTER = re.compile(r"invalid (?:non-printable )?character .*?U\+([0-9A-F]+)")
_TYPE_ALIAS = re.compile(r"\s*type\s+[^\W\d]\w*\s*(\[.*\])?\s*=[^=]")
_GENERIC = re.compile(r"\s*((async\s+)?def|class)\s+[^\W\d]\w*\s*\[")
_T_STRING = re.compile(r"""(?<!\w)([tT][rR]?|[rR][tT])["']""")
# An f-string whose replacement field has its own kind of quotes in it, up to the field's end.
_SAME_QUOTES = re.compile(r"""(?<!\w)([fF][rR]?|[rR][fF])(["'])(?:(?!\2|\{).|\{\{|\{[^{}"']*\})*\{[^{}"']*\2[^{}]*\}""")
_EXCEPT_LIST = re.compile(r"\s*except\*?\s+[\w.]+\s*,\s*[\w.]+(\s*,\s*[\w.]+)*\s*:")
_LAZY = re.compile(r"\s*lazy\s+(import|from)\s")
_RAISE_LIST = re.compile(r"\s*raise\s+[\w.]+\s*,")
_RUNS = "scripts run in Python 3.11"

_INSTEAD: Final = {
    **dict.fromkeys("“”„‟«»″", 'use "'),
    **dict.fromkeys("‘’‚‛′´`", "use '"),
    **dict.fromkeys("–—―−‐‑‒", "use -"),
    "×": "use *", "·": "use *", "÷": "use /", "≤": "use <=", "≥": "use >=", "≠": "use !=", "…": "use ...",
    "→": "use ->",
}  # fmt: skip


def hint(lines: list[str], line: int, column: int, message: str) -> str:
    """Return a sentence that helps; empty if there is none.

    Args:
        lines: the lines of the script.
        line, column: where Python sees the error, both from 1.
        message: Python's own message.
    """
    if found := _CHARACTER.search(message):
        return _about_character(chr(int(found[1], 16)))
    text = lines[line - 1] if line <= len(lines) else ""
    for character in text[max(0, column - 1) : column + 1]:
        if unicodedata.category(character) in ("Zs", "Cf") and character != " ":
            return _about_character(character)
    start = max(0, column - 1 - _MAX_LINE // 2)
    text, place = text[start : start + _MAX_LINE], column - 1 - start
    if _is_markdown(lines, line, text):
        return "This looks like Markdown: send only the code between the fences."
    if message == "unexpected indent" and line == _first(lines):
        return "The whole script is indented: begin its first line without spaces."
    for fits, sentence in _HINTS:
        if fits(text, place, message):
            return sentence
    return ""


def _about_character(character: str) -> str:
    name = unicodedata.name(character, "").lower()
    plain = unicodedata.normalize("NFKC", character)
    kind = unicodedata.category(character)
    if character in _INSTEAD:
        instead = _INSTEAD[character]
    elif kind == "Zs":
        instead = "use an ordinary space"
    elif kind in ("Cf", "Cc"):
        instead = "it cannot be seen; delete it"
    elif plain.isascii() and len(plain) == 1 and plain.isprintable():
        instead = f"use {plain}"
    else:
        instead = "outside of texts and comments, delete it"
    return f"U+{ord(character):04X} is {name or 'a control character'}: {instead}."


def _is_markdown(lines: list[str], line: int, text: str) -> bool:
    if _FENCE.match(text):
        return True
    # If a sentence stands before the first fence, Python sees the error there.
    return line == _first(lines) and any(_FENCE.match(each[:80]) and not each[:1].isspace() for each in lines[line:])


def _first(lines: list[str]) -> int:
    """Return the number of the first line that is not blank."""
    return next((number for number, each in enumerate(lines, start=1) if each.strip()), 0)


def _stands_at(text: str, place: int, sign: str) -> bool:
    """Return whether a sign, and a word after it, stand where a statement or an assigned value begins."""
    before, at = text[:place].rstrip(), text[place:]
    is_command = re.match(rf"{re.escape(sign)}{{1,2}}[^\W\d=]|{re.escape(sign)}\s*[\w./]", at)
    return bool(is_command) and (not before or before.endswith("="))


_Fits = Callable[[str, int, str], object]
_HINTS: tuple[tuple[_Fits, str], ...] = (
    (
        lambda text, place, _: _stands_at(text, place, "%"),
        "This is an IPython magic, which only notebooks have: write plain Python, without it.",
    ),
    (
        lambda text, place, _: _stands_at(text, place, "!"),
        "This is a shell command, and there is no shell here: what can be imported is installed already.",
    ),
    (
        lambda text, place, message: _COMMAND.match(text) and "invalid syntax" in message,
        "This looks like a shell command, and there is no shell here: what can be imported is installed already.",
    ),
    (
        lambda text, *_: _HELP.match(text),
        "This is IPython's help, which only notebooks have: print(x.__doc__) does it.",
    ),
    (
        lambda text, *_: _PROMPT.match(text),
        "This looks like a session at a prompt: send only the code, without prompts and output.",
    ),
    (lambda text, *_: _TYPE_ALIAS.match(text), f"A type statement is syntax of Python 3.12; {_RUNS}: write X = int."),
    (
        lambda text, *_: _GENERIC.match(text),
        f"Type parameters in brackets are syntax of Python 3.12; {_RUNS}: use typing.TypeVar, or leave them out.",
    ),
    (
        lambda text, place, message: (
            ("f-string" in message and ("backslash" in message or "'#'" in message)) or _SAME_QUOTES.search(text)
        ),
        f"What this f-string has in its braces is syntax of Python 3.12; {_RUNS}: no quotes of the f-string's own "
        "kind, backslashes or comments there.",
    ),
    (
        lambda text, place, _: any(found.start() <= place <= found.end() for found in _T_STRING.finditer(text)),
        f"Template strings are syntax of Python 3.14; {_RUNS}: use an f-string.",
    ),
    (
        lambda text, *_: _EXCEPT_LIST.match(text),
        f"A list of exceptions without parentheses is syntax of Python 3.14; {_RUNS}: write except (A, B):, "
        "or except A as e: where the last is to be the exception's name.",
    ),
    (lambda text, *_: _LAZY.match(text), f"A lazy import is syntax of Python 3.15; {_RUNS}: leave out lazy."),
    (
        lambda text, place, message: (
            "after line continuation" in message and place > 0 and text[place - 1 : place + 1] in ("\\n", "\\t", "\\r")
        ),
        "This is a backslash and a letter where a line break or a tab is meant: in the request's JSON it is written "
        "with one backslash.",
    ),
    (
        lambda text, place, message: (
            _RAISE_LIST.match(text)
            or "in call to 'exec'" in message
            or text[place : place + 2] == "<>"
            or text[place : place + 1] == "`"
        ),
        "This looks like Python 2; scripts run in Python 3.11.",
    ),
)
