"""Tells why a result cannot be written, and what its author can do instead."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_MAX_SHOWN_CHARACTERS = 60
_MAX_SHOWN_ELEMENTS = 8
_MAX_SHOWN_LEVELS = 3
_UNREADABLE = "cannot be read"

# The hint for a module's class and its subclasses; the first that fits counts.
_HINTS = (
    ("builtins", "bytes", "return text, for example value.decode() or base64.b64encode(value).decode()"),
    ("builtins", "bytearray", "return text, for example value.decode() or base64.b64encode(value).decode()"),
    ("builtins", "type", "return its name, value.__name__, or an instance"),
    ("builtins", "complex", "return [value.real, value.imag]"),
    ("builtins", "BaseException", "return str(value), or raise it"),
    ("types", "ModuleType", "return something of what is in it"),
    ("types", "FunctionType", "call it"),
    ("types", "BuiltinFunctionType", "call it"),
    ("types", "MethodType", "call it"),
    ("functools", "partial", "call it"),
    ("re", "Match", "return value.group() or value.groupdict()"),
    ("re", "Pattern", "return value.pattern"),
    ("io", "StringIO", "return value.getvalue()"),
    ("io", "BytesIO", "return text, for example base64.b64encode(value.getvalue()).decode()"),
    ("_io", "_IOBase", "return what value.read() gives, as text"),
    ("concurrent.futures", "Future", "return value.result()"),
    ("email.message", "Message", "return value.as_string()"),
    ("ast", "AST", "return ast.dump(value)"),
    ("pandas.core.base", "SelectionMixin", "return an aggregate of it, for example value.sum()"),
    ("sympy.core.basic", "Basic", "return str(value)"),
    ("matplotlib.artist", "Artist", "save its figure into an io.BytesIO, and return base64.b64encode(…).decode()"),
)
# Methods that return something serializable, on classes that have them.
_METHODS = ("to_dict", "model_dump", "_asdict", "to_json", "tolist", "to_list", "toarray")


class NotSerializable(Exception):
    """A value has no JSON form.

    Attributes:
        problem: what is wrong with it, to be read after the path.
        path: the steps from the value to the result, innermost first.
    """

    def __init__(self, problem: str) -> None:
        """Take the problem; each container around the value adds its step to the path."""
        super().__init__(problem)
        self.problem = problem
        self.path: list[str] = []

    def __str__(self) -> str:
        """Name the path and the problem: `result['rows'][3] is an object, …`."""
        return f"result{''.join(reversed(self.path))} {self.problem}"


class TooLarge(Exception):
    """The JSON text is larger than the limit."""

    def __init__(self, limit_bytes: int) -> None:
        """Take the limit, in bytes."""
        limit = f"{limit_bytes / 2**20:g} MB" if limit_bytes >= 2**20 else f"{limit_bytes} byte"
        super().__init__(f"The result is larger than the {limit} limit.")


def unreadable(why: Exception | str) -> NotSerializable:
    """Tell that a value cannot be read: its own methods raised an exception, or lied.

    Raises:
        MemoryError: that is the reason.
    """
    if isinstance(why, MemoryError):
        raise why
    return NotSerializable(f"{_UNREADABLE}: {why if type(why) is str else _describe(why)}")


def _describe(error: object) -> str:
    try:
        reason = str.__str__(str(error))  # str() may return an instance of the script's class
    except Exception:
        reason = "<exception str() failed>"
    return f"{name_of(type(error))}: {reason}"


def no_json_form(kind: type) -> NotSerializable:
    """Tell that values of a type have no JSON form, and what to return instead."""
    return NotSerializable(f"is {named(kind)}, which is not JSON-serializable; {_hint(kind)}")


def no_key(key: object, refusal: NotSerializable | None = None) -> NotSerializable:
    """Tell that a value cannot be a key in JSON; `refusal` is why it cannot be a value either, if so."""
    if refusal is not None and refusal.problem.startswith(_UNREADABLE):
        return NotSerializable(f"has the key {shown(key)}, {named(type(key))}, which {refusal.problem}")
    instead = "key.decode()" if isinstance(key, bytes) else "str(key)"
    return NotSerializable(
        f"has the key {shown(key)}, {named(type(key))}, which cannot be a JSON key; use text, for example {instead}"
    )


def equal_keys(name: str) -> NotSerializable:
    """Tell that two keys are equal in JSON."""
    return NotSerializable(f"has more than one key that is {shown(name)} in JSON")


def name_of(kind: type) -> str:
    """Return a type's real name, whatever its metaclass does."""
    name: str = type.__dict__["__name__"].__get__(kind)
    return name[:_MAX_SHOWN_CHARACTERS]


def named(kind: type) -> str:
    """Return a type's name with its article."""
    name = name_of(kind)
    return f"an {name}" if name[:1].lower() in set("aeiou") else f"a {name}"


def shown(key: object) -> str:
    """Return a key's `repr()`, shortened."""
    try:
        text = _short_repr(key, _MAX_SHOWN_LEVELS)
    except Exception:
        text = object.__repr__(key)
    return text if len(text) <= _MAX_SHOWN_CHARACTERS else f"{text[:_MAX_SHOWN_CHARACTERS]}…"


def _short_repr(value: object, levels: int) -> str:
    if type(value) is str:
        return repr(value[:_MAX_SHOWN_CHARACTERS])
    if type(value) is tuple:  # it may hold itself a billion times over
        shown = value[:_MAX_SHOWN_ELEMENTS] if levels else ()
        texts = [_short_repr(element, levels - 1) for element in shown]
        if len(shown) < len(value):
            texts.append("…")
        return f"({texts[0]},)" if len(shown) == len(value) == 1 else f"({', '.join(texts)})"
    return str.__str__(repr(value))


def known_class(module: str, name: str) -> type | None:
    """Return a class by its name, or the class of a singleton by the singleton's; None if it is not loaded.

    No value can be of a class that is not loaded, so nothing is imported for it.
    """
    known = getattr(sys.modules.get(module), name, None)
    return known if known is None or isinstance(known, type) else type(known)


def _hint(kind: type) -> str:
    return next(_hints(kind))


def _hints(kind: type) -> Iterator[str]:
    """Yield what the author can do instead, the best first."""
    for module, name, hint in _HINTS:
        known = known_class(module, name)
        if known is not None and issubclass(kind, known):
            yield hint
    if hasattr(kind, "__await__"):
        yield "await it"
    if hasattr(kind, "__aiter__"):
        yield "return [item async for item in value]"
    for method in _METHODS:
        if hasattr(kind, method):
            yield f"return value.{method}()"
    if hasattr(kind, "__iter__"):
        yield "return list(value)"
    if kind.__dictoffset__:
        yield "return a dict of what you need of it, for example vars(value)"
    yield "return a dict, a list or a text made of it"
