"""What a format string reads."""

import re
import string
from collections.abc import Iterator

# A format spec can have fields of its own, and these no others: str.format and string.Formatter stop at two levels.
_LEVELS = 2


def replacement_fields(format_string: str) -> Iterator[list[str]]:
    """Return the attribute names in each replacement field of a format string, also of the fields in format specs."""
    format_strings = [format_string]
    for _ in range(_LEVELS):
        fields = [field for each in format_strings for field in _parsed(each)]
        format_strings = [spec for _, spec in fields if spec]
        for field, _ in fields:
            # A key can have dots in it: "{0[a.b]}" reads the key "a.b".
            if names := re.findall(r"\.(\w+)", re.sub(r"\[[^\]]*\]", "", field)):
                yield names


def _parsed(format_string: str) -> list[tuple[str, str]]:
    """Return the name and the format spec of each replacement field; nothing if `str.format` would fail."""
    try:
        return [(field or "", spec or "") for _, field, spec, _ in string.Formatter().parse(format_string)]
    except ValueError:
        return []
