"""What a script's `main()` returned, as JSON text.

None, bool, int of any size, float, str, list, tuple and dict are written as they are; what else can be written is
listed in `convert`. NaN and the infinities are null. A lone surrogate, for which UTF-8 has no code, is U+FFFD. A key is
written as the same value would be, in quotes: `{1: …, None: …}` is `{"1": …, "null": …}`.
"""

from __future__ import annotations

import sys
from _json import encode_basestring  # the C module alone: `import json` costs 10 ms
from math import isfinite

from .convert import OF_ARRAYS, NotSerializable, Rows, find_converter, named, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from .convert import Converter

__all__ = ["NotSerializable", "TooLarge", "encode"]

# Decoders have a limit of their own, the host's is near 1000.
_MAX_DEPTH = 200
# Text is gathered in pieces, which take far more memory than their characters, and joined whenever there are this many.
_MAX_PIECES = 4096
# Longer strings are looked at one by one, so that what is not joined yet is bounded.
_MAX_PIECE_CHARACTERS = 1024


class TooLarge(Exception):
    """The JSON text is larger than the limit."""

    def __init__(self, limit_bytes: int) -> None:
        """Take the limit, in bytes."""
        limit = f"{limit_bytes / 2**20:g} MB" if limit_bytes >= 2**20 else f"{limit_bytes} byte"
        super().__init__(f"The result is larger than the {limit} limit.")


def encode(value: object, limit_bytes: int) -> bytes:
    """Return the JSON text of `value`: UTF-8, no spaces between tokens.

    Args:
        value: what `main()` returned.
        limit_bytes: how large the text may be.

    Raises:
        NotSerializable: something in `value` has no JSON form; the message names its place.
        TooLarge: the text is larger than the limit, which is noticed while it is made.
    """
    writer = _Writer(limit_bytes)
    writer.write(value, 0)
    return writer.text()


def _spell_str(value: str) -> str:
    if len(value) > _MAX_PIECE_CHARACTERS:
        raise ValueError(value)
    return encode_basestring(value)


def _spell_float(value: float) -> str:
    return float.__repr__(value) if isfinite(value) else "null"


# How most values are spelled; ValueError: this one is too long to be spelled without a look at the room that is left.
_SPELLINGS: dict[type, Callable[[Any], str]] = {
    str: _spell_str,
    int: int.__repr__,
    float: _spell_float,
    bool: lambda value: "true" if value else "false",
    type(None): lambda value: "null",
}
_PLAIN = {*_SPELLINGS, dict, list, tuple, Rows}


def _refuse_equal(names: Iterable[str]) -> None:
    seen = set()
    for name in names:
        if name in seen:
            raise NotSerializable(f"has more than one key that is {shown(name)} in JSON")
        seen.add(name)


class _Writer:
    """Gathers the text of one result.

    Attributes:
        pieces: text that is not joined yet.
        chunks: text that is, encoded.
        room: how many bytes may come after the chunks.
        open_containers: the ids of the containers around the value being written.
        converters: those found so far, by type.
    """

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.pieces: list[str] = []
        self.chunks: list[bytes] = []
        self.room = limit_bytes
        self.open_containers: set[int] = set()
        self.converters: dict[type, Converter] = {}

    def text(self) -> bytes:
        """Return all of the text."""
        self._join()
        return b"".join(self.chunks)

    def _join(self) -> None:
        text = "".join(self.pieces)
        self.pieces.clear()
        try:
            chunk = text.encode()
        except UnicodeEncodeError:
            # On the way through UTF-16 a pair of surrogates becomes the character that it stands for.
            chunk = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()
        self.chunks.append(chunk)
        self.room -= len(chunk)
        if self.room < 0:
            raise TooLarge(self.limit_bytes)

    def write(self, value: Any, depth: int) -> None:
        """Write a value that has `depth` containers around it."""
        spell = _SPELLINGS.get(type(value))
        if spell is None:
            self._write_container(value, depth)
            return
        try:
            self.pieces.append(spell(value))
        except ValueError:
            self.pieces.append(self._spell_long(value))

    def _spell_long(self, value: str | int) -> str:
        """Spell a long string, or an int of more digits than Python writes by itself: sys.set_int_max_str_digits."""
        self._join()
        # An int's digit takes 3.3 bits.
        least = len(value) if isinstance(value, str) else value.bit_length() // 4
        if least > self.room:
            raise TooLarge(self.limit_bytes)
        if isinstance(value, str):
            return encode_basestring(value)
        max_digits = sys.get_int_max_str_digits()
        sys.set_int_max_str_digits(0)
        try:
            return int.__repr__(value)
        finally:
            sys.set_int_max_str_digits(max_digits)

    def _write_container(self, value: Any, depth: int) -> None:
        """Write a list, a tuple, a dict, or what must first be converted."""
        plain = value if type(value) in _PLAIN else self._to_plain(value)
        kind = type(plain)
        if kind in _SPELLINGS:
            self.write(plain, depth)
            return
        if id(value) in self.open_containers:
            raise NotSerializable("contains itself")
        if depth >= _MAX_DEPTH:
            raise NotSerializable(f"is nested too deeply: more than {_MAX_DEPTH} levels")
        self.open_containers.add(id(value))
        if kind is dict:
            self._write_object(plain, depth + 1)
        elif kind is Rows:
            self._write_rows(plain, depth + 2)
        else:
            self._write_array(plain, depth + 1)
        self.open_containers.discard(id(value))

    def _write_array(self, values: Iterable[Any], depth: int) -> None:
        pieces = self.pieces
        pieces.append("[")
        separator = ""
        for index, value in enumerate(values):
            pieces.append(separator)
            separator = ","
            try:
                self.write(value, depth)
            except NotSerializable as refusal:
                refusal.path.append(f"[{index}]")
                raise
            if len(pieces) > _MAX_PIECES:
                self._join()
        pieces.append("]")

    def _write_object(self, items: dict[Any, object], depth: int) -> None:
        pieces = self.pieces
        pieces.append("{")
        separator = ""
        converted_keys = False
        for key, value in items.items():
            if type(key) is str:
                name = key
            else:
                name = self._to_name(key)
                converted_keys = True
            pieces.append(f"{separator}{self._quote(name)}:")
            separator = ","
            try:
                self.write(value, depth)
            except NotSerializable as refusal:
                refusal.path.append(f"[{shown(key)}]")
                raise
            if len(pieces) > _MAX_PIECES:
                self._join()
        pieces.append("}")
        if converted_keys:
            _refuse_equal(map(self._to_name, items))

    def _write_rows(self, rows: Rows, depth: int) -> None:
        """Write an array of objects that have the same keys."""
        names = [self._to_name(label) for label in rows.labels]
        _refuse_equal(names)
        pieces = self.pieces
        pieces.append("[")
        openings = [f"{',' if position else '{'}{self._quote(name)}:" for position, name in enumerate(names)]
        separator = ""
        for index, row in enumerate(zip(*rows.columns, strict=True)):
            pieces.append(separator)
            separator = ","
            for label, opening, value in zip(rows.labels, openings, row, strict=True):
                pieces.append(opening)
                try:
                    self.write(value, depth)
                except NotSerializable as refusal:
                    refusal.path += [f"[{shown(label)}]", f"[{index}]"]
                    raise
                if len(pieces) > _MAX_PIECES:
                    self._join()
            pieces.append("}")
        pieces.append("]")

    def _quote(self, name: str) -> str:
        return encode_basestring(name) if len(name) <= _MAX_PIECE_CHARACTERS else self._spell_long(name)

    def _to_name(self, key: Any) -> str:
        plain: Any = key if type(key) in _PLAIN else self._to_plain(key)
        if type(plain) is str:
            return plain
        spell = _SPELLINGS.get(type(plain))
        if spell is None:
            raise NotSerializable(f"has the key {shown(key)}, {named(type(key))}, which cannot be a JSON key")
        try:
            return spell(plain)
        except ValueError:
            return self._spell_long(plain)

    def _to_plain(self, value: Any) -> Any:
        """Convert a value until it is of a type that this class writes."""
        for _ in range(_MAX_DEPTH):
            kind = type(value)
            converter = self.converters.get(kind)
            if converter is None:
                converter = self.converters[kind] = find_converter(kind)
            if converter in OF_ARRAYS:
                self._refuse_large_shape(value.shape)
            try:
                value = converter(value)
            except (NotSerializable, MemoryError):
                raise
            except Exception as error:
                raise NotSerializable(f"cannot be read: {type(error).__name__}: {error}") from error
            if type(value) in _PLAIN:
                return value
        raise NotSerializable(f"is still not JSON-serializable after {_MAX_DEPTH} conversions")

    def _refuse_large_shape(self, shape: tuple[int, ...]) -> None:
        """Refuse an array whose text would not fit before it is unrolled: one element can stand for a billion."""
        count = 1
        for length in shape:
            count *= length
            if 2 * count > self.room:
                raise TooLarge(self.limit_bytes)
