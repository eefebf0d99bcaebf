"""Runs one script in this process and writes how it ended into an envelope, one JSON document.

The script shares the process with this code and may break anything in it: then it spoils its own result only. The host
validates the envelope like all that a script could have written.
"""

from __future__ import annotations

import os
import sys

from . import failure, lacks, surroundings, syntax
from .encode import NotSerializable, TooLarge, encode, encode_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sandbox.protocol import JailLimits

_MAX_ERROR_CHARACTERS = 8 * 2**10
# A character takes at most 6 bytes of JSON, so this is never reached.
_ENVELOPE_BYTES = 2**20
# Memory that is freed when a script runs out of it: enough to load and use `traceback`.
_RESERVE_BYTES = 8 * 2**20
_OUT_OF_MEMORY = b'{"end":"memory_limit","error":"%b","traceback":"MemoryError\\n","line":%b}'
_SEED_BYTES = 32
_BYTE_ORDER_MARK = "\ufeff"
# For the result of an iterator, with the memory that a script has.
_ENDLESS = "%s It is what an iterator yields, perhaps without end. Return what you need of it, within %d MB of memory."


class _MissingMain(Exception):
    """The script has no `main` that can be called."""


class _CannotCompile(Exception):
    """The script's text is not Python."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


_ENDS = {
    _MissingMain: "missing_main",
    NotSerializable: "result_not_serializable",
    TooLarge: "result_too_large",
}


def make_reserve() -> list[bytes]:
    """Set memory aside for `run_script`; this takes a moment."""
    return [bytes(_RESERVE_BYTES)]


def run_script(source: str, args_json: str, limits: JailLimits, reserve: list[bytes]) -> bytes:
    """Run a script: execute its text as the module `script`, call its `main()`, and encode what that returns.

    An awaitable is awaited, and what it returns is too. The result of a generator, async or not, is the list of what it
    yields; each element is written when it comes, so that an endless generator ends at the limit. The compiler's
    warnings go to the script's stderr, as in any Python.

    Args:
        source: the script's text; a byte order mark in front of it does not count.
        args_json: the keyword arguments of `main()`, a JSON object.
        limits: what the script may use, and how large the JSON text of its result may be.
        reserve: what `make_reserve` returned; it is freed if memory runs out.

    Returns:
        The envelope, in UTF-8. Its `end` is `returned` (with `result`), `script_error` or `memory_limit` (with `error`,
        `traceback` and `line`, which is null if no line of the script is to blame), `syntax_error` (also with `column`
        if a line is to blame), `script_exited`, `missing_main`, `result_too_large` or `result_not_serializable` (with
        `error`).
    """
    envelope = _run(source.removeprefix(_BYTE_ORDER_MARK), args_json, limits, reserve)
    surroundings.flush_streams()
    return envelope


def _run(source: str, args_json: str, limits: JailLimits, reserve: list[bytes]) -> bytes:
    folder = os.getcwd()
    surroundings.search_no_folder(folder)  # the spare's dry run left it there
    try:
        returned = _returned_by_main(source, args_json, folder)
        return b'{"end":"returned","result":%b}' % _finish(returned, limits)
    # This clause comes first, since there is no memory left for the tuple of the next.
    except MemoryError as error:
        reserve.clear()
        try:
            return _envelope("memory_limit", **failure.describe(error, source, folder, limits))
        except MemoryError:  # the script's objects leave too little memory to say more
            line = failure.innermost_line(error.__traceback__, folder)
            sentence = failure.out_of_memory_sentence(limits).encode()
            return _OUT_OF_MEMORY % (sentence, b"%d" % line if line else b"null")
    except (_MissingMain, NotSerializable, TooLarge) as error:
        return _envelope(_ENDS[type(error)], str(error))
    except SystemExit as error:
        line = failure.innermost_line(error.__traceback__, folder)
        return _envelope("script_exited", _exit_message(error), line=line)
    except _CannotCompile as error:
        return _envelope("syntax_error", **syntax.describe(error.error, source))
    except BaseException as error:
        return _envelope("script_error", **failure.describe(error, source, folder, limits))


def seed_random(entropy: bytes | None = None) -> None:
    """Seed every generator of random numbers that this process has inherited by the fork.

    These are `random`'s, numpy's global one, and that of `tempfile`'s names, which seeds itself anew only if the
    process id changes: in a pid namespace every script may have the same. The seed of string hashes cannot be changed:
    all forks of one interpreter share it.

    Args:
        entropy: the seed, a multiple of 4 bytes; None takes it from the operating system.
    """
    if (random := sys.modules.get("random")) is not None:
        random.seed(entropy)
    if (numpy_random := sys.modules.get("numpy.random")) is not None:
        # Without a seed numpy mixes the operating system's entropy once more, in Python, which takes twice as long.
        numpy_random.seed(memoryview(entropy or os.urandom(_SEED_BYTES)).cast("I").tolist())
    if (tempfile := sys.modules.get("tempfile")) is not None:
        tempfile._name_sequence = None  # type: ignore[attr-defined]


def _returned_by_main(source: str, args_json: str, folder: str) -> object:
    # The module exists before the script is compiled, since the compiler's warnings show its lines.
    module = surroundings.make_module(source, folder)
    args = _parse_args(args_json)
    try:
        code = compile(source, surroundings.FILENAME, "exec", dont_inherit=True)
    except MemoryError:
        raise
    except Exception as error:
        raise _CannotCompile(error) from error
    surroundings.search_folder(folder)
    exec(code, module.__dict__)  # noqa: S102 (what the jail is for)
    main = module.__dict__.get("main")
    if not callable(main):
        raise _MissingMain("Script must define a 'main()' function")
    return surroundings.call_main(module, main, args)


def _parse_args(args_json: str) -> dict[str, Any]:
    if args_json == "{}":
        return {}  # the import of json costs 10 ms
    import json

    max_digits = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        args: dict[str, Any] = json.loads(args_json)
    finally:
        sys.set_int_max_str_digits(max_digits)
    return args


def _finish(returned: object, limits: JailLimits) -> bytes:
    """Encode what `main` returned; run it first if it is awaitable."""
    kind, limit_bytes, text = type(returned), limits["result_bytes"], None
    try:
        if hasattr(kind, "__await__") or hasattr(kind, "__aiter__"):
            returned, text = _run_event_loop(returned, limit_bytes)
        return encode(returned, limit_bytes) if text is None else text
    except TooLarge as error:
        if hasattr(kind, "__next__") or hasattr(kind, "__anext__"):
            error.args = (_ENDLESS % (error, limits["memory_bytes"] // 2**20),)
        raise


async def _await(value: Any) -> object:
    return await value


def _run_event_loop(value: Any, limit_bytes: int) -> tuple[object, bytes | None]:
    """Return the result, and its text if it was read in the event loop.

    This does what asyncio.run does, but does not wait for the threads of the default executor. It runs a coroutine
    directly, so that no frame of this code is beneath it.
    """
    import asyncio

    class Loop(asyncio.SelectorEventLoop):
        async def shutdown_default_executor(self) -> None:
            pass

    with asyncio.Runner(loop_factory=Loop) as runner:
        while hasattr(type(value), "__await__"):
            value = runner.run(value if asyncio.iscoroutine(value) else _await(value))
        if hasattr(type(value), "__aiter__"):
            return None, runner.run(encode_all(value, limit_bytes))
        return value, None


def _exit_message(error: SystemExit) -> str:
    """Tell the status with which the script exited, see sys.exit."""
    if error.code is None or isinstance(error.code, int):
        why = lacks.why_exit(failure.origin(error.__traceback__))
        return f"The script called exit with status {(error.code or 0) & 0xFF}{why}"
    return failure.said(error.code, "The script called exit with status 1")


def _envelope(end: str, error: str | int | None, **more: str | int | None) -> bytes:
    assert isinstance(error, str)
    return encode({"end": end, "error": failure.shorten(error, _MAX_ERROR_CHARACTERS), **more}, _ENVELOPE_BYTES)
