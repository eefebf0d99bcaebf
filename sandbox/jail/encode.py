"""Encodes what a script's `main()` returned as JSON text.

None, bool, int of any size, float, str, list, tuple and dict are written directly; `convert` lists the other types. NaN
and the infinities become null. A lone surrogate, for which UTF-8 has no code, becomes U+FFFD. A key is written like the
same value, in quotes: `{1: …, None: …}` is `{"1": …, "null": …}`; a tuple is its `str()`.
"""

from __future__ import annotations

from _json import encode_basestring  # the C module alone: `import json` costs 10 ms
from itertools import repeat

from .convert import Items, Pairs
from .frames import Labelled, Table, level_keys
from .refusals import NotSerializable, TooLarge, equal_keys, shown
from .spell import MAX_DEPTH, MAX_PIECE_CHARACTERS, PLAIN, SPELLINGS, Speller

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Iterable
    from typing import Any

__all__ = ["NotSerializable", "TooLarge", "encode", "encode_all"]

# Pieces of text take far more memory than their characters; they are joined whenever there are this many.
_MAX_PIECES = 4096


def encode(value: object, limit_bytes: int) -> bytes:
    """Return the JSON text of `value`: UTF-8, no spaces between tokens.

    Args:
        value: what `main()` returned.
        limit_bytes: how large the text may be.

    Raises:
        NotSerializable: something in `value` has no JSON form; the message names the path to it.
        TooLarge: the text is larger than the limit; this is noticed while it is made.
    """
    writer = _Writer(limit_bytes)
    writer.write(value, 0)
    return writer.text()


async def encode_all(values: AsyncIterable[object], limit_bytes: int) -> bytes:
    """Return the JSON text of the list of all values, each written when it comes; see `encode`."""
    writer = _Writer(limit_bytes)
    index = 0
    async for value in values:
        writer.write_element(value, index)
        index += 1
    return writer.text_of_elements(index)


class _Writer(Speller):
    """Gathers the text of one result.

    Attributes:
        pieces: text that is not joined yet.
        chunks: text that is joined and encoded; `room` is what may follow it.
        open_containers: the ids of the containers around the value being written.
    """

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(limit_bytes)
        self.pieces: list[str] = []
        self.chunks: list[bytes] = []
        self.open_containers: set[int] = set()

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

    def spell_long(self, value: str | int) -> str:
        """See the base class; here the room is known exactly."""
        self._join()
        return super().spell_long(value)

    def write(self, value: Any, depth: int) -> None:
        """Write a value that has `depth` containers around it."""
        spell = SPELLINGS.get(type(value))
        if spell is None:
            self._write_container(value, depth)
            return
        try:
            self.pieces.append(spell(value))
        except ValueError:
            self.pieces.append(self.spell_long(value))

    def write_element(self, value: object, index: int) -> None:
        """Write an element of the list that is the whole result."""
        self.pieces.append("," if index else "[")
        try:
            self.write(value, 1)
        except NotSerializable as refusal:
            refusal.path.append(f"[{index}]")
            raise
        if len(self.pieces) > _MAX_PIECES:
            self._join()

    def text_of_elements(self, number: int) -> bytes:
        """Return the text of the list, which has `number` elements."""
        self.pieces.append("]" if number else "[]")
        return self.text()

    def _write_container(self, value: Any, depth: int) -> None:
        """Write a container, or a value that must be converted first."""
        plain = value if type(value) in PLAIN else self.to_plain(value)
        kind = type(plain)
        if kind in SPELLINGS:
            self.write(plain, depth)
            return
        if id(value) in self.open_containers:
            raise NotSerializable("contains itself")
        if depth >= MAX_DEPTH:
            raise NotSerializable(f"is nested too deeply: more than {MAX_DEPTH} levels")
        self.open_containers.add(id(value))
        if kind is dict:
            # Two keys can be equal in JSON only if one of them is not a str.
            self._write_object(plain.items(), depth + 1, None if set(map(type, plain)) <= {str} else set())
        elif kind is list or kind is tuple:
            self._write_array(plain, depth + 1)
        elif kind is Items:
            self._write_array(plain.values, depth + 1)
        elif kind is Pairs:
            self._write_object(plain.items, depth + 1, set())
        elif kind is Table:
            self._write_table(plain, depth + 2)
        else:
            self._write_labelled(plain, depth + 1)
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

    def _write_object(self, items: Iterable[tuple[Any, Any]], depth: int, seen: set[str] | None) -> None:
        """Write an object; `seen` gathers the keys if two can be equal."""
        pieces = self.pieces
        pieces.append("{")
        separator = ""
        for key, value in items:
            name = key if type(key) is str else self.spell_key(key)
            if seen is not None:
                if name in seen:
                    raise equal_keys(name)
                seen.add(name)
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

    def _write_labelled(self, series: Labelled, depth: int) -> None:
        self.require(series.rows * len('"":0,'))
        labels, values = series.unroll()
        try:
            names = self.spell_keys(labels)
        except NotSerializable:
            key = self._spell_name(series.name)
            self._write_table(series.records("value" if key is None else key), depth + 1)
        else:
            self._write_object(zip(names, values, strict=True), depth, None)

    def _write_table(self, table: Table, depth: int) -> None:
        """Write an array of objects with the same keys."""
        names = self._spell_columns(table)
        openings = [f"{',' if position else '{'}{self._quote(name)}:" for position, name in enumerate(names)]
        self.require(table.rows * (sum(map(len, openings)) + len(openings) + len("},")) - 1)
        columns = table.unroll()
        labels = [*names[: len(table.levels)], *table.labels]
        pieces = self.pieces
        pieces.append("[")
        opening_of_row = "" if names else "{"
        separator = ""
        for index, row in enumerate(zip(*columns, strict=True) if columns else repeat((), table.rows)):
            pieces.append(separator + opening_of_row)
            separator = ","
            for label, opening, value in zip(labels, openings, row, strict=True):
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

    def _spell_columns(self, table: Table) -> list[str]:
        """Return the keys of a table's objects; an index level gets another key than a column of the same name."""
        names = self.spell_keys(table.labels)
        taken = set(names)
        levels = []
        for level, own in enumerate(table.levels):
            keys = level_keys(level, len(table.levels), self._spell_name(own))
            levels.append(next(key for key in keys if key not in taken))
            taken.add(levels[-1])
        return levels + names

    def _spell_name(self, own: object) -> str | None:
        try:
            return None if own is None else self.spell_key(own)
        except NotSerializable:
            return None

    def _quote(self, name: str) -> str:
        return encode_basestring(name) if len(name) <= MAX_PIECE_CHARACTERS else self.spell_long(name)
