"""Constant folding: what operators, builtins and methods make of known texts, bytes and numbers.

Only what is pure is folded, and only if the size of its result is bounded by the product of what goes in. That leaves
out widths (`"{:999999999}"`), powers, and codecs of the script's choice. Everything else is unknown: None.
"""

import ast
import base64
import operator
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias, Union

Constant: TypeAlias = Union[str, bytes, int, "tuple[Constant, ...]"]

# A longer constant counts as unknown.
MAX_LENGTH: Final = 1000
_MAX_INTEGER = 0x10FFFF  # as large as `chr` takes
_MAX_WORK = 100_000
_MAX_DIGITS = 9
_ENCODINGS = frozenset({"ascii", "utf-8", "utf8", "latin-1", "latin1"})
_FORMAT_WITHOUT_WIDTHS = re.compile(r"(?:[^{}]|\{\{|\}\}|\{\w*(?:![sra])?(?::[sdc]?)?\})*")
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
_CONVERSIONS: dict[int, Callable[[Any], str]] = {-1: str, ord("s"): str, ord("r"): repr, ord("a"): ascii}
_TEXT_CLASSES = ("builtins.str.", "builtins.bytes.")


def operands(node: ast.expr) -> list[ast.expr] | None:
    """Return the operands of an operation that `fold_operation` knows; None if it knows no such operation."""
    match node:
        case ast.BinOp():
            return [node.left, node.right]
        case ast.UnaryOp(op=ast.USub()):
            return [node.operand]
        case ast.JoinedStr():
            return node.values
        case ast.FormattedValue(format_spec=None | ast.JoinedStr(values=[] | [ast.Constant(value="s" | "d" | "c")])):
            return [node.value]
        case _:
            return None


def fold_operation(node: ast.expr, values: Sequence[Constant]) -> Constant | None:
    """Return the value of an operation whose operands have these values."""
    match node:
        case ast.BinOp():
            return fold_operator(node.op, *values)
        case ast.UnaryOp():
            return -values[0] if isinstance(values[0], int) else None
        case ast.JoinedStr():
            return _evaluate("".join, (tuple(map(str, values)),))
        case ast.FormattedValue(format_spec=ast.JoinedStr(values=[ast.Constant(value="c")])):
            return _evaluate(chr, values)
        case ast.FormattedValue():
            return _evaluate(_CONVERSIONS[node.conversion], values)
        case _:
            return None


def fold_operator(kind: ast.operator, left: Constant, right: Constant) -> Constant | None:
    """Return the value of `left OP right`."""
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


def fold_item(base: Constant, key: Constant | slice) -> Constant | None:
    """Return the value of `base[key]`."""
    return _evaluate(operator.getitem, (base, key))


def fold_call(path: str, arguments: Sequence[Constant]) -> Constant | None:
    """Return the value of calling the function at a path; only some builtins and methods of texts have one."""
    if path == "itertools.chain":
        return sequence(part for each in arguments if not isinstance(each, int) for part in each)
    if path in _NAMED_OPERATORS and len(arguments) == 2:
        return fold_operator(_NAMED_OPERATORS[path](), *arguments)
    if path == "operator.getitem" and len(arguments) == 2:
        return fold_item(*arguments)
    if path.startswith(_TEXT_CLASSES) and path != "builtins.bytes.fromhex" and arguments:
        return fold_method(path.rpartition(".")[2], arguments)
    function = _FUNCTIONS.get(path)
    # The bytes of a number are so many zeros.
    if function is None or (function is bytes and arguments and isinstance(arguments[0], int)):
        return None
    return _evaluate(function, arguments) if _are_harmless(arguments[1:]) else None


def fold_calls(paths: Iterable[str], arguments: Sequence[Constant]) -> Constant | None:
    """Return the value of calling a function that may be at any of these paths; None if there is not exactly one."""
    return only(known(fold_call(path, arguments) for path in paths))


def fold_map(path: str, values: Constant) -> Constant | None:
    """Return the values of `map(function, values)`, as a tuple."""
    return None if isinstance(values, int) else sequence(fold_call(path, (value,)) for value in values)


def fold_reduce(path: str, values: Constant) -> Constant | None:
    """Return the value of `functools.reduce(function, values)`."""
    if path not in _NAMED_OPERATORS or not isinstance(values, tuple) or not values:
        return None
    result: Constant | None = values[0]
    for value in values[1:]:
        result = None if result is None else fold_call(path, (result, value))
    return result


# Functions that call one that they are given with each part of something.
FOLDED_EACH: Final = {"builtins.map": fold_map, "functools.reduce": fold_reduce}


def fold_method(
    name: str, parts: Sequence[Constant], keywords: Mapping[str, Constant] | None = None
) -> Constant | None:
    """Return the value of calling a method of a text or bytes, which is the first of the parts, with the others."""
    base, *arguments = parts
    method = getattr(base, name, None) if name in METHODS and isinstance(base, str | bytes) else None
    if method is None:
        return None
    if name in _OPERATOR_METHODS:
        return fold_operator(_OPERATOR_METHODS[name](), base, arguments[0]) if len(arguments) == 1 else None
    if name == "__getitem__":
        return fold_item(base, arguments[0]) if len(arguments) == 1 else None
    if name == "__format__" and any(arguments):
        return None
    if name == "format" and not (isinstance(base, str) and _FORMAT_WITHOUT_WIDTHS.fullmatch(base)):
        return None
    if name in ("encode", "decode") and not _are_harmless(arguments):
        return None
    return _evaluate(method, arguments, keywords or {}, base=base)


def _are_harmless(encodings: Sequence[Constant]) -> bool:
    """Return whether these arguments name no encoding, or one that is quick and loads nothing."""
    return all(value in _ENCODINGS for value in encodings)


def _evaluate(
    function: Callable[..., Any],
    arguments: Sequence[Any],
    keywords: Mapping[str, Constant] | None = None,
    base: Constant = 0,
) -> Constant | None:
    keywords = keywords or {}
    work = (size(base) + 1) * (1 + sum(size(argument) for argument in (*arguments, *keywords.values())))
    if work > _MAX_WORK:
        return None
    try:
        value = function(*arguments, **keywords)
    except (TypeError, ValueError, LookupError, ArithmeticError):  # the script will get it too
        return None
    if isinstance(value, list):
        value = tuple(value)
    return value if is_constant(value) else None


def is_constant(value: object) -> bool:
    """Return whether this is something to fold on with: of a kind that is known here, and not too large."""
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


def known(values: Iterable[Constant | None]) -> set[Constant]:
    """Return the values that are known."""
    return {value for value in values if value is not None}


def only(values: Collection[Constant]) -> Constant | None:
    """Return the value if there is only one."""
    return next(iter(values)) if len(values) == 1 else None


def sequence(values: Iterable[Constant | None]) -> Constant | None:
    """Return a tuple of the values; None if one of them is unknown, or together they are too large."""
    found = tuple(values)
    return found if None not in found and is_constant(found) else None  # type: ignore[return-value]


def flat(values: Iterable[Constant]) -> Iterator[Constant]:
    """Return the values, and the elements of those that are tuples."""
    rest = list(values)
    while rest:
        value = rest.pop()
        yield value
        if isinstance(value, tuple):
            rest.extend(value)


def size(value: object) -> int:
    """Return how large a value is: its characters, bytes or elements, all the way down."""
    if isinstance(value, tuple):
        return len(value) + sum(size(part) for part in value)
    return len(value) if isinstance(value, str | bytes) else 1


def cost(value: Constant) -> int:
    """Return about how many steps the folding took: a container is gone through one by one, a text as a whole."""
    return size(value) if isinstance(value, tuple) else 1 + size(value) // 50
