"""What a script finds around it: much the same as under `python script.py`."""

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
# The module is `__main__` in `sys.modules` and has this name, by which it can be imported too: its classes can be
# pickled, and a guarded call of `main` is not made twice.
_NAME = "script"

_USER = "sandbox"
_ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "USER": _USER,
    "LOGNAME": _USER,
    # Not /etc/localtime, which the levels do not see alike.
    "TZ": "UTC",
    "MPLBACKEND": "Agg",
    # To look for fonts in other folders costs time, and finds none.
    "MPL_IGNORE_SYSTEM_FONTS": "1",
    # joblib warns on stderr that it can start no processes; told so, it is silent.
    "JOBLIB_MULTIPROCESSING": "0",
}
# The time zones of the package tzdata: the C library finds them by the one, zoneinfo by the other.
_TIME_ZONES = ("TZDIR", "PYTHONTZPATH")


class _FreshFinder(FileFinder):
    """Finds the modules in the script's folder, and looks each time: one written a moment ago has to be found.

    By the folder's time, which is as coarse as some milliseconds, it may seem unchanged.
    """

    _path_mtime = property(lambda self: -1, lambda self, value: None)


# The script's folder, once it is known. A module global, for scripts may change the environment.
_folder = ""


def _find_freshly(path: str) -> FileFinder:
    """Make the finder of the script's folder, when something is first looked for there; see sys.path_hooks."""
    if path != _folder:
        raise ImportError
    return _FreshFinder(path, *_get_supported_file_loaders())


def settle_zygote(site_packages: str) -> None:
    """Prepare, before anything else is imported, what is the same for every script.

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
    # What Python does for `__main__`: the script is to see which of what it calls is deprecated.
    _warnings.filters.insert(0, ("default", None, DeprecationWarning, _NAME, 0))
    _warnings._filters_mutated()  # type: ignore[attr-defined]


_CREDITS = "Thanks to everybody who supports Python development. See www.python.org for more information."
_LICENSE = "See https://www.python.org/psf/license/"


def settle_folder(folder: str) -> None:
    """Prepare what follows from the script's folder: in the zygote if all have the same, for a spare pays for this."""
    global _folder  # noqa: PLW0603 (one process, one script)
    if folder != _folder:
        os.environ["HOME"] = os.environ["TMPDIR"] = os.environ["PWD"] = _folder = folder


def search_folder(folder: str) -> None:
    """Let modules in the script's folder be found before all others, as those beside a script are."""
    sys.path.insert(0, folder)


def search_no_folder(folder: str) -> None:
    """Undo `search_folder`: what is imported for this code's own use is the library's, whatever files there are."""
    sys.path[:] = [path for path in sys.path if path != folder]


class _Loader:
    """Tells `linecache`, and so tracebacks and `inspect`, the script's text; see PEP 302."""

    def __init__(self, source: str) -> None:
        self.source = source

    def get_source(self, name: str) -> str:
        """Return the script's text."""
        return self.source


def make_module(source: str, folder: str) -> ModuleType:
    """Make the script's module, empty as yet, and its file."""
    module = type(sys)(_NAME)
    module.__file__ = f"{folder}/{FILENAME}"
    module.__loader__ = _Loader(source)  # type: ignore[assignment]
    sys.modules[_NAME] = sys.modules["__main__"] = module
    written = _write(module.__file__, source)
    # Who wants the script's lines reads its file, by linecache, which would believe a comment that names an encoding.
    # To load it costs a fresh interpreter 10 ms: there the module's loader has to do if there is no file.
    if "linecache" in sys.modules and (not written or "coding" in source):
        put_into_linecache(source)
    return module


def _write(path: str, source: str) -> bool:
    """Write the script's file; return whether there is one: its scratch space may be too small."""
    try:
        text = source.encode("utf-8", "surrogatepass")
        # Not O_TRUNC: a file that is overwritten that way has to be on its disk when ext4 closes it.
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

    # `str.splitlines`, which linecache would use, also splits where Python's own lines go on: at a form feed, say.
    # The last line too must end with a line break, or the marks under it are one column off.
    lines = [line.rstrip("\n") + "\n" for line in io.StringIO(source, newline=None)]
    linecache.cache[FILENAME] = (len(source), None, lines, FILENAME)


# Compiled here, and not with this module, whose own frames are unseen.
_CALL: CodeType = compile("lambda main, args: main(**args)", FILENAME, "eval").co_consts[0]


def call_main(module: ModuleType, main: Any, args: dict[str, Any]) -> object:
    """Call `main` as if by the script's last line: what looks for its caller finds the script, and not this code.

    The call seems to stand where `main` is defined.
    """
    line = main.__code__.co_firstlineno if type(main) is FunctionType else 1
    code = _CALL.replace(co_name="<module>", co_qualname="<module>", co_firstlineno=line)
    return FunctionType(code, module.__dict__)(main, args)


def is_call(frame: FrameType) -> bool:
    """Return whether a frame is the one that `call_main` made; no real module takes arguments."""
    return frame.f_code.co_name == "<module>" and frame.f_code.co_argcount > 0


def flush_streams() -> None:
    """Write what the script has left in buffers: those that it has put in the place of its outputs, and its globals.

    Its own objects are asked, so it is for the deadline to bound this.
    """
    names = getattr(sys.modules.get("__main__"), "__dict__", {})
    left = [value for value in tuple(names.values()) if issubclass(type(value), _IOBase)]
    for stream in (getattr(sys, "stdout", None), getattr(sys, "stderr", None), *left):
        try:
            stream.flush()
        except BaseException:  # noqa: S112 (it is closed, or not what it should be: nobody is left to be told)
            continue
