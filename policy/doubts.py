"""Doubts about the targets of rules that name nothing, as far as that can be told without an import.

The scripts' Python has packages that the service's Python lacks, and a policy may be written for another version. So a
target is doubted only if it seems to misspell a module of the standard library, or a name in such a module.
"""

import difflib
import importlib.machinery
import importlib.util
import sys
from types import ModuleType

_SIMILAR = 0.8


def doubt(target: str) -> str:
    """Return why a dotted name seems to name nothing; empty if nothing speaks against it."""
    top, *rest = target.split(".")
    if top not in sys.stdlib_module_names:
        close = difflib.get_close_matches(top, sys.stdlib_module_names, n=1, cutoff=_SIMILAR)
        if not close or importlib.util.find_spec(top) is not None:  # without a dot in the name, this imports nothing
            return ""
        return f"Python has no module {top!r}: did you mean {close[0]!r}?"
    path = top
    found: object = sys.modules.get(top)
    for name in rest:
        if not isinstance(found, ModuleType):
            return ""  # nothing is known of a module that is not imported, or of a class
        if not hasattr(found, name):
            if _has_submodule(found, name):
                return ""
            close = difflib.get_close_matches(name, dir(found), n=1, cutoff=_SIMILAR)
            return f"Python has nothing called {name!r} in {path!r}{f': did you mean {close[0]!r}?' if close else ''}"
        found = getattr(found, name)
        path = f"{path}.{name}"
    return ""


def _has_submodule(package: ModuleType, name: str) -> bool:
    """Return whether a package has a module of that name that is not imported yet."""
    folders = getattr(package, "__path__", None)
    full_name = f"{package.__name__}.{name}"
    return folders is not None and importlib.machinery.PathFinder.find_spec(full_name, folders) is not None
