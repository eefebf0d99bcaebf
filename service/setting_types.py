"""A setting, and the types of value that settings have."""

import ipaddress
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sandbox.limits import MB, Limits

# https://www.rfc-editor.org/rfc/rfc6454#section-6.2: scheme, host and port, no path.
_ORIGIN = re.compile(r"(https?)://(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(?::([0-9]{1,5}))?/?", re.IGNORECASE | re.ASCII)
_SCALES = {"": 1, "MB": MB}
_LIMITS = Limits()
_DEFAULT_PORTS = {"http": 80, "https": 443}
_MOST_PORT = 65535
# https://cloud.google.com/resource-manager/docs/creating-managing-projects, with the older `domain.tld:` before it.
_PROJECT = re.compile(r"([a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]")


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table of settings.

    Attributes:
        name: the environment variable.
        default: its value if the variable is not set, as text.
        unit: what a number counts; empty if it counts nothing.
        help: what the setting does, in one sentence.
        expected: what a value must be; it completes "expected …".
        parse: turns text into a value; raises ValueError for a wrong one.
        reason: why a value must be so, if that is not obvious.
        limit: the attribute of `Limits` that the setting is; empty if it is none.
        scale: how many of the limit's units its value counts.
    """

    name: str
    default: str
    unit: str
    help: str
    expected: str
    parse: Callable[[str], Any]
    reason: str = ""
    limit: str = ""
    scale: int = 1


def whole(name: str, default: str, unit: str, help: str, *, least: int = 1, most: int, reason: str = "") -> Setting:
    """A setting that is a whole number from `least` to `most`."""

    def parse(text: str) -> int:
        if not re.fullmatch("[0-9]{1,9}", text) or not least <= int(text) <= most:
            raise ValueError(text)
        return int(text)

    return Setting(name, default, unit, help, f"a whole number from {least} to {most}", parse, reason)


def limit(name: str, attribute: str, unit: str, help: str, *, least: int = 1, most: int, reason: str = "") -> Setting:
    """A setting that is a whole number, and one of `Limits`, which has its default."""
    scale = _SCALES[unit]
    default = getattr(_LIMITS, attribute) // scale
    setting = whole(name, str(default), unit, help, least=least, most=most, reason=reason)
    return replace(setting, limit=attribute, scale=scale)


def seconds(name: str, default: str, help: str, *, least: float, most: float, reason: str) -> Setting:
    """A setting that is a number of seconds from `least` to `most`."""

    def parse(text: str) -> float:
        if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text) or not least <= float(text) <= most:
            raise ValueError(text)
        return float(text)

    return Setting(name, default, "seconds", help, f"a number from {least:g} to {most:g}", parse, reason)


def choice(name: str, default: str, help: str, values: tuple[str, ...], reason: str = "") -> Setting:
    """A setting that is one of a few words."""

    def parse(text: str) -> str:
        if text not in values:
            raise ValueError(text)
        return text

    return Setting(name, default, "", help, f"one of {', '.join(filter(None, values))}", parse, reason)


def path(name: str, help: str) -> Setting:
    """A setting that is a path, or empty."""
    return Setting(name, "", "", help, "a path", lambda text: Path(text) if text else None)


def executable(name: str, help: str) -> Setting:
    """A setting that is the path of a program, or empty."""
    return Setting(name, "", "", help, "a file that can be executed", parse_executable)


def parse_origins(text: str) -> frozenset[str]:
    """Split a list of web origins, and write each as browsers send it.

    That is in lower case, without the slash that an address bar adds, and without the scheme's default port.
    """
    return frozenset(_parse_origin(origin.strip()) for origin in text.split(",")) if text else frozenset()


def _parse_origin(text: str) -> str:
    match = _ORIGIN.fullmatch(text)
    if match is None:
        raise ValueError(text)
    scheme, host = match[1].lower(), match[2].lower()
    port = int(match[3] or _DEFAULT_PORTS[scheme])
    if not 1 <= port <= _MOST_PORT:
        raise ValueError(text)
    return f"{scheme}://{host}" + (f":{port}" if port != _DEFAULT_PORTS[scheme] else "")


def parse_host(text: str) -> str | None:
    """Check an address to listen on, which may be in brackets; return None for the default."""
    if not text:
        return None
    if text == "localhost":
        return "127.0.0.1"
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    return str(ipaddress.ip_address(bare))


def parse_executable(text: str) -> Path | None:
    """Check that a file can be executed; return None for the default."""
    if not text:
        return None
    path = Path(text).absolute()
    if not path.is_file() or not os.access(path, os.X_OK):
        raise ValueError(text)
    return path


def parse_spares(text: str) -> int | None:
    """Read a number of spares; return None for as many as scripts run at once."""
    if not text:
        return None
    if not re.fullmatch("[0-9]{1,4}", text) or int(text) > 1024:
        raise ValueError(text)
    return int(text)


def parse_modules(text: str) -> tuple[str, ...]:
    """Split a list of modules."""
    names = tuple(name.strip() for name in text.split(",")) if text else ()
    if not all(part.isidentifier() for name in names for part in name.split(".")):
        raise ValueError(text)
    return names


def parse_project(text: str) -> str:
    """Check the id of a Google Cloud project."""
    if text and not _PROJECT.fullmatch(text):
        raise ValueError(text)
    return text


def parse_cpu_seconds(text: str) -> int | None:
    """Read a whole number of seconds; return None for as many as the timeout."""
    if not text:
        return None
    if not re.fullmatch("[0-9]{1,4}", text) or not 1 <= int(text) <= 3600:
        raise ValueError(text)
    return int(text)
