"""The README is right: its examples are run, and its tables compared with the code."""

import json
import re
import shlex
import subprocess
from typing import Any

import pytest

from sandbox import Limits
from sandbox.limits import MB
from service.client_socket import IDLE_SECONDS, REQUEST_SECONDS, RESPONSE_SECONDS
from service.settings import TABLE
from tests.conftest import ROOT, Server
from tests.contract import CODES, codes_in_the_code

README = (ROOT / "README.md").read_text()
EXAMPLES = re.findall(r"<!-- example -->\n```sh\n(.+?)```\n\n```json\n(.+?)\n```", README, re.DOTALL)


def section(title: str) -> str:
    return README.split(f"\n## {title}\n")[1].split("\n## ")[0]


def rows(title: str) -> list[list[str]]:
    lines = [line for line in section(title).splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split(" |")] for line in lines]
    return [row for row in cells if not set(row[0]) <= {"-", " "}]


def without_measurements(answer: dict[str, Any]) -> dict[str, Any]:
    """Leave out what differs from run to run, but not its form."""
    if "usage" in answer:
        answer["usage"] = {name: type(value) for name, value in answer["usage"].items()}
    return answer


def test_there_are_examples() -> None:
    assert len(EXAMPLES) == README.count("<!-- example -->") >= 7


@pytest.mark.parametrize(("command", "answer"), EXAMPLES, ids=range(len(EXAMPLES)))
def test_example(command: str, answer: str, server: Server) -> None:
    command = command.replace("localhost:8080", f"127.0.0.1:{server.port}")
    came = subprocess.run(["bash", "-c", command], capture_output=True, check=True, timeout=60).stdout
    assert without_measurements(json.loads(came)) == without_measurements(json.loads(answer))


def test_every_code_is_documented() -> None:
    assert set().union(*CODES.values()) == codes_in_the_code()


def test_every_setting_is_documented_with_its_default() -> None:
    documented = {row[0].strip("`"): row[1] for row in rows("Settings")[1:]}
    special = {
        "HOST": "127.0.0.1",
        "SANDBOX_CPU_SECONDS": "as the timeout",
        "SANDBOX_CONCURRENCY": "2 per CPU",
        "SANDBOX_SPARES": "as the concurrency",
    }
    assert documented == {setting.name: special.get(setting.name, setting.default) for setting in TABLE}


def test_limits_are_the_defaults() -> None:
    limits = {row[0]: row[1] for row in rows("Limits")[1:]}
    ours = Limits()
    assert limits["wall clock"] == f"{ours.timeout_seconds:g} s"
    assert limits["CPU time, all threads together, in whole seconds"] == f"{ours.cpu_seconds} s"
    assert limits["memory above the interpreter's own"] == f"{ours.memory_bytes // MB} MB"
    assert limits["result"] == f"{ours.result_bytes // MB} MB"
    assert limits["stdout, stderr"] == f"{ours.stdout_bytes // MB} MB each"
    assert ours.stdout_bytes == ours.stderr_bytes
    assert limits["scratch files"] == f"{ours.scratch_bytes // MB} MB"
    assert limits["open files"] == f"{ours.open_files}"
    assert limits["threads"] == f"{ours.threads}"


def test_times_of_a_connection_are_the_servers() -> None:
    seconds = re.search(
        r"nothing comes for (\d+) s, .+ after (\d+) s, .+ after (\d+) s;", section("The contract"), re.DOTALL
    )
    assert seconds
    assert [float(one) for one in seconds.groups()] == [IDLE_SECONDS, REQUEST_SECONDS, RESPONSE_SECONDS]


def test_every_make_target_exists() -> None:
    named = set(re.findall(r"`make ([a-z-]+)`", README)) | set(re.findall(r"^make ([a-z-]+)", README, re.MULTILINE))
    existing = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {"run", "test"} <= named <= existing


def test_no_link_is_dead() -> None:
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if "://" not in link]
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_commands_are_words_of_a_shell() -> None:
    for command, _ in EXAMPLES:
        assert shlex.split(command.splitlines()[0])[0] == "curl"
