"""The surroundings of a script: much the same as under `python script.py`."""

from __future__ import annotations

import _sitebuiltins  # `import site` would read the disk
import _warnings
import builtins
import os
import sys
import time
from _frozen_importlib_external import (  # type: ignore[attr-defined]
    FileFinder,
    _get_supported_file_loaders,
)
from _io import _IOBase
from types import FunctionType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, FrameType, ModuleType
    from typing import Any

FILENAME = "script.py"
# The script's module has this name, and `sys.modules` has it as `__main__` too: its classes can be pickled, and a
# guarded call of `main` does not run.
_NAME = "script"

_USER = "sandbox"
_ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "USER": _USER,
    "LOGNAME": _USER,
    # Not from /etc/localtime, which not every level sees.
    "TZ": "UTC",
    "MPLBACKEND": "Agg",
    # A search for fonts in other folders takes time and finds none.
    "MPL_IGNORE_SYSTEM_FONTS": "1",
    # Otherwise joblib warns on stderr that it cannot start processes.
    "JOBLIB_MULTIPROCESSING": "0",
}
# The variables by which the C library and zoneinfo find the time zones of the package tzdata.
_TIME_ZONES = ("TZDIR", "PYTHONTZPATH")


class _FreshFinder(FileFinder):
    """Finds the modules in the script's folder, and reads the folder each time: it must find one written just now.

    The folder's time of change is coarse, by some milliseconds, and may seem unchanged.
    """

    _path_mtime = property(lambda self: -1, lambda self, value: None)


# The script's folder, once it is known; not in the environment, which scripts may change.
_folder = ""


def _find_freshly(path: str) -> FileFinder:
    """Make the finder of the script's folder; see sys.path_hooks."""
    if path != _folder:
        raise ImportError
    return _FreshFinder(path, *_get_supported_file_loaders())


def settle_zygote(site_packages: str) -> None:
    """Prepare what is the same for every script, before anything else is imported.

    Args:
        site_packages: the scripts' packages.
    """
    os.environ.update(_ENVIRONMENT)
    zones = f"{site_packages}/tzdata/zoneinfo"
    if os.path.isdir(zones):
        os.environ.update(dict.fromkeys(_TIME_ZONES, zones))
    time.tzset()
    sys.path.append(site_packages)
    sys.path_hooks.insert(0, _find_freshly)
    sys.argv = [FILENAME]
    sys.orig_argv = [sys.executable, FILENAME]
    for name in ("exit", "quit"):
        setattr(builtins, name, _sitebuiltins.Quitter(name, "Ctrl-D (i.e. EOF)"))
    builtins.help = _sitebuiltins._Helper()
    builtins.copyright = _sitebuiltins._Printer("copyright", sys.copyright)
    builtins.credits = _sitebuiltins._Printer("credits", _CREDITS)
    builtins.license = _sitebuiltins._Printer("license", _LICENSE)
    # As Python does for `__main__`: a script sees which of the functions that it calls are deprecated.
    _warnings.filters.insert(0, ("default", None, DeprecationWarning, _NAME, 0))
    _warnings._filters_mutated()  # type: ignore[attr-defined]


_CREDITS = "Thanks to everybody who supports Python development. See www.python.org for more information."
_LICENSE = "See https://www.python.org/psf/license/"


def settle_folder(folder: str) -> None:
    """Prepare what depends on the script's folder; the zygote does it once if all scripts have the same."""
    global _folder  # noqa: PLW0603 (one process, one script)
    if folder != _folder:
        os.environ["HOME"] = os.environ["TMPDIR"] = os.environ["PWD"] = _folder = folder


def search_folder(folder: str) -> None:
    """Have modules in the script's folder found before all others, as Python does."""
    sys.path.insert(0, folder)


def search_no_folder(folder: str) -> None:
    """Undo `search_folder`: what this code imports comes from the library, whatever files the script has."""
    sys.path[:] = [path for path in sys.path if path != folder]


class _Loader:
    """Tells `linecache`, and so tracebacks and `inspect`, the script's text; see PEP 302."""

    def __init__(self, source: str) -> None:
        self.source = source

    def get_source(self, name: str) -> str:
        """Return the script's text."""
        return self.source


def make_module(source: str, folder: str) -> ModuleType:
    """Make the script's module, still empty, and its file."""
    module = type(sys)(_NAME)
    module.__file__ = f"{folder}/{FILENAME}"
    module.__loader__ = _Loader(source)  # type: ignore[assignment]
    sys.modules[_NAME] = sys.modules["__main__"] = module
    written = _write(module.__file__, source)
    # Tracebacks read the script's file by linecache, which obeys a comment that names an encoding. Its import costs a
    # fresh interpreter 10 ms: there the module's loader is enough if there is no file.
    if "linecache" in sys.modules and (not written or "coding" in source):
        put_into_linecache(source)
    return module


def _write(path: str, source: str) -> bool:
    """Write the script's file; return whether it is complete, since the scratch space may be too small."""
    try:
        text = source.encode("utf-8", "surrogatepass")
        # Not O_TRUNC: if a file is overwritten by it, ext4 writes the file to the disk when it is closed.
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            whole = os.write(fd, text) == len(text)
            if os.fstat(fd).st_size > len(text):
                os.ftruncate(fd, len(text))
        finally:
            os.close(fd)
    except OSError:
        whole = False
    if not whole:
        try:
            os.unlink(path)
        except OSError:
            return False
    return whole


def put_into_linecache(source: str) -> None:
    """Have tracebacks and warnings show the script's lines."""
    import io
    import linecache

    # linecache itself uses `str.splitlines`, which splits at more characters than Python, such as a form feed. The last
    # line must end with a line break too, or the marks under it are one column off.
    lines = [line.rstrip("\n") + "\n" for line in io.StringIO(source, newline=None)]
    linecache.cache[FILENAME] = (len(source), None, lines, FILENAME)


# Compiled apart from this module, whose own frames are invisible.
_CALL: CodeType = compile("lambda main, args: main(**args)", FILENAME, "eval").co_consts[0]


def call_main(module: ModuleType, main: Any, args: dict[str, Any]) -> object:
    """Call `main` as the script itself would: code that looks for its caller finds the script, and not this code.

    Tracebacks show the call at the definition of `main`.
    """
    line = main.__code__.co_firstlineno if type(main) is FunctionType else 1
    code = _CALL.replace(co_name="<module>", co_qualname="<module>", co_firstlineno=line)
    return FunctionType(code, module.__dict__)(main, args)


def is_call(frame: FrameType) -> bool:
    """Return whether `call_main` made a frame; no real module takes arguments."""
    return frame.f_code.co_name == "<module>" and frame.f_code.co_argcount > 0


def flush_streams() -> None:
    """Flush the script's outputs, and the files among its globals.

    They may be objects of the script's own classes; the deadline bounds what those do.
    """
    names = getattr(sys.modules.get("__main__"), "__dict__", {})
    left = [value for value in tuple(names.values()) if issubclass(type(value), _IOBase)]
    for stream in (getattr(sys, "stdout", None), getattr(sys, "stderr", None), *left):
        try:
            stream.flush()
        except BaseException:  # noqa: S112 (it is closed, or no file at all, and nobody reads an error now)
            continue
