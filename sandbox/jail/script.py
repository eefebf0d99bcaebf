"""Runs one script in this process and puts what became of it into an envelope, one JSON document.

The script shares the process with this code and may break anything in it: what that spoils is its own result alone.
The host checks the envelope like anything else that a script could have written.
"""

from __future__ import annotations

import os
import sys

from .encode import NotSerializable, TooLarge, encode, encode_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Coroutine
    from traceback import TracebackException
    from types import ModuleType, TracebackType
    from typing import Any, TypeVar

    _T = TypeVar("_T")

_FILENAME = "script.py"
_MAX_ERROR_CHARACTERS = 8 * 2**10
_MAX_TRACEBACK_CHARACTERS = 32 * 2**10
# A character takes at most 6 bytes of JSON, so this is never reached.
_ENVELOPE_BYTES = 2**20
# Given back when memory has run out: what it takes to load and use `traceback`.
_RESERVE_BYTES = 8 * 2**20
_OUT_OF_MEMORY = b'{"end":"memory_limit","error":"The script ran out of memory","traceback":"MemoryError\\n"}'
_SEED_BYTES = 32
_ARGS_HINT = " (main() gets the request's 'args' as keyword arguments)"


class _MissingMain(Exception):
    """The script has no `main` that can be called."""


class _CannotCompile(Exception):
    """The script's text is no Python."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


_ENDS = {
    _MissingMain: "missing_main",
    NotSerializable: "result_not_serializable",
    TooLarge: "result_too_large",
}


def make_reserve() -> list[bytes]:
    """Set memory aside for `run_script`, which takes a moment."""
    return [bytes(_RESERVE_BYTES)]


def run_script(source: str, args_json: str, result_limit_bytes: int, reserve: list[bytes]) -> bytes:
    """Run a script: execute its text as the module `script`, call its `main()` and encode what that returns.

    A coroutine or another awaitable is awaited, and what it returns too if it is one; of a generator, async or not, the
    result is the list of what it yields, each written when it comes, so that one without an end ends at the limit.
    Warnings that compiling gives rise to go to the script's stderr, as they do in any Python.

    Args:
        source: the script's text.
        args_json: the keyword arguments of `main()`, a JSON object.
        result_limit_bytes: how large the JSON text of the result may be.
        reserve: what `make_reserve` returned, which is let go of when memory has run out.

    Returns:
        The envelope, UTF-8. Its `end` is one of `returned` (with `result`), `script_error` and `memory_limit` (with
        `error`, `traceback` and `line`, which is null where no line of the script is to blame), `script_exited`,
        `missing_main`, `result_too_large` and `result_not_serializable` (with `error`).
    """
    try:
        return b'{"end":"returned","result":%b}' % _finish(_returned_by_main(source, args_json), result_limit_bytes)
    # First, for the tuple of the next clause could not be made.
    except MemoryError as error:
        reserve.clear()
        try:
            return _describe("memory_limit", error, source)
        except MemoryError:  # what the script keeps alive leaves too little to say where it was
            return _OUT_OF_MEMORY
    except (_MissingMain, NotSerializable, TooLarge) as error:
        return _envelope(_ENDS[type(error)], str(error))
    except SystemExit as error:
        return _envelope("script_exited", _exit_message(error))
    except _CannotCompile as error:
        return _describe("script_error", error.error, source)
    except BaseException as error:
        return _describe("script_error", error, source)


def seed_random(entropy: bytes | None = None) -> None:
    """Seed every generator of random numbers that this process may have inherited from the one it was forked from.

    That is `random`'s, numpy's global one, and the one that `tempfile` makes names with, which is seeded anew only when
    the process id changes: in a pid namespace every script may have the same. What hashes strings cannot be changed:
    it is the same in every process that was forked from one interpreter.

    Args:
        entropy: what to seed with, a multiple of 4 bytes; None: the operating system's.
    """
    if (random := sys.modules.get("random")) is not None:
        random.seed(entropy)
    if (numpy_random := sys.modules.get("numpy.random")) is not None:
        # Left to itself numpy mixes the operating system's entropy once more, in Python, which takes twice as long.
        numpy_random.seed(memoryview(entropy or os.urandom(_SEED_BYTES)).cast("I").tolist())
    if (tempfile := sys.modules.get("tempfile")) is not None:
        tempfile._name_sequence = None  # type: ignore[attr-defined]


def _returned_by_main(source: str, args_json: str) -> object:
    try:
        code = compile(source, _FILENAME, "exec", dont_inherit=True)
    except Exception as error:
        raise _CannotCompile(error) from error
    module = _make_module(source)
    exec(code, module.__dict__)  # noqa: S102 (what the jail is for)
    main = module.__dict__.get("main")
    if not callable(main):
        raise _MissingMain("Script must define a 'main()' function")
    return main(**_parse_args(args_json))


class _Loader:
    """Tells `linecache`, and so tracebacks and `inspect`, the script's text; see PEP 302."""

    def __init__(self, source: str) -> None:
        self.source = source

    def get_source(self, name: str) -> str:
        """Return the script's text."""
        return self.source


def _make_module(source: str) -> ModuleType:
    module = type(sys)("script")
    module.__file__ = _FILENAME
    module.__loader__ = _Loader(source)  # type: ignore[assignment]
    sys.modules["script"] = module
    # A fresh interpreter has no linecache, and to load it costs 10 ms: there the loader does when it is loaded.
    if "linecache" in sys.modules:
        _put_into_linecache(source)
    return module


def _put_into_linecache(source: str) -> None:
    import io
    import linecache

    # `str.splitlines`, which linecache would use, also splits where Python's own lines go on: at a form feed, say.
    # The last line too must end with a line break, or the marks under it are one column off.
    lines = [line.rstrip("\n") + "\n" for line in io.StringIO(source, newline=None)]
    linecache.cache[_FILENAME] = (len(source), None, lines, _FILENAME)


def _parse_args(args_json: str) -> dict[str, Any]:
    if args_json == "{}":
        return {}  # to load json costs 10 ms
    import json

    max_digits = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        args: dict[str, Any] = json.loads(args_json)
    finally:
        sys.set_int_max_str_digits(max_digits)
    return args


def _finish(returned: object, limit_bytes: int) -> bytes:
    """Encode what `main` returned, or what becomes of it where it has yet to run."""
    text = None
    if hasattr(type(returned), "__await__") or hasattr(type(returned), "__aiter__"):
        returned, text = _run_event_loop(_await(returned, limit_bytes))
    return encode(returned, limit_bytes) if text is None else text


async def _await(value: Any, limit_bytes: int) -> tuple[object, bytes | None]:
    """Return the result, and its text where it had to be read in the event loop."""
    while hasattr(type(value), "__await__"):
        value = await value
    return (None, await encode_all(value, limit_bytes)) if hasattr(type(value), "__aiter__") else (value, None)


def _run_event_loop(coroutine: Coroutine[Any, Any, _T]) -> _T:
    """Do what asyncio.run does, but for the threads of the default executor: they are not waited for."""
    import asyncio

    class Loop(asyncio.SelectorEventLoop):
        async def shutdown_default_executor(self) -> None:
            pass

    with asyncio.Runner(loop_factory=Loop) as runner:
        return runner.run(coroutine)


def _describe(end: str, error: BaseException, source: str) -> bytes:
    """Make the envelope of a script that ended by an exception.

    The exception is the script's own, so any of its methods may raise what it likes.
    """
    line = _innermost_line(error.__traceback__)
    message = _message(error, "The script ran out of memory" if end == "memory_limit" else type(error).__name__)
    if line is None and isinstance(error, TypeError):
        message += _ARGS_HINT
    elif line is None and isinstance(error, SyntaxError):
        line = error.lineno
    try:
        traceback = _format(error, source)
    except BaseException as failure:
        traceback = f"<the traceback cannot be shown: {type(failure).__name__}>"
    return _envelope(end, message, traceback=_cut(traceback, _MAX_TRACEBACK_CHARACTERS), line=line)


def _innermost_line(trace: TracebackType | None) -> int | None:
    line = None
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == _FILENAME:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _message(problem: object, name: str) -> str:
    try:
        text = str.__str__(str(problem))  # what str() returns may be of a class of the script's
    except BaseException:
        text = "<exception str() failed>"
    return f"{name}: {text}" if text else name


def _format(error: BaseException, source: str) -> str:
    """Format an exception and those that led to it, with the script's own frames only."""
    import traceback

    _put_into_linecache(source)
    whole = traceback.TracebackException(type(error), error, error.__traceback__, compact=True)
    parts: list[TracebackException | None] = [whole]
    while parts:
        if (part := parts.pop()) is not None:
            part.stack[:] = [frame for frame in part.stack if frame.filename == _FILENAME]
            parts += [part.__cause__, part.__context__, *(part.exceptions or ())]
    return "".join(whole.format())


def _exit_message(error: SystemExit) -> str:
    """Say with which status the script exited, see sys.exit."""
    if error.code is None or isinstance(error.code, int):
        return f"The script called exit with status {(error.code or 0) & 0xFF}"
    return _message(error.code, "The script called exit with status 1")


def _envelope(end: str, error: str, **more: str | int | None) -> bytes:
    return encode({"end": end, "error": _cut(error, _MAX_ERROR_CHARACTERS), **more}, _ENVELOPE_BYTES)


def _cut(text: str, max_characters: int) -> str:
    """Leave out the middle of a text that is too long."""
    if len(text) <= max_characters:
        return text
    half = max_characters // 2 - 32
    return f"{text[:half]}\n… {len(text) - 2 * half} characters left out …\n{text[-half:]}"
