"""The settings: one table, read once from the environment into one frozen object."""

import difflib
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox import IsolationLevel, Limits, WarmStart
from sandbox.limits import KB, MB

_LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
_LOG_FORMATS = ("json", "text")

# https://www.rfc-editor.org/rfc/rfc6454#section-6.2: scheme, host and port, no path; lower case, as browsers send it.
_ORIGIN = re.compile(r"https?://(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(:[0-9]{1,5})?")
# https://cloud.google.com/resource-manager/docs/creating-managing-projects, with the older `domain.tld:` before it.
_PROJECT = re.compile(r"([a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]")


class SettingsError(ValueError):
    """One or more settings are wrong; the message has a line for each, with name, value and what was expected."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table.

    Attributes:
        name: the environment variable.
        default: its value when it is not set, as text.
        unit: what a number counts; empty where there is none.
        help: what it does, in one sentence.
        expected: what a value must be, to complete "expected …".
        parse: turns text into a value; raises ValueError for a wrong one.
    """

    name: str
    default: str
    unit: str
    help: str
    expected: str
    parse: Callable[[str], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every setting, checked.

    Attributes:
        port: where the server listens; functions-framework reads it by itself, here it is only checked.
        min_isolation: below this level nothing runs.
        policy_file: used instead of the policy that comes with the service, if given.
        limits: what one script may use.
        script_bytes, request_bytes: the longest script and the longest request body accepted.
        concurrency: scripts that run at once.
        warm_start: how scripts start in warm interpreters; None: each starts in a cold jail.
        nsjail, python: the binary and the scripts' interpreter, where they are not to be found by default.
        log_level, log_format: what is logged, and whether for machines or for people.
        cors_origins: the web origins whose pages may call the service.
        google_cloud_project: the project whose traces the log lines name.
    """

    port: int
    min_isolation: IsolationLevel
    policy_file: Path | None
    limits: Limits
    script_bytes: int
    request_bytes: int
    concurrency: int
    warm_start: WarmStart | None
    nsjail: Path | None
    python: Path | None
    log_level: str
    log_format: str
    cors_origins: frozenset[str]
    google_cloud_project: str


def _whole(name: str, default: str, unit: str, help: str, *, least: int = 1, most: int) -> Setting:
    """A setting that is a whole number from `least` to `most`."""

    def parse(text: str) -> int:
        if not re.fullmatch("[0-9]{1,9}", text) or not least <= int(text) <= most:
            raise ValueError(text)
        return int(text)

    return Setting(name, default, unit, help, f"a whole number from {least} to {most}", parse)


def _seconds(name: str, default: str, help: str) -> Setting:
    """A setting that is a positive number of seconds, up to one hour."""

    def parse(text: str) -> float:
        if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text) or not 0 < float(text) <= 3600:
            raise ValueError(text)
        return float(text)

    return Setting(name, default, "seconds", help, "a number above 0, up to 3600", parse)


def _choice(name: str, default: str, help: str, values: tuple[str, ...]) -> Setting:
    """A setting that is one of a few words."""

    def parse(text: str) -> str:
        if text not in values:
            raise ValueError(text)
        return text

    return Setting(name, default, "", help, f"one of {', '.join(values)}", parse)


def _path(name: str, help: str) -> Setting:
    """A setting that is a path, or empty."""
    return Setting(name, "", "", help, "a path", lambda text: Path(text) if text else None)


def _origins(text: str) -> frozenset[str]:
    """Split a list of web origins."""
    origins = frozenset(origin.strip() for origin in text.split(",")) if text else frozenset()
    if not all(_ORIGIN.fullmatch(origin) for origin in origins):
        raise ValueError(text)
    return origins


def _spares(text: str) -> int | None:
    """Read a number of spares; None: as many as scripts run at once."""
    if not text:
        return None
    if not re.fullmatch("[0-9]{1,4}", text) or int(text) > 1024:
        raise ValueError(text)
    return int(text)


def _modules(text: str) -> tuple[str, ...]:
    """Split a list of modules."""
    names = tuple(name.strip() for name in text.split(",")) if text else ()
    if not all(part.isidentifier() for name in names for part in name.split(".")):
        raise ValueError(text)
    return names


def _project(text: str) -> str:
    """Check the id of a Google Cloud project."""
    if text and not _PROJECT.fullmatch(text):
        raise ValueError(text)
    return text


# The processors that this process may use, which in a container or under taskset are fewer than the machine has.
_CPUS = len(os.sched_getaffinity(0))

TABLE: tuple[Setting, ...] = (
    _whole("PORT", "8080", "", "Where the server listens.", most=65535),
    _choice(
        "SANDBOX_MIN_ISOLATION",
        IsolationLevel.PROCESS.value,
        "The least isolation under which scripts are run; with less, every request is refused.",
        tuple(level.value for level in IsolationLevel),
    ),
    _path("POLICY_FILE", "A YAML file used instead of policy/rules.yaml."),
    _seconds("SANDBOX_TIMEOUT_SECONDS", "10", "Wall clock for one script, and the most a request may ask for."),
    _whole("SANDBOX_CPU_SECONDS", "10", "seconds", "CPU time for one script, all threads together.", most=3600),
    _whole("SANDBOX_MEMORY_MB", "512", "MB", "Memory for one script, above what a fresh interpreter has.", most=65536),
    _whole("SANDBOX_SCRIPT_KB", "256", "KB", "The longest script, in UTF-8.", most=65536),
    _whole("SANDBOX_REQUEST_MB", "1", "MB", "The longest request body.", most=1024),
    _whole("SANDBOX_RESULT_MB", "4", "MB", "The longest result, as JSON.", most=1024),
    _whole("SANDBOX_STDOUT_MB", "1", "MB", "What is kept of stdout.", most=1024),
    _whole("SANDBOX_STDERR_MB", "1", "MB", "What is kept of stderr.", most=1024),
    _whole("SANDBOX_SCRATCH_MB", "64", "MB", "The files that one script may write, all together.", most=65536),
    _whole("SANDBOX_OPEN_FILES", "256", "", "File descriptors for one script.", least=16, most=65536),
    _whole("SANDBOX_THREADS", "64", "", "Threads for one script, the first one included.", most=4096),
    _whole("SANDBOX_CONCURRENCY", str(2 * _CPUS), "", "Scripts at once; by default 2 per CPU.", most=1024),
    _choice(
        "SANDBOX_MODE",
        "warm",
        "Whether scripts start in interpreters that are warm and isolated already, or each in a cold jail of its own.",
        ("warm", "cold"),
    ),
    Setting(
        "SANDBOX_SPARES",
        "",
        "",
        "Interpreters kept ready; by default as many as SANDBOX_CONCURRENCY. With 0 each is forked when it is wanted.",
        "a whole number from 0 to 1024",
        _spares,
    ),
    Setting(
        "SANDBOX_WARM_IMPORTS",
        "numpy,pandas",
        "",
        "The modules, with commas between, that are imported beforehand for the scripts that use them.",
        "names of modules, with commas between",
        _modules,
    ),
    _whole("SANDBOX_RECYCLE_SCRIPTS", "10000", "", "Scripts after which a warm interpreter is replaced.", most=10**9),
    _whole("SANDBOX_RECYCLE_HOURS", "24", "hours", "Time after which a warm interpreter is replaced.", most=8760),
    _path("NSJAIL", "Another nsjail binary than the installed one."),
    _path("SANDBOX_PYTHON", "The interpreter of the scripts' environment, where it is not beside the service."),
    _choice("LOG_LEVEL", "INFO", "The least severe log lines that are written.", _LOG_LEVELS),
    _choice("LOG_FORMAT", "json", "Log lines for Cloud Logging (json) or for people (text).", _LOG_FORMATS),
    Setting(
        "CORS_ORIGINS",
        "",
        "",
        "The web origins, with commas between, whose pages may call the service; none when empty.",
        "origins such as https://example.com, with commas between",
        _origins,
    ),
    Setting(
        "GOOGLE_CLOUD_PROJECT",
        "",
        "",
        "The project whose traces the log lines name.",
        "the id of a Google Cloud project",
        _project,
    ),
)


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Read every setting from `environment`.

    Raises:
        SettingsError: something is wrong; it tells everything that is. A variable that begins with `SANDBOX_` and is
            not in the table counts, because a misspelt limit would not be one.
    """
    values: dict[str, Any] = {}
    wrong = _unknown(environment)
    for setting in TABLE:
        text = environment.get(setting.name, setting.default)
        try:
            values[setting.name] = setting.parse(text)
        except ValueError:
            wrong.append(f"{setting.name}={text!r}: expected {setting.expected}")
    if wrong:
        raise SettingsError("\n".join(wrong))
    return _settings(values)


def _unknown(environment: Mapping[str, str]) -> list[str]:
    """Complain about each variable that looks like a setting and is none."""
    known = [setting.name for setting in TABLE]
    complaints = []
    for name in sorted(environment):
        if name.startswith("SANDBOX_") and name not in known:
            nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.75)
            advice = f"; did you mean {nearest[0]}?" if nearest else ""
            complaints.append(f"{name}={environment[name]!r}: there is no such setting{advice}")
    return complaints


def _settings(values: dict[str, Any]) -> Settings:
    """Turn values by variable name, in the table's units, into settings in seconds and bytes."""
    return Settings(
        port=values["PORT"],
        min_isolation=IsolationLevel(values["SANDBOX_MIN_ISOLATION"]),
        policy_file=values["POLICY_FILE"],
        limits=Limits(
            timeout_seconds=values["SANDBOX_TIMEOUT_SECONDS"],
            cpu_seconds=values["SANDBOX_CPU_SECONDS"],
            memory_bytes=values["SANDBOX_MEMORY_MB"] * MB,
            result_bytes=values["SANDBOX_RESULT_MB"] * MB,
            stdout_bytes=values["SANDBOX_STDOUT_MB"] * MB,
            stderr_bytes=values["SANDBOX_STDERR_MB"] * MB,
            scratch_bytes=values["SANDBOX_SCRATCH_MB"] * MB,
            open_files=values["SANDBOX_OPEN_FILES"],
            threads=values["SANDBOX_THREADS"],
        ),
        script_bytes=values["SANDBOX_SCRIPT_KB"] * KB,
        request_bytes=values["SANDBOX_REQUEST_MB"] * MB,
        concurrency=values["SANDBOX_CONCURRENCY"],
        warm_start=_warm_start(values),
        nsjail=values["NSJAIL"],
        python=values["SANDBOX_PYTHON"],
        log_level=values["LOG_LEVEL"],
        log_format=values["LOG_FORMAT"],
        cors_origins=values["CORS_ORIGINS"],
        google_cloud_project=values["GOOGLE_CLOUD_PROJECT"],
    )


def _warm_start(values: Mapping[str, Any]) -> WarmStart | None:
    if values["SANDBOX_MODE"] == "cold":
        return None
    spares = values["SANDBOX_SPARES"]
    return WarmStart(
        spares=values["SANDBOX_CONCURRENCY"] if spares is None else spares,
        imports=values["SANDBOX_WARM_IMPORTS"],
        recycle_scripts=values["SANDBOX_RECYCLE_SCRIPTS"],
        recycle_seconds=values["SANDBOX_RECYCLE_HOURS"] * 3600.0,
    )
