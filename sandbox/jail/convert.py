"""Converts values that JSON does not know, before `encode` writes them.

| value | becomes |
| --- | --- |
| NaT, pandas.NA, a masked value, a Decimal that is not finite | None |
| Enum member | its value |
| dataclass instance | a dict of its fields |
| datetime, date, time, Timestamp, numpy.datetime64 | ISO 8601, `"2024-01-31T09:30:00"` |
| timedelta, Timedelta, numpy.timedelta64 | an ISO 8601 duration, `"P1DT2H3M4.5S"` or `"-PT1S"` |
| Decimal, Fraction, UUID, IP address or network, pandas.Period, pandas.Interval, time zone, dtype | its `str()` |
| path | its text |
| numpy scalar | the Python value; a longdouble is the nearest float |
| numpy array, memoryview, pandas Index, Categorical or other array | nested lists of its elements |
| numpy structured scalar | a list of its fields |
| pandas DataFrame, Series | see `frames` |
| set, frozenset | a list, sorted if its elements can be compared |
| SimpleNamespace, argparse.Namespace | a dict of its attributes |
| another mapping (UserDict, ChainMap, mappingproxy) | `Pairs` |
| an iterator, a view of a dict, another sequence (range, deque, array) or set | `Items` |
| an instance of a subclass of dict, list, tuple, str, int or float | its own data, whatever its methods do |
"""

from __future__ import annotations

from .durations import from_datetime64, from_timedelta, from_timedelta64
from .frames import from_dataframe, from_series
from .refusals import known_class, no_json_form, unreadable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import Any

    Converter = Callable[[Any], object]


class Items:
    """A list whose elements are read while they are written: it may be endless."""

    def __init__(self, values: Iterable[object]) -> None:
        """Take what yields the elements."""
        self.values = values


class Pairs:
    """A dict whose items are read while they are written: it may be endless, or have a key twice."""

    def __init__(self, items: Iterable[tuple[object, object]]) -> None:
        """Take what yields the keys with their values."""
        self.items = items


def find_converter(kind: type) -> Converter:
    """Return the converter for a type; what it returns may need another conversion.

    Raises:
        NotSerializable: there is none.
    """
    converter = _find(kind, _CONVERTERS)
    if converter is None and hasattr(kind, "__dataclass_fields__"):
        converter = _from_dataclass
    if converter is None and not _find(kind, _NEVER):
        converter = _find(kind, _BY_PROTOCOL)
    if converter is None:
        raise no_json_form(kind)
    return converter


def _find(kind: type, rows: tuple[tuple[str, str, Converter], ...]) -> Converter | None:
    for module, name, converter in rows:
        known = known_class(module, name)
        if known is not None and issubclass(kind, known):
            return converter
    return None


def _to_none(_: object) -> None:
    return None


def _from_dataclass(value: Any) -> dict[str, object]:
    import dataclasses

    return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}


def _from_decimal(value: Any) -> str | None:
    return str(value) if value.is_finite() else None


def _from_isoformat(value: Any) -> object:
    return value.isoformat()


def _from_structured(value: Any) -> object:
    return [value[name] for name in value.dtype.names] if value.dtype.names else bytes(value)


def _from_ndarray(value: Any) -> object:
    if value.ndim == 0:
        return value[()]
    # `tolist` turns dates into bare integers.
    return list(value) if value.dtype.kind in "mMV" else value.tolist()


def _from_values(value: Any) -> object:
    return value.tolist()


def _from_set(value: Any) -> object:
    iterate: Callable[[Any], Iterator[Any]] = (set if isinstance(value, set) else frozenset).__iter__
    elements = list(iterate(value))
    try:
        return sorted(elements)
    except MemoryError:
        raise
    except Exception:  # they cannot be compared
        return elements


def _from_path(value: Any) -> object:
    return type(value).__fspath__(value)


def _from_mapping(value: Mapping[object, object]) -> Pairs:
    return Pairs(_read_pairs(value))


def _read_pairs(mapping: Mapping[object, object]) -> Iterator[tuple[object, object]]:
    try:
        for key in mapping:
            yield key, mapping[key]
    except Exception as error:
        raise unreadable(error) from error


def _from_iterator(value: Iterator[object]) -> Items:
    return Items(_read_iterator(value))


def _read_iterator(values: Iterator[object]) -> Iterator[object]:
    """Yield the elements; an exception of the script's own code is the script's error."""
    try:
        yield from values
    except Exception as error:
        if error.__traceback__ is not None and error.__traceback__.tb_next is not None:
            raise
        raise unreadable(error) from error


def _from_iterable(value: Iterable[object]) -> Items:
    return Items(_read_iterable(value))


def _read_iterable(values: Iterable[object]) -> Iterator[object]:
    try:
        yield from values
    except Exception as error:
        raise unreadable(error) from error


def _shape_of(value: Any) -> tuple[int, ...]:
    shape: tuple[int, ...] = value.shape
    if type(shape) is not tuple or any(type(length) is not int or length < 0 for length in shape):
        raise unreadable("it has no shape that an array can have")
    return shape


# How many elements these make: one element in memory may stand for a billion, and a set is sorted at once.
SHAPES: dict[Converter, Callable[[Any], tuple[int, ...]]] = {
    _from_ndarray: _shape_of,
    _from_values: _shape_of,
    from_dataframe: _shape_of,
    from_series: _shape_of,
    _from_set: lambda value: (set.__len__(value) if isinstance(value, set) else frozenset.__len__(value),),
}

# The first that fits counts: NaT is a datetime, a numpy.float64 is a float, and many Enum members are ints.
_CONVERTERS: tuple[tuple[str, str, Converter], ...] = (
    ("enum", "Enum", lambda value: value.value),
    ("numpy.ma", "masked", _to_none),
    ("numpy", "ndarray", _from_ndarray),
    ("numpy", "datetime64", from_datetime64),
    ("numpy", "timedelta64", from_timedelta64),
    ("numpy", "longdouble", float),
    ("numpy", "void", _from_structured),
    ("numpy", "generic", lambda value: value.item()),
    ("numpy", "dtype", str),
    ("pandas", "NaT", _to_none),
    ("pandas", "NA", _to_none),
    ("pandas", "DataFrame", from_dataframe),
    ("pandas", "Series", from_series),
    ("pandas", "Index", _from_values),
    ("pandas.api.extensions", "ExtensionArray", _from_values),
    ("pandas.api.extensions", "ExtensionDtype", str),
    ("pandas", "Period", str),
    ("pandas", "Interval", str),
    ("pandas.tseries.offsets", "BaseOffset", lambda value: value.freqstr),
    ("datetime", "datetime", _from_isoformat),
    ("datetime", "date", _from_isoformat),
    ("datetime", "time", _from_isoformat),
    ("datetime", "timedelta", from_timedelta),
    ("datetime", "timezone", str),
    ("zoneinfo", "ZoneInfo", str),
    ("decimal", "Decimal", _from_decimal),
    ("fractions", "Fraction", str),
    ("uuid", "UUID", str),
    ("ipaddress", "IPv4Address", str),
    ("ipaddress", "IPv6Address", str),
    ("ipaddress", "IPv4Network", str),
    ("ipaddress", "IPv6Network", str),
    ("builtins", "dict", dict.copy),
    ("builtins", "list", lambda value: list(list.__iter__(value))),
    ("builtins", "tuple", lambda value: tuple(tuple.__iter__(value))),
    ("builtins", "str", str.__str__),
    ("builtins", "int", int.__int__),
    ("builtins", "float", float.__float__),
    ("builtins", "set", _from_set),
    ("builtins", "frozenset", _from_set),
    ("builtins", "memoryview", _from_values),
    ("types", "SimpleNamespace", vars),
    ("argparse", "Namespace", vars),
    ("collections", "UserString", lambda value: value.data),
)
# Types that fit a protocol of the next table, but whose elements are not what a script wants to return.
_NEVER: tuple[tuple[str, str, Converter], ...] = tuple(
    (module, name, no_json_form)
    for module, name in (("builtins", "bytes"), ("builtins", "bytearray"), ("_io", "_IOBase"))
)
# A view of a dict is a set too, whose order is the dict's.
_BY_PROTOCOL: tuple[tuple[str, str, Converter], ...] = (
    ("os", "PathLike", _from_path),
    ("_collections_abc", "Mapping", _from_mapping),
    ("_collections_abc", "Iterator", _from_iterator),
    ("_collections_abc", "Sequence", _from_iterable),
    ("_collections_abc", "MappingView", _from_iterable),
    ("_collections_abc", "Set", _from_iterable),
    ("array", "array", _from_iterable),
)
