"""Spells scalars and keys as JSON text, and converts other values."""

from __future__ import annotations

import sys
from _json import encode_basestring  # the C module alone: `import json` costs 10 ms
from math import isfinite

from .convert import SHAPES, Items, Pairs, find_converter
from .frames import Labelled, Table
from .refusals import NotSerializable, TooLarge, equal_keys, no_key, unreadable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from .convert import Converter

# Decoders have a limit of their own; the host's is near 1000.
MAX_DEPTH = 200
# Longer strings are checked one by one, which bounds the text that is not joined yet.
MAX_PIECE_CHARACTERS = 1024


def _spell_str(value: str) -> str:
    if len(value) > MAX_PIECE_CHARACTERS:
        raise ValueError(value)
    return encode_basestring(value)


def _spell_float(value: float) -> str:
    return float.__repr__(value) if isfinite(value) else "null"


# These spell most values; a ValueError means that a value is too long to be spelled without a check of the room left.
SPELLINGS: dict[type, Callable[[Any], str]] = {
    str: _spell_str,
    int: int.__repr__,
    float: _spell_float,
    bool: lambda value: "true" if value else "false",
    type(None): lambda value: "null",
}
_SPELLINGS_IN_TUPLES: dict[type, Callable[[Any], str]] = dict.fromkeys(SPELLINGS, repr) | {int: int.__repr__}
PLAIN = {*SPELLINGS, dict, list, tuple, Items, Pairs, Table, Labelled}


class Speller:
    """Spells what is no container, within the room that is left.

    Attributes:
        limit_bytes: how large the text of the whole result may be.
        room: how many bytes are left; text that is not joined yet may take some of them.
    """

    def __init__(self, limit_bytes: int) -> None:
        """Take the limit for the whole text."""
        self.limit_bytes = limit_bytes
        self.room = limit_bytes
        self._converters: dict[type, Converter] = {}

    def to_plain(self, value: Any) -> Any:
        """Convert a value until its type can be written.

        Raises:
            NotSerializable: that is impossible.
            TooLarge: there is no room for what it stands for.
        """
        for _ in range(MAX_DEPTH):
            kind = type(value)
            try:
                converter = self._converters.get(kind)
                if converter is None:
                    converter = self._converters[kind] = find_converter(kind)
                if (shape := SHAPES.get(converter)) is not None:
                    self._refuse_large_shape(shape(value))
                value = converter(value)
            except (NotSerializable, TooLarge):
                raise
            except Exception as error:
                raise unreadable(error) from error
            if type(value) in PLAIN:
                return value
        raise NotSerializable(f"is still not JSON-serializable after {MAX_DEPTH} conversions")

    def _refuse_large_shape(self, shape: tuple[int, ...]) -> None:
        """Refuse an array whose text does not fit: each element takes two characters at least."""
        number = 1
        for length in shape:
            number *= length
            self.require(2 * number)

    def require(self, characters: int) -> None:
        """Check that there is room for `characters`.

        Raises:
            TooLarge: there is not.
        """
        if characters > self.room:
            raise TooLarge(self.limit_bytes)

    def spell_long(self, value: str | int) -> str:
        """Spell a long string, or an int with more digits than Python writes by default: sys.set_int_max_str_digits."""
        # An int's digit takes 3.3 bits.
        self.require(len(value) if isinstance(value, str) else value.bit_length() // 4)
        if isinstance(value, str):
            return encode_basestring(value)
        max_digits = sys.get_int_max_str_digits()
        sys.set_int_max_str_digits(0)
        try:
            return int.__repr__(value)
        finally:
            sys.set_int_max_str_digits(max_digits)

    def spell_keys(self, keys: Iterable[Any]) -> list[str]:
        """Return the text of the keys of one object, without quotes.

        Raises:
            NotSerializable: one cannot be a key, or two are equal in JSON.
            TooLarge: there is no room for an object with these keys.
        """
        names: dict[str, None] = {}
        characters = 0
        for key in keys:
            name = self.spell_key(key)
            if name in names:
                raise equal_keys(name)
            names[name] = None
            characters += len(name) + len('"":0,')
            self.require(characters)
        return list(names)

    def spell_key(self, key: Any) -> str:
        """Return a key's text, without quotes: that of the same value, or the `str()` of a tuple.

        A tuple's elements are converted first: a date becomes ISO 8601 text, and numpy's integers become ints.

        Raises:
            NotSerializable: it cannot be a key.
            TooLarge: there is no room for it.
        """
        if type(key) is str:
            return key
        try:
            plain = key if type(key) in PLAIN else self.to_plain(key)
            if type(plain) is str:
                return plain
            if type(plain) is tuple:
                return self._spell_tuple(plain, 0)
            return self._spell_with(SPELLINGS, plain)
        except NotSerializable as refusal:
            raise no_key(key, refusal) from refusal

    def _spell_tuple(self, elements: tuple[Any, ...], depth: int) -> str:
        if depth > MAX_DEPTH:
            raise NotSerializable("is nested too deeply")
        texts = []
        characters = 0
        for element in elements:
            plain = element if type(element) in PLAIN else self.to_plain(element)
            if type(plain) is tuple:
                text = self._spell_tuple(plain, depth + 1)
            else:
                text = self._spell_with(_SPELLINGS_IN_TUPLES, plain)
            texts.append(text)
            characters += len(text)
            self.require(characters)
        return f"({texts[0]},)" if len(texts) == 1 else f"({', '.join(texts)})"

    def _spell_with(self, spellings: dict[type, Callable[[Any], str]], plain: Any) -> str:
        spell = spellings.get(type(plain))
        if spell is None:
            raise NotSerializable("is a container")
        if type(plain) is str:
            self.require(len(plain))
        try:
            return spell(plain)
        except ValueError:
            return self.spell_long(plain)
