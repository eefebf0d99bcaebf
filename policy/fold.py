"""Constant folding: what operators, builtins and methods make of known texts, bytes and numbers.

Evaluated is only what is pure, and whose answer is bounded by the product of what goes in; that leaves out widths
(`"{:999999999}"`), powers, and codecs of the script's choice. Everything else is unknown: None.
"""

import ast
import base64
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias, Union

Value: TypeAlias = Union[str, bytes, int, "tuple[Value, ...]"]

# What is longer counts as unknown.
MAX_LENGTH: Final = 1000
_MAX_INTEGER = 0x10FFFF  # as large as `chr` takes
_MAX_WORK = 100_000
_MAX_DIGITS = 9
_ENCODINGS = frozenset({"ascii", "utf-8", "utf8", "latin-1", "latin1"})
_TEMPLATE_WITHOUT_SPECS = re.compile(r"(?:[^{}]|\{\{|\}\}|\{\w*(?:![sra])?(?::[sdc]?)?\})*")
_PERCENT_WITHOUT_WIDTHS = re.compile(r"(?:[^%]|%[sc%])*")
METHODS = frozenset(
    {
        "__add__", "__format__", "__getitem__", "__mod__", "__mul__", "__rmul__", "__str__", "capitalize", "casefold",
        "decode", "encode", "format", "join", "lower", "lstrip", "partition", "removeprefix", "removesuffix",
        "replace", "rpartition", "rsplit", "rstrip", "split", "splitlines", "strip", "swapcase", "title", "upper",
    }
)  # fmt: skip
_OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Mod: operator.mod,
    ast.BitXor: operator.xor,
}
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "builtins.bytearray": bytes,
    "builtins.bytes": bytes,
    "builtins.bytes.fromhex": bytes.fromhex,
    "builtins.ascii": ascii,
    "builtins.chr": chr,
    "builtins.format": str,  # without a format spec
    "builtins.list": tuple,
    "builtins.int": lambda value: int(value) if len(value) < _MAX_DIGITS else None,
    "builtins.ord": ord,
    "builtins.repr": repr,
    "builtins.reversed": lambda value: tuple(reversed(value)),
    "builtins.sorted": lambda value: tuple(sorted(value)),
    "builtins.str": str,
    "builtins.tuple": tuple,
    "base64.b16decode": base64.b16decode,
    "base64.b32decode": base64.b32decode,
    "base64.b64decode": base64.b64decode,
    "base64.b85decode": base64.b85decode,
    "binascii.a2b_hex": bytes.fromhex,
    "binascii.unhexlify": bytes.fromhex,
}
# The operators again, as functions and as methods.
_NAMED_OPERATORS: dict[str, type[ast.operator]] = {
    "operator.add": ast.Add, "operator.concat": ast.Add, "operator.mod": ast.Mod, "operator.mul": ast.Mult,
    "operator.sub": ast.Sub, "operator.xor": ast.BitXor,
}  # fmt: skip
_OPERATOR_METHODS: dict[str, type[ast.operator]] = {
    "__add__": ast.Add, "__mod__": ast.Mod, "__mul__": ast.Mult, "__rmul__": ast.Mult,
}  # fmt: skip
_TEXT_CLASSES = ("builtins.str.", "builtins.bytes.")


def fold_operator(kind: ast.operator, left: Value, right: Value) -> Value | None:
    """The value of `left OP right`."""
    function = _OPERATORS.get(type(kind))
    if function is None:
        return None
    if isinstance(kind, ast.Mod) and not (isinstance(left, str) and _PERCENT_WITHOUT_WIDTHS.fullmatch(left)):
        return None
    if isinstance(kind, ast.Mult):
        text, times = (right, left) if isinstance(left, int) else (left, right)
        if not isinstance(times, int) or size(text) * times > MAX_LENGTH:
            return None
    return _evaluate(function, (left, right))


def fold_item(base: Value, index: Value | slice) -> Value | None:
    """The value of `base[index]`."""
    return _evaluate(operator.getitem, (base, index))


def fold_call(path: str, arguments: Sequence[Value]) -> Value | None:
    """The value of calling the function at a path; only some builtins have one, and methods of texts."""
    if path == "itertools.chain":
        chained = tuple(part for each in arguments if not isinstance(each, int) for part in each)
        return chained if is_value(chained) else None
    if path in _NAMED_OPERATORS and len(arguments) == 2:
        return fold_operator(_NAMED_OPERATORS[path](), *arguments)
    if path == "operator.getitem" and len(arguments) == 2:
        return fold_item(*arguments)
    if path.startswith(_TEXT_CLASSES) and path != "builtins.bytes.fromhex" and arguments:
        return fold_method(arguments[0], path.rpartition(".")[2], arguments[1:])
    function = _FUNCTIONS.get(path)
    # The bytes of a number are so many zeros.
    if function is None or (function is bytes and arguments and isinstance(arguments[0], int)):
        return None
    return _evaluate(function, arguments) if _are_harmless(arguments[1:]) else None


def fold_map(path: str, values: Value) -> Value | None:
    """The values of `map(function, values)`, as a tuple."""
    if isinstance(values, int):
        return None
    results = [fold_call(path, (value,)) for value in values]
    return None if None in results else tuple(result for result in results if result is not None)


def fold_reduce(path: str, values: Value) -> Value | None:
    """The value of `functools.reduce(function, values)`."""
    if path not in _NAMED_OPERATORS or not isinstance(values, tuple) or not values:
        return None
    result: Value | None = values[0]
    for value in values[1:]:
        result = None if result is None else fold_call(path, (result, value))
    return result


def fold_method(
    base: Value, name: str, arguments: Sequence[Value], keywords: Mapping[str, Value] | None = None
) -> Value | None:
    """The value of `base.name(…)` for a text or bytes."""
    method = getattr(base, name, None) if name in METHODS and isinstance(base, str | bytes) else None
    if method is None:
        return None
    if name in _OPERATOR_METHODS:
        return fold_operator(_OPERATOR_METHODS[name](), base, arguments[0]) if len(arguments) == 1 else None
    if name == "__getitem__":
        return fold_item(base, arguments[0]) if len(arguments) == 1 else None
    if name == "__format__" and any(arguments):
        return None
    if name == "format" and not (isinstance(base, str) and _TEMPLATE_WITHOUT_SPECS.fullmatch(base)):
        return None
    if name in ("encode", "decode") and not _are_harmless(arguments):
        return None
    return _evaluate(method, arguments, keywords or {}, base=base)


def _are_harmless(encodings: Sequence[Value]) -> bool:
    """Whether these arguments name no encoding, or one that is quick and loads nothing."""
    return all(value in _ENCODINGS for value in encodings)


def _evaluate(
    function: Callable[..., Any], arguments: Sequence[Any], keywords: Mapping[str, Value] | None = None, base: Value = 0
) -> Value | None:
    keywords = keywords or {}
    work = (size(base) + 1) * (1 + sum(size(argument) for argument in (*arguments, *keywords.values())))
    if work > _MAX_WORK:
        return None
    try:
        value = function(*arguments, **keywords)
    except (TypeError, ValueError, LookupError, ArithmeticError):  # as the script will find out
        return None
    if isinstance(value, list):
        value = tuple(value)
    return value if is_value(value) else None


def is_value(value: object) -> bool:
    """Whether this is something that can be folded on with: of a kind that is known here, and not too large."""
    length, rest = 0, [value]
    while rest and length <= MAX_LENGTH:
        part = rest.pop()
        length += len(part) if isinstance(part, str | bytes | tuple) else 1
        if isinstance(part, tuple):
            rest.extend(part)
        elif isinstance(part, int):
            if abs(part) > _MAX_INTEGER:
                return False
        elif not isinstance(part, str | bytes):
            return False
    return length <= MAX_LENGTH


def size(value: object) -> int:
    """How large a value is: its characters, bytes or elements, all the way down."""
    if isinstance(value, tuple):
        return len(value) + sum(size(part) for part in value)
    return len(value) if isinstance(value, str | bytes) else 1


def cost(value: Value) -> int:
    """About how long it took to fold, in steps: a container is gone through one by one, a text as a whole."""
    return size(value) if isinstance(value, tuple) else 1 + size(value) // 50
