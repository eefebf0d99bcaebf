"""Values that JSON knows, made of those that it does not: what `encode` does before it writes.

| value | becomes |
| --- | --- |
| NaT, pandas.NA, a masked value, a Decimal that is not finite | None |
| Enum member | its value |
| dataclass instance | a dict of its fields |
| datetime, date, time, Timestamp, numpy.datetime64 | ISO 8601, `"2024-01-31T09:30:00"` |
| timedelta, Timedelta, numpy.timedelta64 | an ISO 8601 duration, `"P1DT2H3M4.5S"` or `"-PT1S"` |
| Decimal, UUID, pandas.Period, pandas.Interval | its `str()` |
| numpy scalar | the Python value; a longdouble is the nearest float |
| numpy array, pandas Series, Index, Categorical or other array | nested lists of its elements |
| numpy structured scalar | a list of its fields |
| DataFrame | a list of its rows, each a dict; the index is left out |
| what derives from dict, list, tuple, str, int or float | its own data, whatever its methods say |
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Converter = Callable[[Any], object]

_MAX_SHOWN_CHARACTERS = 60

_HINTS = {
    "bytes": "; return text, for example base64.b64encode(value).decode()",
    "coroutine": "; await it",
    "frozenset": "; return a list",
    "generator": "; return a list",
    "set": "; return a list",
}


class NotSerializable(Exception):
    """A value has no JSON form.

    Attributes:
        problem: what is wrong with it, to be read after its place.
        path: the steps from the value to the result, innermost first.
    """

    def __init__(self, problem: str) -> None:
        """Take the problem; each container around the value adds its step to the path."""
        super().__init__(problem)
        self.problem = problem
        self.path: list[str] = []

    def __str__(self) -> str:
        """Name the place and the problem: `result['rows'][3] is a set, …`."""
        return f"result{''.join(reversed(self.path))} {self.problem}"


class Rows:
    """A DataFrame: a list of dicts in far less memory.

    Attributes:
        labels: the keys of every dict.
        columns: for each of them its values, all of the same length.
    """

    def __init__(self, labels: list[object], columns: list[list[object]]) -> None:
        """Take the columns' labels and values, at least one column."""
        self.labels = labels
        self.columns = columns


def find_converter(kind: type) -> Converter:
    """Return what makes a simpler value of one of this type; it may have to be converted again.

    A type of a module that is not loaded cannot be met, so nothing is imported to look for it.

    Raises:
        NotSerializable: there is nothing that does.
    """
    for module, name, converter in _CONVERTERS:
        known = getattr(sys.modules.get(module), name, None)
        if known is not None and issubclass(kind, known if isinstance(known, type) else type(known)):
            return converter
    if hasattr(kind, "__dataclass_fields__"):
        return _from_dataclass
    raise NotSerializable(f"is {named(kind)}, which is not JSON-serializable{_HINTS.get(kind.__name__, '')}")


def named(kind: type) -> str:
    """Return a type's name with its article."""
    name = kind.__name__[:_MAX_SHOWN_CHARACTERS]
    return f"an {name}" if name[:1].lower() in set("aeiou") else f"a {name}"


def shown(key: object) -> str:
    """Return a key as it is written in Python, shortened."""
    try:
        text = repr(key[:_MAX_SHOWN_CHARACTERS] if type(key) is str else key)
    except Exception:
        text = object.__repr__(key)
    return text if len(text) <= _MAX_SHOWN_CHARACTERS else f"{text[:_MAX_SHOWN_CHARACTERS]}…"


def _to_none(_: object) -> None:
    return None


def _from_dataclass(value: Any) -> dict[str, object]:
    import dataclasses

    return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}


def _from_decimal(value: Any) -> str | None:
    return str(value) if value.is_finite() else None


def _from_isoformat(value: Any) -> object:
    return value.isoformat()


def _from_datetime64(value: Any) -> str | None:
    text = str(value)
    if text == "NaT":
        return None
    # numpy spells every digit that the unit has: nine zeros for a date in nanoseconds.
    return text.rstrip("0").rstrip(".") if "." in text else text


def _from_timedelta(value: Any) -> str:
    # Only pandas' have nanoseconds.
    coarse = (value.days * 86_400 + value.seconds) * 10**9 + value.microseconds * 1000
    return _duration(coarse + getattr(value, "nanoseconds", 0))


_NANOSECONDS = {
    "W": 604_800 * 10**9,
    "D": 86_400 * 10**9,
    "h": 3600 * 10**9,
    "m": 60 * 10**9,
    "s": 10**9,
    "ms": 10**6,
    "us": 1000,
    "ns": 1,
}


def _from_timedelta64(value: Any) -> str | None:
    if str(value) == "NaT":
        return None
    unit, step = sys.modules["numpy"].datetime_data(value.dtype)
    if unit not in _NANOSECONDS:
        raise NotSerializable(f"is a timedelta64 in the unit {unit!r}, which is no whole number of nanoseconds")
    return _duration(int(value.astype("int64")) * step * _NANOSECONDS[unit])


def _duration(nanoseconds: int) -> str:
    sign = "-" if nanoseconds < 0 else ""
    seconds, fraction = divmod(abs(nanoseconds), 10**9)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    exact_seconds = f"{seconds}.{fraction:09}".rstrip("0") if fraction else seconds or ""
    amounts = ((days, "D"), (hours, "H"), (minutes, "M"), (exact_seconds, "S"))
    day, *times = [f"{amount}{unit}" if amount else "" for amount, unit in amounts]
    time = "".join(times)
    if not day and not time:
        return "PT0S"
    return f"{sign}P{day}T{time}" if time else f"{sign}P{day}"


def _from_structured(value: Any) -> object:
    return [value[name] for name in value.dtype.names] if value.dtype.names else bytes(value)


def _from_ndarray(value: Any) -> object:
    if value.ndim == 0:
        return value[()]
    # `tolist` makes bare integers of dates.
    return list(value) if value.dtype.kind in "mMV" else value.tolist()


def _from_values(value: Any) -> object:
    return value.tolist()


def _from_dataframe(value: Any) -> object:
    if not len(value.columns):
        return [{}] * len(value)
    return Rows(value.columns.tolist(), [column.tolist() for _, column in value.items()])


# What these get has a `shape`, which may promise far more elements than its memory holds.
OF_ARRAYS = {_from_ndarray, _from_values, _from_dataframe}

# The first that fits is taken: NaT is a datetime, a numpy.float64 is a float, and many an Enum member is an int.
_CONVERTERS: tuple[tuple[str, str, Converter], ...] = (
    ("enum", "Enum", lambda value: value.value),
    ("numpy.ma", "masked", _to_none),
    ("numpy", "ndarray", _from_ndarray),
    ("numpy", "datetime64", _from_datetime64),
    ("numpy", "timedelta64", _from_timedelta64),
    ("numpy", "longdouble", float),
    ("numpy", "void", _from_structured),
    ("numpy", "generic", lambda value: value.item()),
    ("pandas", "NaT", _to_none),
    ("pandas", "NA", _to_none),
    ("pandas", "DataFrame", _from_dataframe),
    ("pandas", "Series", _from_values),
    ("pandas", "Index", _from_values),
    ("pandas.api.extensions", "ExtensionArray", _from_values),
    ("pandas", "Period", str),
    ("pandas", "Interval", str),
    ("datetime", "datetime", _from_isoformat),
    ("datetime", "date", _from_isoformat),
    ("datetime", "time", _from_isoformat),
    ("datetime", "timedelta", _from_timedelta),
    ("decimal", "Decimal", _from_decimal),
    ("uuid", "UUID", str),
    ("builtins", "dict", dict.copy),
    ("builtins", "list", lambda value: list(list.__iter__(value))),
    ("builtins", "tuple", lambda value: list(tuple.__iter__(value))),
    ("builtins", "str", str.__str__),
    ("builtins", "int", int.__int__),
    ("builtins", "float", float.__float__),
)
