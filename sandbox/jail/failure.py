"""Describes an exception for the caller: a sentence, the script's line, its traceback, and the limit that it met.

The exception may be of the script's own class, so each of its methods may raise anything.
"""

from __future__ import annotations

import errno
import os
import sys

from .lacks import suggestion, what_is_lacking
from .scratch import MAX_INODES
from .surroundings import FILENAME, is_call, put_into_linecache, search_no_folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from traceback import TracebackException
    from types import TracebackType

    from sandbox.protocol import JailLimits

_MB = 2**20
_MAX_TRACEBACK_CHARACTERS = 32 * 2**10
# How many of an exception's causes are examined for the reason.
_MAX_LOOKED_AT = 32
_UNNAMED_MODULES = {"builtins", "__main__", "script"}

_ARGS = " (main() gets the request's 'args' as keyword arguments)"
_NETWORK = " (there is no network in the sandbox)"
_INPUT = " (there is no input in the sandbox: give the script its data as the request's 'args')"
_PROCESSES = " (a script is one process, and can start no other)"


def shorten(text: str, max_characters: int) -> str:
    """Leave out the middle of a text that is too long."""
    if len(text) <= max_characters:
        return text
    half = max_characters // 2 - 32
    return f"{text[:half]}\n… {len(text) - 2 * half} characters left out …\n{text[-half:]}"


def describe(error: BaseException, source: str, folder: str, limits: JailLimits) -> dict[str, str | int | None]:
    """Return an envelope's `error`, `traceback` and `line` for an exception that the script did not catch.

    Args:
        error: the exception.
        source: the script's text.
        folder: its first working directory, whose modules are its own too.
        limits: what it may use.
    """
    out_of_memory = issubclass(type(error), MemoryError)
    trace = _without_call(error.__traceback__)
    line, meant = innermost_line(trace, folder), ""
    name = out_of_memory_sentence(limits) if out_of_memory else _class_name(type(error))
    message = said(error, name)
    if line is None and issubclass(type(error), TypeError):
        message += _ARGS
    elif not out_of_memory:
        message += _first_of_group(error) + (meant := _meant(error)) + _hint(error, limits)
    try:
        traceback = _format(error, trace, source, folder)
        if meant and traceback.endswith(f": {error}\n"):
            traceback = f"{traceback[:-1]}{meant}\n"
    except BaseException as failure:
        traceback = f"<the traceback cannot be shown: {type(failure).__name__}>"
    return {"error": message, "traceback": shorten(traceback, _MAX_TRACEBACK_CHARACTERS), "line": line}


def out_of_memory_sentence(limits: JailLimits) -> str:
    """Tell that the script ran out of memory, with its limit."""
    return f"The script ran out of memory (its limit is {limits['memory_bytes'] / _MB:g} MB)"


def said(problem: object, name: str) -> str:
    """Return a name, followed by the `str()` of the problem."""
    try:
        text = str.__str__(str(problem))  # str() may return an instance of the script's class
    except BaseException:
        text = "<exception str() failed>"
    return f"{name}: {text}" if text else name


def innermost_line(trace: TracebackType | None, folder: str) -> int | None:
    """Return the line of the script's innermost frame; None if it has none."""
    line = None
    while trace is not None:
        if _is_own(trace.tb_frame.f_code.co_filename, folder) and not is_call(trace.tb_frame):
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _is_own(filename: str, folder: str) -> bool:
    return filename == FILENAME or filename.startswith(f"{folder}/")


def _without_call(trace: TracebackType | None) -> TracebackType | None:
    """Leave out the frames above the call of `main`, and the call itself."""
    rest = trace
    while rest is not None:
        if is_call(rest.tb_frame):
            return rest.tb_next
        rest = rest.tb_next
    return trace


def _class_name(kind: type) -> str:
    """Return a class's name as in a traceback; for a class of the script without its module."""
    name, module = (type.__dict__[part].__get__(kind) for part in ("__qualname__", "__module__"))
    return name if module in _UNNAMED_MODULES or type(module) is not str else f"{module}.{name}"


def _format(error: BaseException, trace: TracebackType | None, source: str, folder: str) -> str:
    """Format an exception and its causes, with the script's own frames only."""
    search_no_folder(folder)
    import traceback

    put_into_linecache(source)
    whole = traceback.TracebackException(type(error), error, trace, compact=True)
    parts: list[TracebackException | None] = [whole]
    while parts:
        if (part := parts.pop()) is not None:
            part.stack[:] = [frame for frame in part.stack if _is_own(frame.filename, folder)]
            for frame in part.stack:
                frame.filename = frame.filename.removeprefix(f"{folder}/")
            if part.exc_type.__module__ in _UNNAMED_MODULES:
                base = SyntaxError if issubclass(part.exc_type, SyntaxError) else object
                names = {"__module__": "builtins", "__qualname__": part.exc_type.__qualname__}
                part.exc_type = type("Unnamed", (base,), names)
            parts += [part.__cause__, part.__context__, *(part.exceptions or ())]
    return "".join(whole.format())


def _first_of_group(error: BaseException) -> str:
    """Name the first exception of a group, since the group itself tells only how many there are."""
    first = error
    for _ in range(_MAX_LOOKED_AT):
        if not issubclass(type(first), BaseExceptionGroup):
            break
        first = BaseExceptionGroup.exceptions.__get__(first)[0]
    return "" if first is error else f"; the first is {said(first, _class_name(type(first)))}"


def _meant(error: BaseException) -> str:
    try:
        return suggestion(error)
    except BaseException:
        return ""


def _hint(error: BaseException, limits: JailLimits) -> str:
    """Return what else helps: the limit that the script met, or what a sandbox lacks."""
    try:
        reason = next(filter(None, (_reason(one, limits) for one in _led_to(error))), "")
        # Not for its causes: the script may have expected those, such as a file that may be absent.
        return reason or what_is_lacking(error)
    except BaseException:
        return ""


def _led_to(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception, those in its group, and its causes."""
    waiting: list[BaseException | None] = [error]
    seen: list[BaseException] = []
    while waiting and len(seen) < _MAX_LOOKED_AT:
        one = waiting.pop(0)
        if one is None or any(one is other for other in seen):
            continue
        seen.append(one)
        yield one
        waiting += [one.__cause__, one.__context__, *getattr(one, "exceptions", ())]


def _reason(error: BaseException, limits: JailLimits) -> str:
    kind = type(error)
    if isinstance(error, OSError):
        return _reason_of_system(error, limits)
    if issubclass(kind, MemoryError):
        return f" (a script may take {limits['memory_bytes'] / _MB:g} MB of memory)"
    if issubclass(kind, RuntimeError) and error.args == ("can't start new thread",):
        return f" (a script may have {limits['threads']} threads at once)"
    if kind is EOFError and error.args == ("EOF when reading a line",):
        return _INPUT
    return ""


def _reason_of_system(error: OSError, limits: JailLimits) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        megabytes = limits["scratch_bytes"] / _MB
        return f" (a script may have {megabytes:g} MB of files, at most {MAX_INODES} of them)"
    if error.errno == errno.EMFILE:
        return f" (a script may have {limits['open_files']} open files at once)"
    socket = sys.modules.get("_socket")
    if socket is not None and issubclass(type(error), (socket.gaierror, socket.herror)):
        return _NETWORK
    if issubclass(type(error), PermissionError):
        library, _, name = origin(error.__traceback__).rpartition("/")
        if name == "socket.py" and library == os.path.dirname(os.__file__):
            return _NETWORK
        if name in ("subprocess.py", "popen_fork.py"):
            return _PROCESSES
    return ""


def origin(trace: TracebackType | None) -> str:
    """Return the file of the innermost frame, the script's or not."""
    filename = ""
    while trace is not None:
        filename = trace.tb_frame.f_code.co_filename
        trace = trace.tb_next
    return filename
