"""Where the server listens, in each of the ways to start it, and what it says about that."""

import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import requests

from tests.conftest import ROOT, Serve, Server, free_port, start_server

PLAIN = ("functions_framework", "--target", "app")
RUN = ("service",)
LAUNCHER = ("service.launcher",)
WAYS = pytest.mark.parametrize(
    "module",
    [
        pytest.param(PLAIN, id="plain", marks=pytest.mark.slow),
        pytest.param(RUN, id="make run"),
        pytest.param(LAUNCHER, id="launcher", marks=pytest.mark.slow),
    ],
)
NOBODY_ASKED = "The service does not authenticate callers: whoever reaches this port can run scripts."


def said(server: Server) -> list[tuple[str, str]]:
    lines = [(line["severity"], line["message"]) for line in server.log_lines() if "httpRequest" not in line]
    return [line for line in lines if "isten" in line[1] or "authenticate" in line[1]]


def addresses(server: Server) -> set[str]:
    return {
        connection.laddr.ip
        for process in server.processes()
        for connection in process.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    }


@WAYS
def test_it_listens_on_this_machine_alone_unless_it_is_told_otherwise(
    module: tuple[str, ...], new_server: Serve
) -> None:
    server = new_server(module=module)
    assert addresses(server) == {"127.0.0.1"}
    assert said(server) == [("INFO", f"Listening on http://127.0.0.1:{server.port}"), ("WARNING", NOBODY_ASKED)]
    server.stop()


@WAYS
def test_host_is_obeyed(module: tuple[str, ...], new_server: Serve) -> None:
    server = new_server(module=module, HOST="0.0.0.0")
    assert addresses(server) == {"0.0.0.0"}
    assert said(server)[0] == ("INFO", f"Listening on http://0.0.0.0:{server.port}")
    server.stop()


@pytest.mark.slow
def test_on_cloud_run_it_listens_everywhere_and_says_who_asks_callers(new_server: Serve) -> None:
    server = new_server(module=PLAIN, K_SERVICE="executor")
    assert addresses(server) == {"0.0.0.0"}
    assert said(server) == [
        ("INFO", f"Listening on http://0.0.0.0:{server.port}"),
        ("INFO", "The service does not authenticate callers: Cloud Run lets through whom its IAM policy allows."),
    ]
    server.stop()


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as one:
            one.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.slow
@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
@pytest.mark.parametrize(
    ("module", "host"),
    [(PLAIN, "::"), (PLAIN, "[::]"), (RUN, "::"), (LAUNCHER, "::"), ((*PLAIN, "--host", "::"), "127.0.0.1")],
)
def test_ipv6_is_an_address_too(module: tuple[str, ...], host: str, new_server: Serve) -> None:
    server = new_server(module=module, HOST=host)
    assert addresses(server) == {"::"}
    assert said(server)[0] == ("INFO", f"Listening on http://[::]:{server.port}")
    assert requests.get(f"http://[::1]:{server.port}/health", timeout=30).status_code == 200
    server.stop()


@pytest.mark.slow
def test_what_the_command_line_says_counts(new_server: Serve) -> None:
    server = new_server(module=(*PLAIN, "--host", "127.0.0.1"), HOST="0.0.0.0")
    assert addresses(server) == {"127.0.0.1"}
    server.stop()


@pytest.mark.parametrize("module", [RUN, LAUNCHER], ids=["make run", "launcher"])
@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("PORT", "abc", "expected a whole number from 1 to 65535"),
        ("HOST", "nowhere", "expected an IP address of this machine, or 0.0.0.0 or :: for all of them"),
        ("NSJAIL", "/no/such/nsjail", "expected a file that can be executed"),
        ("LOGLEVEL", "DEBUG", "there is no such setting; did you mean LOG_LEVEL?"),
        ("WORKERS", "many", "expected a whole number from 1 to 1024"),
    ],
)
def test_a_wrong_setting_gets_our_words_and_nothing_else(
    module: tuple[str, ...], name: str, text: str, expected: str, tmp_path: Path
) -> None:
    tmp_path.chmod(0o755)
    process = start_server(tmp_path, {"PORT": str(free_port()), name: text}, module=module)
    assert process.wait(30) == 1
    assert (tmp_path / "log").read_text().splitlines() == ["Wrong settings:", f"{name}={text!r}: {expected}"]


@pytest.mark.parametrize("module", [(*PLAIN, "--debug"), PLAIN], ids=["--debug", "DEBUG"])
def test_flasks_debugger_is_refused(module: tuple[str, ...], tmp_path: Path) -> None:
    """It would run code for whoever reaches the port, outside of any jail."""
    command = [sys.executable, "-m", *module]
    environment = {"PYTHONPATH": str(ROOT), "PORT": str(free_port())} | (
        {} if len(module) > len(PLAIN) else {"DEBUG": "1"}
    )
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "Flask's debugger" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("module", [PLAIN, RUN, LAUNCHER], ids=["plain", "make run", "launcher"])
def test_a_port_in_use_is_said_in_one_line(module: tuple[str, ...], tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        started = time.monotonic()
        process = start_server(tmp_path, {"PORT": str(port)}, module=module)
        assert process.wait(30) == 1
    assert time.monotonic() - started < 10
    [line] = (tmp_path / "log").read_text().splitlines()
    reason = "another program listens there; stop it, or set PORT to another port."
    assert line == f"Cannot listen on port {port} of 127.0.0.1: {reason}"


def test_an_address_of_another_machine_is_said_in_one_line(tmp_path: Path) -> None:
    process = start_server(tmp_path, {"PORT": "8080", "HOST": "192.0.2.1"}, module=RUN)
    assert process.wait(30) == 1
    assert (tmp_path / "log").read_text().splitlines() == [
        "Cannot listen on port 8080 of 192.0.2.1: Cannot assign requested address; set HOST or PORT to another address."
    ]
