from pathlib import Path

import pytest

from sandbox import IsolationLevel, Limits
from service.settings import TABLE, SettingsError, read_settings


def test_defaults_are_those_of_the_limits() -> None:
    settings = read_settings({})
    assert settings.limits == Limits()
    assert settings.min_isolation is IsolationLevel.PROCESS
    assert (settings.script_bytes, settings.request_bytes) == (256 * 2**10, 2**20)
    assert (settings.policy_file, settings.nsjail, settings.python) == (None, None, None)
    assert settings.cors_origins == frozenset()
    assert settings.concurrency >= 2


@pytest.mark.parametrize(
    ("name", "text", "attribute", "value"),
    [
        ("PORT", "1", "port", 1),
        ("SANDBOX_MIN_ISOLATION", "namespaces", "min_isolation", IsolationLevel.NAMESPACES),
        ("POLICY_FILE", "/p.yaml", "policy_file", Path("/p.yaml")),
        ("POLICY_FILE", "", "policy_file", None),
        ("SANDBOX_SCRIPT_KB", "1", "script_bytes", 1024),
        ("SANDBOX_REQUEST_MB", "3", "request_bytes", 3 * 2**20),
        ("SANDBOX_CONCURRENCY", "7", "concurrency", 7),
        ("NSJAIL", "/n", "nsjail", Path("/n")),
        ("SANDBOX_PYTHON", "/py", "python", Path("/py")),
        ("LOG_LEVEL", "DEBUG", "log_level", "DEBUG"),
        ("LOG_FORMAT", "text", "log_format", "text"),
        ("CORS_ORIGINS", "", "cors_origins", frozenset()),
        (
            "CORS_ORIGINS",
            "https://a.example, http://[::1]:80",
            "cors_origins",
            frozenset({"https://a.example", "http://[::1]:80"}),
        ),
        ("GOOGLE_CLOUD_PROJECT", "example.com:my-project", "google_cloud_project", "example.com:my-project"),
    ],
)
def test_value_is_read(name: str, text: str, attribute: str, value: object) -> None:
    assert getattr(read_settings({name: text}), attribute) == value


@pytest.mark.parametrize(
    ("name", "attribute", "factor"),
    [
        ("SANDBOX_TIMEOUT_SECONDS", "timeout_seconds", 1),
        ("SANDBOX_CPU_SECONDS", "cpu_seconds", 1),
        ("SANDBOX_MEMORY_MB", "memory_bytes", 2**20),
        ("SANDBOX_RESULT_MB", "result_bytes", 2**20),
        ("SANDBOX_STDOUT_MB", "stdout_bytes", 2**20),
        ("SANDBOX_STDERR_MB", "stderr_bytes", 2**20),
        ("SANDBOX_SCRATCH_MB", "scratch_bytes", 2**20),
        ("SANDBOX_OPEN_FILES", "open_files", 1),
        ("SANDBOX_THREADS", "threads", 1),
    ],
)
def test_limit_is_read_in_its_unit(name: str, attribute: str, factor: int) -> None:
    assert getattr(read_settings({name: "17"}).limits, attribute) == 17 * factor


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("PORT", "0"),
        ("PORT", "65536"),
        ("PORT", ""),
        ("PORT", "\uff18\uff10"),
        ("SANDBOX_TIMEOUT_SECONDS", "0"),
        ("SANDBOX_TIMEOUT_SECONDS", "0.0"),
        ("SANDBOX_TIMEOUT_SECONDS", "3600.1"),
        ("SANDBOX_TIMEOUT_SECONDS", "nan"),
        ("SANDBOX_TIMEOUT_SECONDS", "-1"),
        ("SANDBOX_TIMEOUT_SECONDS", "1e3"),
        ("SANDBOX_MEMORY_MB", "512MB"),
        ("SANDBOX_MEMORY_MB", "1_000"),
        ("SANDBOX_MEMORY_MB", "1" * 5000),
        ("SANDBOX_CONCURRENCY", "0"),
        ("SANDBOX_MIN_ISOLATION", "docker"),
        ("LOG_LEVEL", "info"),
        ("LOG_FORMAT", "xml"),
        ("CORS_ORIGINS", "*"),
        ("CORS_ORIGINS", "https://a.example/"),
        ("CORS_ORIGINS", "https://a.example,,https://b.example"),
        ("GOOGLE_CLOUD_PROJECT", 'x"/y'),
    ],
)
def test_wrong_value_is_named_with_what_was_expected(name: str, text: str) -> None:
    expected = next(setting.expected for setting in TABLE if setting.name == name)
    with pytest.raises(SettingsError) as caught:
        read_settings({name: text})
    assert str(caught.value) == f"{name}={text!r}: expected {expected}"


def test_everything_wrong_is_reported_together() -> None:
    environment = {"SANDBOX_MEMRY_MB": "64", "SANDBOX_XYZZY": "1", "PORT": "x", "LOG_FORMAT": "y", "HOME": "/"}
    with pytest.raises(SettingsError) as caught:
        read_settings(environment)
    assert str(caught.value).splitlines() == [
        "SANDBOX_MEMRY_MB='64': there is no such setting; did you mean SANDBOX_MEMORY_MB?",
        "SANDBOX_XYZZY='1': there is no such setting",
        "PORT='x': expected a whole number from 1 to 65535",
        "LOG_FORMAT='y': expected one of json, text",
    ]


def test_table_has_each_name_once_with_a_default_that_is_right() -> None:
    names = [setting.name for setting in TABLE]
    assert len(names) == len(set(names))
    for setting in TABLE:
        setting.parse(setting.default)
