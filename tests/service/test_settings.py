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
        ("HOST", "", "host", "127.0.0.1"),
        ("HOST", "0.0.0.0", "host", "0.0.0.0"),
        ("HOST", "localhost", "host", "127.0.0.1"),
        ("HOST", "::", "host", "::"),
        ("HOST", "[::1]", "host", "::1"),
        ("PORT", "1", "port", 1),
        ("SANDBOX_MIN_ISOLATION", "namespaces", "min_isolation", IsolationLevel.NAMESPACES),
        ("POLICY_FILE", "/p.yaml", "policy_file", Path("/p.yaml")),
        ("POLICY_FILE", "", "policy_file", None),
        ("SANDBOX_SCRIPT_KB", "1", "script_bytes", 1024),
        ("SANDBOX_REQUEST_MB", "3", "request_bytes", 3 * 2**20),
        ("SANDBOX_CONCURRENCY", "7", "concurrency", 7),
        ("NSJAIL", "/bin/false", "nsjail", Path("/bin/false")),
        ("NSJAIL", "", "nsjail", None),
        ("SANDBOX_PYTHON", "/bin/false", "python", Path("/bin/false")),
        ("LOG_LEVEL", "DEBUG", "log_level", "DEBUG"),
        ("LOG_FORMAT", "text", "log_format", "text"),
        ("CORS_ORIGINS", "", "cors_origins", frozenset()),
        (
            "CORS_ORIGINS",
            "https://a.example, http://[::1]:81",
            "cors_origins",
            frozenset({"https://a.example", "http://[::1]:81"}),
        ),
        # As browsers send it: RFC 6454, section 6.2.
        ("CORS_ORIGINS", "https://a.example/", "cors_origins", frozenset({"https://a.example"})),
        ("CORS_ORIGINS", "HTTPS://A.Example", "cors_origins", frozenset({"https://a.example"})),
        ("CORS_ORIGINS", "https://a.example:443", "cors_origins", frozenset({"https://a.example"})),
        ("CORS_ORIGINS", "http://a.example:80/", "cors_origins", frozenset({"http://a.example"})),
        ("CORS_ORIGINS", "http://a.example:443", "cors_origins", frozenset({"http://a.example:443"})),
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
        ("HOST", "machine.example"),
        ("HOST", "127.0.0.1:8080"),
        ("HOST", "256.0.0.1"),
        ("HOST", "[::1"),
        ("HOST", "x86_64-conda-linux-gnu"),
        ("PORT", "0"),
        ("PORT", "abc"),
        ("PORT", "65536"),
        ("PORT", ""),
        ("PORT", "\uff18\uff10"),
        ("SANDBOX_TIMEOUT_SECONDS", "0"),
        ("SANDBOX_TIMEOUT_SECONDS", "0.0"),
        ("SANDBOX_TIMEOUT_SECONDS", "0.001"),
        ("SANDBOX_TIMEOUT_SECONDS", "0.09"),
        ("SANDBOX_TIMEOUT_SECONDS", "3600.1"),
        ("SANDBOX_CPU_SECONDS", "0"),
        ("SANDBOX_CPU_SECONDS", "1.5"),
        ("SANDBOX_CPU_SECONDS", "3601"),
        ("SANDBOX_TIMEOUT_SECONDS", "nan"),
        ("SANDBOX_TIMEOUT_SECONDS", "-1"),
        ("SANDBOX_TIMEOUT_SECONDS", "1e3"),
        ("SANDBOX_MEMORY_MB", "1"),
        ("SANDBOX_MEMORY_MB", "15"),
        ("SANDBOX_MEMORY_MB", "512MB"),
        ("SANDBOX_MEMORY_MB", "1_000"),
        ("SANDBOX_MEMORY_MB", "1" * 5000),
        ("SANDBOX_CONCURRENCY", "0"),
        ("SANDBOX_MIN_ISOLATION", "docker"),
        ("LOG_LEVEL", "info"),
        ("LOG_FORMAT", "xml"),
        ("CORS_ORIGINS", "*"),
        ("CORS_ORIGINS", "https://a.example//"),
        ("CORS_ORIGINS", "https://a.example/app"),
        ("CORS_ORIGINS", "https://a.example:0"),
        ("CORS_ORIGINS", "https://a.example:65536"),
        ("CORS_ORIGINS", "a.example"),
        ("NSJAIL", "/no/such/nsjail"),
        ("NSJAIL", "/etc/passwd"),
        ("NSJAIL", "/"),
        ("NSJAIL", "nsjail"),
        ("SANDBOX_PYTHON", "/no/such/python"),
        ("CORS_ORIGINS", "https://a.example,,https://b.example"),
        ("GOOGLE_CLOUD_PROJECT", 'x"/y'),
    ],
)
def test_wrong_value_is_named_with_what_was_expected(name: str, text: str) -> None:
    setting = next(setting for setting in TABLE if setting.name == name)
    with pytest.raises(SettingsError) as caught:
        read_settings({name: text})
    reason = f": {setting.reason}" if setting.reason else ""
    assert str(caught.value) == f"{name}={text!r}: expected {setting.expected}{reason}"


@pytest.mark.parametrize("name", ["SANDBOX_TIMEOUT_SECONDS", "SANDBOX_MEMORY_MB"])
def test_a_least_value_that_is_not_obvious_has_a_reason(name: str) -> None:
    assert next(setting.reason for setting in TABLE if setting.name == name)


@pytest.mark.parametrize(("timeout", "cpu_seconds"), [("60", 60), ("0.5", 1), ("10.2", 11), ("3600", 3600)])
def test_the_cpu_limit_follows_the_timeout_unless_it_is_set(timeout: str, cpu_seconds: int) -> None:
    assert read_settings({"SANDBOX_TIMEOUT_SECONDS": timeout}).limits.cpu_seconds == cpu_seconds
    both = {"SANDBOX_TIMEOUT_SECONDS": timeout, "SANDBOX_CPU_SECONDS": "7"}
    assert read_settings(both).limits.cpu_seconds == 7


def test_on_cloud_run_the_server_listens_everywhere_unless_it_is_told_where() -> None:
    on_cloud_run = {"K_SERVICE": "executor"}
    assert read_settings(on_cloud_run).host == "0.0.0.0"
    assert read_settings(on_cloud_run | {"HOST": "127.0.0.1"}).host == "127.0.0.1"
    assert read_settings(on_cloud_run).behind_cloud_run
    assert not read_settings({}).behind_cloud_run


@pytest.mark.parametrize(
    ("name", "wrong", "right"), [("WORKERS", "x", "2"), ("THREADS", "0", "9"), ("DEBUG", "1", "0")]
)
def test_what_the_framework_reads_is_looked_at_too(name: str, wrong: str, right: str) -> None:
    read_settings({name: right})
    with pytest.raises(SettingsError, match=f"^{name}='{wrong}': expected "):
        read_settings({name: wrong})


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
