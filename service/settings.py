"""The settings: one table, read once from the environment into one frozen object."""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox import IsolationLevel, Limits, WarmStart
from sandbox.limits import KB, MB
from service.setting_types import (
    Setting,
    choice,
    executable,
    limit,
    parse_cpu_seconds,
    parse_host,
    parse_modules,
    parse_origins,
    parse_project,
    parse_spares,
    path,
    seconds,
    whole,
)
from service.spelling import find_misspelt

# The environment variable in which the launcher names the server's end of the socket to the spawn broker.
SPAWN_BROKER_FD = "SPAWN_BROKER_FD"
# Cloud Run sets it. There only the platform reaches the port, and not at an address of this machine's own:
# https://cloud.google.com/run/docs/container-contract#env-vars.
CLOUD_RUN = "K_SERVICE"
_THIS_MACHINE, _EVERYWHERE = "127.0.0.1", "0.0.0.0"  # noqa: S104 (see `CLOUD_RUN`)

DEBUGGER = "functions-framework would serve with Flask's debugger, which lets whoever reaches the port run code in it"
_LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
_LOG_FORMATS = ("json", "text")
_HOUR_SECONDS = 3600.0


class SettingsError(ValueError):
    """One or more settings are wrong; the message has a line for each, with name, value and what was expected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every setting, checked.

    Attributes:
        host: the address on which the server listens, without brackets.
        port: the port on which it listens; functions-framework reads it by itself, and here it is only checked.
        behind_cloud_run: whether this is Cloud Run, which authenticates callers as its IAM policy says.
        min_isolation: the level below which nothing runs.
        policy_file: a policy instead of the service's own.
        limits: what one script may use.
        script_bytes, request_bytes: the longest script and the longest request body accepted.
        concurrency: scripts that run at once.
        warm_start: how scripts start in warm interpreters; None starts each in a cold jail.
        nsjail, python: another nsjail binary, and another interpreter for scripts, than the default ones.
        log_level, log_format: the least severe lines that are logged, and `json` or `text`.
        cors_origins: the web origins whose pages may call the service.
        google_cloud_project: the project whose traces the log lines name.
    """

    host: str
    port: int
    behind_cloud_run: bool
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


# The processors that this process may use; in a container or under taskset the machine has more.
_CPUS = len(os.sched_getaffinity(0))

_WARM = WarmStart(spares=0)

TABLE: tuple[Setting, ...] = (
    Setting(
        "HOST",
        "",
        "",
        "The address on which the server listens: by default this machine's own, on Cloud Run every one.",
        "an IP address of this machine, or 0.0.0.0 or :: for all of them",
        parse_host,
    ),
    whole("PORT", "8080", "", "The port on which the server listens.", most=65535),
    choice(
        "SANDBOX_MIN_ISOLATION",
        IsolationLevel.PROCESS.value,
        "The least isolation under which scripts are run; with less, every request is refused.",
        tuple(level.value for level in IsolationLevel),
    ),
    path("POLICY_FILE", "A YAML file used instead of policy/rules.yaml."),
    seconds(
        "SANDBOX_TIMEOUT_SECONDS",
        f"{Limits().timeout_seconds:g}",
        "Wall clock for one script, and the most a request may ask for.",
        least=0.1,
        most=3600,
        reason="with less even a script that only imports something cannot end in time",
    ),
    Setting(
        "SANDBOX_CPU_SECONDS",
        "",
        "seconds",
        "CPU time for one script, all threads together; by default SANDBOX_TIMEOUT_SECONDS, rounded up.",
        "a whole number from 1 to 3600",
        parse_cpu_seconds,
    ),
    limit(
        "SANDBOX_MEMORY_MB",
        "memory_bytes",
        "MB",
        "Memory for one script, above what a fresh interpreter has.",
        least=16,
        most=65536,
        reason="with less an interpreter cannot get ready for a script, or not say what went wrong in it",
    ),
    whole("SANDBOX_SCRIPT_KB", "256", "KB", "The longest script, in UTF-8.", most=65536),
    whole("SANDBOX_REQUEST_MB", "1", "MB", "The longest request body.", most=1024),
    limit("SANDBOX_RESULT_MB", "result_bytes", "MB", "The longest result, as JSON.", most=1024),
    limit("SANDBOX_STDOUT_MB", "stdout_bytes", "MB", "What is kept of stdout.", most=1024),
    limit("SANDBOX_STDERR_MB", "stderr_bytes", "MB", "What is kept of stderr.", most=1024),
    limit(
        "SANDBOX_SCRATCH_MB", "scratch_bytes", "MB", "The files that one script may write, all together.", most=65536
    ),
    limit("SANDBOX_OPEN_FILES", "open_files", "", "File descriptors for one script.", least=16, most=65536),
    limit("SANDBOX_THREADS", "threads", "", "Threads for one script, the first one included.", most=4096),
    whole("SANDBOX_CONCURRENCY", str(2 * _CPUS), "", "Scripts at once; by default 2 per CPU.", most=1024),
    choice(
        "SANDBOX_MODE",
        "warm",
        "Whether scripts start in interpreters that are warm and isolated already, or each in a cold jail of its own.",
        ("warm", "cold"),
    ),
    Setting(
        "SANDBOX_SPARES",
        "",
        "",
        "Interpreters kept ready; by default as many as SANDBOX_CONCURRENCY. With 0 each is forked when needed.",
        "a whole number from 0 to 1024",
        parse_spares,
    ),
    Setting(
        "SANDBOX_WARM_IMPORTS",
        ",".join(_WARM.imports),
        "",
        "The modules, with commas between, that are imported beforehand for the scripts that use them.",
        "names of modules, with commas between",
        parse_modules,
    ),
    whole(
        "SANDBOX_RECYCLE_SCRIPTS",
        str(_WARM.recycle_scripts),
        "",
        "Scripts after which a warm interpreter is replaced.",
        most=10**9,
    ),
    whole(
        "SANDBOX_RECYCLE_HOURS",
        f"{_WARM.recycle_seconds / _HOUR_SECONDS:g}",
        "hours",
        "Time after which a warm interpreter is replaced.",
        most=8760,
    ),
    executable("NSJAIL", "Another nsjail binary than the installed one."),
    executable("SANDBOX_PYTHON", "The interpreter of the scripts' environment, if that is not beside the service."),
    choice("LOG_LEVEL", "INFO", "The least severe log lines that are written.", _LOG_LEVELS),
    choice("LOG_FORMAT", "json", "Log lines for Cloud Logging (json) or for people (text).", _LOG_FORMATS),
    Setting(
        "CORS_ORIGINS",
        "",
        "",
        "The web origins, with commas between, whose pages may call the service; empty allows none.",
        "origins such as https://example.com, with commas between",
        parse_origins,
    ),
    Setting(
        "GOOGLE_CLOUD_PROJECT",
        "",
        "",
        "The project whose traces the log lines name.",
        "the id of a Google Cloud project",
        parse_project,
    ),
)


# What functions-framework reads from the environment by itself; if one is wrong, it prints a stack.
_OF_THE_FRAMEWORK = (
    whole("WORKERS", "1", "", "gunicorn's worker processes.", most=1024),
    whole("THREADS", "", "", "Threads of each worker.", most=65536),
    choice("DEBUG", "", "Flask's debugger.", ("", "0", "f", "false", "n", "no", "off"), reason=DEBUGGER),
)
# The launcher has checked these two, and the spawn broker runs them. The server's user may not even see them.
_OF_THE_SPAWN_BROKER = ("NSJAIL", "SANDBOX_PYTHON")


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Read every setting from `environment`.

    Raises:
        SettingsError: something is wrong; the message has a line for each wrong setting. A misspelt setting is wrong
            too (see spelling.py), because a misspelt limit would not be one.
    """
    wrong = [
        f"{name}={environment[name]!r}: there is no such setting" + (f"; did you mean {meant}?" if meant else "")
        for name, meant in find_misspelt(environment, [setting.name for setting in TABLE]).items()
    ]
    values: dict[str, Any] = {}
    for setting in (*TABLE, *(one for one in _OF_THE_FRAMEWORK if one.name in environment)):
        text = environment.get(setting.name, setting.default)
        if setting.name in _OF_THE_SPAWN_BROKER and SPAWN_BROKER_FD in environment:
            text = ""
        try:
            values[setting.name] = setting.parse(text)
        except ValueError:
            reason = f": {setting.reason}" if setting.reason else ""
            wrong.append(f"{setting.name}={text!r}: expected {setting.expected}{reason}")
    if wrong:
        raise SettingsError("\n".join(wrong))
    values["HOST"] = values["HOST"] or (_EVERYWHERE if environment.get(CLOUD_RUN) else _THIS_MACHINE)
    return _settings(values, behind_cloud_run=bool(environment.get(CLOUD_RUN)))


def _settings(values: dict[str, Any], *, behind_cloud_run: bool) -> Settings:
    """Turn values by variable name, in the table's units, into settings in seconds and bytes."""
    timeout_seconds = values["SANDBOX_TIMEOUT_SECONDS"]
    return Settings(
        host=values["HOST"],
        port=values["PORT"],
        behind_cloud_run=behind_cloud_run,
        min_isolation=IsolationLevel(values["SANDBOX_MIN_ISOLATION"]),
        policy_file=values["POLICY_FILE"],
        limits=Limits(
            timeout_seconds=timeout_seconds,
            cpu_seconds=values["SANDBOX_CPU_SECONDS"] or math.ceil(timeout_seconds),
            **{setting.limit: values[setting.name] * setting.scale for setting in TABLE if setting.limit},
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
        recycle_seconds=values["SANDBOX_RECYCLE_HOURS"] * _HOUR_SECONDS,
    )
