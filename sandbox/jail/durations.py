"""Durations and numpy's times, as ISO 8601 spells them."""

from __future__ import annotations

import sys

from .refusals import NotSerializable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

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


def from_datetime64(value: Any) -> str | None:
    """Spell a numpy.datetime64."""
    text = str(value)
    if text == "NaT":
        return None
    # numpy spells every digit that the unit has: nine zeros for a date in nanoseconds.
    return text.rstrip("0").rstrip(".") if "." in text else text


def from_timedelta(value: Any) -> str:
    """Spell a timedelta or a Timedelta."""
    # Only pandas' have nanoseconds.
    coarse = (value.days * 86_400 + value.seconds) * 10**9 + value.microseconds * 1000
    return _duration(coarse + getattr(value, "nanoseconds", 0))


def from_timedelta64(value: Any) -> str | None:
    """Spell a numpy.timedelta64.

    Raises:
        NotSerializable: its unit is months or years.
    """
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
