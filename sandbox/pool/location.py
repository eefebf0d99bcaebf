"""Reads where a script was, from the frames that faulthandler wrote into its result channel.

The script holds the channel and can forge frames. Then it changes only what its own caller is told of it: a frame
counts only if it names a line that the script has.
"""

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from traceback import FrameSummary, StackSummary

# A dump's first line, a frame of the script, and the last two frames of every spare (sandbox/jail/boot.py).
# faulthandler writes the innermost frame first, at most 100 frames, and at most 500 characters of a name.
_BEGIN = b"Stack (most recent call first):\n"
_FRAME = re.compile(rb'  File "script\.py", line (\d{1,7}) in ([ -~]{1,500})')
_END = re.compile(rb'  File "<string>", line \d+ in boot\n  File "<string>", line \d+ in <module>\n\Z')
_CUT = b"  ...\n"
_DEFINITIONS = ("def ", "async def ", "@")
_MOST_BYTES = 128 * 1024
_MOST_FRAMES = 100
_TAIL_BYTES = 200
_NAME_CHARACTERS = 100
_SOURCE_CHARACTERS = 200
_ESCAPE = re.compile(r"\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8}))")
_LAST_CHARACTER = 0x10FFFF


@dataclass(frozen=True, slots=True)
class Location:
    """Where a script was; all empty if that is not known.

    Attributes:
        sentence_end: words that tell it at the end of a sentence, from "; " on.
        line: the line of its innermost frame, counted from 1.
        traceback: its own frames, as Python shows those of an exception.
    """

    sentence_end: str = ""
    line: int | None = None
    traceback: str = ""


def is_whole(channel: bytes | bytearray) -> bool:
    """Return whether a dump is complete."""
    tail = bytes(channel[-_TAIL_BYTES:])
    return tail.endswith(_CUT) or _END.search(tail) is not None


def locate(channel: bytes | bytearray, source: str) -> Location:
    """Return where a script was when the last dump in its result channel was written.

    Args:
        channel: what came through the result channel.
        source: the script's text.
    """
    start = channel.rfind(_BEGIN)
    if start < 0:
        return Location()
    # Lines as Python counts them; `str.splitlines` splits at more characters.
    lines = [line.strip() for line in io.StringIO(source, newline=None)]
    frames = _frames(bytes(channel[start + len(_BEGIN) : start + _MOST_BYTES]).split(b"\n"), lines)
    if not frames:
        return Location()
    line, name = frames[0].lineno or 0, frames[0].name
    within = "" if name == "<module>" else f", in {name}"
    shown = StackSummary.from_list(frames[::-1]).format()
    return Location(f"; it was at line {line}{within}", line, "Traceback (most recent call last):\n" + "".join(shown))


def _frames(dump: Sequence[bytes], lines: Sequence[str]) -> list[FrameSummary]:
    """Return the script's own frames, innermost first."""
    frames = []
    for found in map(_FRAME.fullmatch, dump):
        if found and 1 <= (number := int(found[1])) <= len(lines):
            text = lines[number - 1][:_SOURCE_CHARACTERS]
            frames.append(FrameSummary("script.py", number, _name(found[2].decode()), lookup_line=False, line=text))
    # The outermost frame is the call of `main`, shown at its definition (sandbox/jail/surroundings.py).
    if len(frames) > 1 and frames[-1].name == "<module>" and (frames[-1].line or "").startswith(_DEFINITIONS):
        frames.pop()
    return frames[:_MOST_FRAMES]


def _name(escaped: str) -> str:
    """Return a function's name as the script spells it; faulthandler escapes what is not ASCII."""
    name = _ESCAPE.sub(lambda found: _character(int(found[1] or found[2] or found[3], 16)), escaped)
    return name if len(name) <= _NAME_CHARACTERS else f"{name[:_NAME_CHARACTERS]}…"


def _character(code: int) -> str:
    return chr(code) if code <= _LAST_CHARACTER and chr(code).isprintable() else "\N{REPLACEMENT CHARACTER}"
