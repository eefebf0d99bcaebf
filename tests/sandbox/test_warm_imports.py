"""/health names SANDBOX_WARM_IMPORTS and its modules that zygotes cannot import."""

import time

import pytest
import requests

from tests.conftest import Serve, Server

pytestmark = pytest.mark.slow

HELLO = "def main():\n    return 'hello'"


def health(server: Server) -> requests.Response:
    return requests.get(f"{server.url}/health", timeout=60)


@pytest.mark.parametrize("module", [("functions_framework", "--target", "app"), ("service.launcher",)])
def test_a_module_that_is_not_installed_is_named(module: tuple[str, ...], new_server: Serve) -> None:
    server = new_server(module=module, SANDBOX_WARM_IMPORTS="numpy,no_such_package.part,json,nor_this")
    answer = health(server)
    assert answer.status_code == 503
    assert answer.json()["reason"].startswith(
        "SANDBOX_WARM_IMPORTS: no_such_package and nor_this are not installed for scripts (in "
    )
    assert server.post(HELLO).status_code == 503
    assert "No script can be run: SANDBOX_WARM_IMPORTS: no_such_package" in server.log_text()
    server.stop()


def test_a_module_that_cannot_be_imported_is_named_and_scripts_run_cold(new_server: Serve) -> None:
    server = new_server(SANDBOX_WARM_IMPORTS="numpy,numpy.no_such_part")
    deadline = time.monotonic() + 20
    while (answer := health(server)).status_code == 200:
        assert time.monotonic() < deadline, "still healthy"
        time.sleep(0.05)
    reason = (
        "SANDBOX_WARM_IMPORTS: numpy.no_such_part cannot be imported: "
        "ModuleNotFoundError: No module named 'numpy.no_such_part'"
    )
    assert (answer.status_code, answer.json()["reason"]) == (503, reason)
    assert server.post(HELLO).json()["result"] == "hello"
    assert server.post(f"import numpy\n{HELLO}").json()["result"] == "hello"
    assert health(server).status_code == 503
    server.stop()


def test_part_of_a_package_is_warm_for_scripts_that_import_it(new_server: Serve) -> None:
    server = new_server(SANDBOX_WARM_IMPORTS="xml.dom.minidom")
    script = 'import sys\nwarm = "xml.dom.minidom" in sys.modules\n%s\ndef main():\n    return warm'
    for statement in ("import xml.dom.minidom", "import xml.dom.minidom as d", "from xml.dom import minidom"):
        deadline = time.monotonic() + 20
        while not server.post(script % statement).json()["result"]:
            assert time.monotonic() < deadline, f"not warm: {statement}"
            time.sleep(0.05)
    assert server.post(script % "import json").json()["result"] is False
    server.stop()


def test_without_a_zygote_a_missing_module_does_not_matter(new_server: Serve) -> None:
    server = new_server(SANDBOX_MODE="cold", SANDBOX_WARM_IMPORTS="no_such_package")
    assert health(server).status_code == 200
    server.stop()


@pytest.mark.parametrize("level", ["namespaces", "seccomp", "process"])
@pytest.mark.parametrize("mode", ["warm", "cold"])
def test_the_least_memory_is_enough_for_a_script_and_its_traceback(level: str, mode: str, new_server: Serve) -> None:
    nsjail = {"NSJAIL": "/bin/false"} if level == "process" else {}
    server = new_server(without_namespaces=level == "seccomp", SANDBOX_MEMORY_MB="16", SANDBOX_MODE=mode, **nsjail)
    assert health(server).json()["isolation"] == level
    warned = "The imports of SANDBOX_WARM_IMPORTS take "
    deadline = time.monotonic() + 20
    while mode == "warm" and warned not in server.log_text():
        assert time.monotonic() < deadline, "no warning"
        time.sleep(0.05)
    assert (warned in server.log_text()) == (mode == "warm")
    for _ in range(3):
        assert server.post(HELLO).json()["result"] == "hello"
        failed = server.post("def main():\n    return 1 / 0").json()
        assert (failed["code"], failed["error"]) == ("script_error", "ZeroDivisionError: division by zero")
        assert server.post("def main():\n    return len(bytearray(64 * 2**20))").json()["code"] == "memory_limit"
    server.stop()


def test_enough_memory_gives_no_warning(server: Server) -> None:
    assert "SANDBOX_WARM_IMPORTS" not in server.log_text()
