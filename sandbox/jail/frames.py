"""pandas' frames and series, with their labels.

An index is data unless it is plain: integers 0…n-1 without a name, as pandas makes it by itself. With a name, from
`groupby` or `set_index`, such integers are data too: the result of `groupby` has the same form whatever its groups are.

Nothing is unrolled here: one element can stand for a billion, and only the writer knows how much room there is.
"""

from __future__ import annotations

import sys
from itertools import chain, count

from .refusals import unreadable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any


class Table:
    """A list of objects with the same keys, in far less memory.

    Attributes:
        rows: how many objects there are.
        levels: the names of the index levels, which come first; None for a level without a name.
        labels: the keys of the columns.
    """

    def __init__(self, rows: int, levels: list[tuple[object, Any]], columns: list[tuple[object, Any]]) -> None:
        """Take the names and the values of levels and columns; values have a `tolist`."""
        self.rows = rows
        self.levels = [name for name, _ in levels]
        self.labels = [label for label, _ in columns]
        self._values = [values for _, values in chain(levels, columns)]

    def unroll(self) -> list[list[object]]:
        """Return the values of each level, then of each column.

        Raises:
            NotSerializable: there are not as many as rows.
        """
        return [_unrolled(values, self.rows) for values in self._values]


class Labelled:
    """A series whose index is data: an object by label, or records if that is impossible.

    Attributes:
        rows: how many elements there are.
        name: the series' name, or None.
    """

    def __init__(self, series: Any) -> None:
        """Take the series."""
        self.rows = len(series)
        self.name = series.name
        self._series = series

    def unroll(self) -> tuple[list[object], list[object]]:
        """Return the labels and the values.

        Raises:
            NotSerializable: there are not as many as rows.
        """
        return _unrolled(self._series.index, self.rows), _unrolled(self._series, self.rows)

    def records(self, key: str) -> Table:
        """Return the records of index levels and value; `key` is that of the value."""
        return Table(self.rows, _levels(self._series.index), [(key, self._series)])


def from_dataframe(frame: Any) -> object:
    """Return the table of a frame: the levels of its index, unless it is plain, and its columns."""
    rows = len(frame)
    if not rows:
        return []
    levels = [] if _is_plain(frame.index) else _levels(frame.index)
    columns = [column for _, column in frame.items()]
    return Table(rows, levels, list(zip(frame.columns.tolist(), columns, strict=True)))


def from_series(series: Any) -> object:
    """Return the values of a series, with their labels unless its index is plain."""
    return series.tolist() if _is_plain(series.index) else Labelled(series)


def level_keys(level: int, levels: int, own: str | None) -> Iterator[str]:
    """Yield keys for an index level, the best first, as pandas' `reset_index` chooses them.

    Args:
        level: its position, from 0.
        levels: how many levels there are.
        own: its name, if it has one.
    """
    if own is not None:
        yield own
    if levels == 1:
        yield "index"
    yield f"level_{level}"
    yield from (f"level_{number}" for number in count())


def _is_plain(index: Any) -> bool:
    if index.nlevels > 1 or index.name is not None or index.dtype.kind not in "iu":
        return False
    if type(index) is sys.modules["pandas"].RangeIndex and index.start == 0 and index.step == 1:
        return True
    labels = index.to_numpy()
    if labels.dtype.kind not in "iu":  # a label is missing
        return False
    expected = sys.modules["numpy"].arange(len(labels))
    # The ends come first, because they refute most indices.
    return not len(labels) or bool(labels[0] == 0 and labels[-1] == expected[-1] and (labels == expected).all())


def _levels(index: Any) -> list[tuple[object, Any]]:
    if index.nlevels == 1:
        return [(index.name, index)]
    return [(name, index.get_level_values(level)) for level, name in enumerate(index.names)]


def _unrolled(values: Any, rows: int) -> list[object]:
    try:
        unrolled = values.tolist()
    except Exception as error:
        raise unreadable(error) from error
    if type(unrolled) is not list or len(unrolled) != rows:
        raise unreadable(f"not all of it has {rows} rows")
    return unrolled
