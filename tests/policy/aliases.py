"""Run by the scripts' Python: reads denied names as JSON, and writes under which other names modules have these."""

import contextlib
import importlib
import json
import pkgutil
import sys
import types
import warnings

# These print, open windows, or exist for tests or other systems.
_LEFT_OUT = {"antigravity", "this", "idlelib", "test", "turtledemo", "tkinter", "turtle", "lib2to3", "distutils"}


def main() -> None:
    """Import every module, and search it for the objects that are named on stdin."""
    warnings.simplefilter("ignore")
    denied = {id(found): name for name in json.load(sys.stdin) if (found := _object(name)) is not None}
    for name in sorted(set(sys.stdlib_module_names) - _LEFT_OUT | {"numpy", "pandas", "requests"}):
        module = _object(name)
        for each in pkgutil.iter_modules(getattr(module, "__path__", []), f"{name}."):
            if not each.name.endswith("__main__"):
                _object(each.name)
    found = [
        (f"{name}.{attribute}", denied[id(value)])
        for name, module in sorted(sys.modules.items())
        if isinstance(module, types.ModuleType) and not name.startswith("__")
        for attribute, value in sorted(vars(module).items())
        if id(value) in denied and not attribute.startswith("__")
    ]
    json.dump(found, sys.stdout)


def _object(path: str) -> object:
    parts = path.split(".")
    for end in range(len(parts), 0, -1):
        with contextlib.suppress(Exception, SystemExit):
            found: object = importlib.import_module(".".join(parts[:end]))
            for part in parts[end:]:
                found = getattr(found, part)
            return found
    return None


if __name__ == "__main__":
    main()
