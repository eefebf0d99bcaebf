"""Tells what a sandbox lacks that a script looked for, and what to do instead, as the end of a sentence.

The exception may be of the script's own class: callers must expect any exception from here.
"""

from __future__ import annotations

import errno
import os
import sys
from _thread import get_ident

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MAX_PACKAGES = 60
_NO_INSTALL = "nothing can be installed from a script"

_FILES = " (a script finds no files or folders but its own; its data come as the request's 'args')"
_PLACES = " (a script has the files in its working directory only)"
_LOCALES = " (the only locales are C and C.UTF-8; f'{x:,.2f}' groups digits in both)"
# Why a script exits, by the file of the library that exits.
_EXITS = {
    "argparse.py": " (a script has no command line: main() gets the request's 'args')",
    "unittest/main.py": " (unittest.main(exit=False) does not exit)",
}


def what_is_lacking(error: BaseException) -> str:
    """Return what helps if an exception tells that something was not found; empty if nothing does."""
    if issubclass(type(error), ImportError):
        return _importable(error)
    if issubclass(type(error), OSError):
        return _about_file(error)
    locale, sqlite = sys.modules.get("locale"), sys.modules.get("sqlite3")
    if locale is not None and type(error) is locale.Error:
        return _LOCALES
    if sqlite is not None and type(error) is sqlite.OperationalError and "unable to open" in str(error):
        return _PLACES
    return ""


def _about_file(error: Any) -> str:
    if type(error.filename) is not str:
        return ""
    if error.errno == errno.ENOENT:
        return _FILES
    return _PLACES if error.errno in (errno.EACCES, errno.EROFS) else ""


def _importable(error: Any) -> str:
    top = error.name.partition(".")[0] if type(error.name) is str else ""
    if top in sys.stdlib_module_names:
        if issubclass(type(error), ModuleNotFoundError):
            return " (this part of Python is not installed for scripts)"
        return f" (scripts run in Python {sys.version_info.major}.{sys.version_info.minor})"
    packages = _packages()
    # An installed package lacks a name of another version, or an optional dependency.
    if top in packages or not (top or "install" in str(error)):
        return ""
    names = ", ".join(packages[:_MAX_PACKAGES]) + (", …" if len(packages) > _MAX_PACKAGES else "")
    return f" ({_NO_INSTALL}: it can import Python's own modules and {names})" if names else f" ({_NO_INSTALL})"


def _packages() -> list[str]:
    """Return the scripts' packages, by the names of their import statements."""
    found = set()
    for folder in sys.path:
        if os.path.basename(folder) in ("site-packages", "dist-packages") and os.path.isdir(folder):
            for entry in os.listdir(folder):
                name, _, ending = entry.partition(".")
                if ending in ("", "py") or ending.endswith("so"):
                    found.add(name)
    return sorted((name for name in found if name.isidentifier() and name[0] != "_"), key=str.lower)


def why_exit(filename: str) -> str:
    """Return why a file of the standard library exits; empty if that is not known."""
    library = os.path.dirname(os.__file__)
    return next((why for name, why in _EXITS.items() if filename == f"{library}/{name}"), "")


def suggestion(error: BaseException) -> str:
    """Return `. Did you mean: 'x'?` if Python suggests that for an unknown name.

    Python makes the suggestion only when it prints an exception.
    """
    if type(error) not in (NameError, AttributeError):
        return ""
    stderr, limit = sys.stderr, getattr(sys, "tracebacklimit", None)
    heard = _Listener(stderr)
    try:
        sys.stderr, sys.tracebacklimit = heard, 0
        sys.__excepthook__(type(error), error, error.__traceback__)
    finally:
        sys.stderr = stderr
        if limit is None:
            del sys.tracebacklimit
        else:
            sys.tracebacklimit = limit
    said, mark, name = "".join(heard.texts).rstrip("\n").rpartition(". Did you mean: ")
    return f"{mark}{name}" if said.endswith(str(error)) and name.endswith("'?") else ""


class _Listener:
    """Keeps what this thread writes, and passes on what other threads write."""

    def __init__(self, stream: Any) -> None:
        self.texts: list[str] = []
        self.stream, self.thread = stream, get_ident()

    def write(self, text: str) -> None:
        if get_ident() == self.thread:
            self.texts.append(text)
        elif self.stream is not None:
            self.stream.write(text)

    def flush(self) -> None:
        pass
