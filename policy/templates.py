"""What a format string reads."""

import re
import string
from collections.abc import Iterator

# A format spec can hold fields itself, which cannot go deeper: str.format and string.Formatter stop at two levels.
_LEVELS = 2


def replacement_fields(template: str) -> Iterator[list[str]]:
    """The attribute names in each replacement field of a format string, those in its format specs included."""
    templates = [template]
    for _ in range(_LEVELS):
        fields = [field for each in templates for field in _parsed(each)]
        templates = [spec for _, spec in fields if spec]
        for field, _ in fields:
            # An index can hold anything: "{0[a.b]}" reads the key "a.b".
            if names := re.findall(r"\.(\w+)", re.sub(r"\[[^\]]*\]", "", field)):
                yield names


def _parsed(template: str) -> list[tuple[str, str]]:
    """The name and the format spec of each replacement field; none where `str.format` would fail."""
    try:
        return [(field or "", spec or "") for _, field, spec, _ in string.Formatter().parse(template)]
    except ValueError:
        return []
