"""The documents are right: their examples and commands run, and their links lead somewhere."""

import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service.settings import TABLE
from tests.conftest import ROOT, Server
from tests.documents import (
    API,
    EXAMPLES,
    FILES,
    HOW,
    OPERATING,
    README,
    SECURITY,
    Block,
    blocks,
    marked,
    section,
    without_measurements,
)

TOKEN = "a.token"
CLIENTS = marked("client")
COMMANDS = [
    (block, command)
    for file in FILES
    for block in blocks(file)
    if block.language == "sh"
    for command in block.commands()
]
# A marker tells which test runs a block.
MARKERS = {"example", "client", "docker", "library", "log"}
# These commands need a Google Cloud project and a login. tests/terraform really applies, without a cloud.
CLOUD = ("gcloud", "terraform")
names = [f"{file.relative_to(ROOT)}" for file in FILES]


def test_the_documents_exist_and_the_readme_is_short() -> None:
    assert {README, SECURITY, API, OPERATING, HOW, ROOT / "terraform" / "README.md"} <= set(FILES)
    assert len(README.read_text().splitlines()) <= 180


# Examples


def test_every_example_is_found() -> None:
    assert len(EXAMPLES) == sum(file.read_text().count("<!-- example -->") for file in FILES) >= 7
    assert len(blocks_of(README, "example")) == 2


def blocks_of(file: Path, marker: str) -> list[Block]:
    return [block for block in blocks(file) if block.marker == marker]


@pytest.mark.parametrize(("command", "answer"), EXAMPLES, ids=range(len(EXAMPLES)))
def test_an_example_gives_the_answer_shown(command: str, answer: str, server: Server) -> None:
    assert command.startswith("curl ")
    command = command.replace("localhost:8080", f"127.0.0.1:{server.port}")
    output = subprocess.run(["bash", "-c", command], capture_output=True, check=True, timeout=60).stdout
    assert without_measurements(json.loads(output)) == without_measurements(json.loads(answer))


@pytest.fixture(scope="module")
def guarded(server: Server) -> Iterator[str]:
    """The address of a proxy that forwards to the service only requests with the token, as Cloud Run does."""

    class Guard(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers["Authorization"] != f"Bearer {TOKEN}":
                self.send_error(403)
                return
            headers = {"Content-Type": self.headers["Content-Type"]}
            request = urllib.request.Request(server.url + self.path, body, headers)
            with urllib.request.urlopen(request, timeout=60) as answer:
                self.send_response(answer.status)
                self.send_header("Content-Type", answer.headers["Content-Type"])
                self.end_headers()
                self.wfile.write(answer.read())

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Guard) as guard:
        threading.Thread(target=guard.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{guard.server_address[1]}"
        guard.shutdown()


@pytest.mark.parametrize(
    ("client", "printed"), CLIENTS, ids=[f"{block.language}-{n}" for n, (block, _) in enumerate(CLIENTS)]
)
def test_a_client_prints_what_is_shown(client: Block, printed: Block, guarded: str, tmp_path: Path) -> None:
    node = shutil.which("node")
    if client.language == "js" and not node:
        pytest.skip("there is no node")
    run = {"python": [sys.executable, "-c"], "js": [node or "", "--input-type=module", "--eval"]}[client.language]
    environment = {"PATH": os.environ["PATH"], "URL": guarded, "TOKEN": TOKEN}
    done = subprocess.run(
        [*run, client.text], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr, done.stdout) == (0, "", printed.text)


def test_there_are_clients_in_both_languages() -> None:
    assert {block.language for block, _ in CLIENTS} == {"python", "js"}
    assert all(after.language == "text" for _, after in CLIENTS)


def test_the_documented_command_adds_a_library(tmp_path: Path) -> None:
    """The package comes from a folder, so this test needs no network; tests/container installs the real one."""
    [(block, _)] = marked("library")
    [command] = block.commands()
    about = "tabulate-0.9.0.dist-info"
    with zipfile.ZipFile(tmp_path / "tabulate-0.9.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tabulate.py", "")
        wheel.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: tabulate\nVersion: 0.9.0\n")
        wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{about}/RECORD", "")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / ".venv-sandbox"], check=True)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    environment = {"PATH": os.environ["PATH"], "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path)}
    subprocess.run(["bash", "-c", f"{command} --quiet"], cwd=tmp_path, env=environment, check=True, timeout=100)
    subprocess.run([tmp_path / ".venv-sandbox" / "bin" / "python", "-c", "import tabulate"], check=True)


def test_the_log_line_shown_is_like_a_real_one(server: Server) -> None:
    [(block, _)] = marked("log")
    shown = json.loads(block.text)
    server.post("def main():\n    return 1/0\n")
    logged = next(line for line in reversed(server.log_lines()) if line.get("code") == shown["code"])
    assert list(shown) == list(logged)
    assert set(shown["httpRequest"]) == set(logged["httpRequest"])
    assert [type(value) for value in shown.values()] == [type(value) for value in logged.values()]
    assert (shown["severity"], shown["message"]) == (logged["severity"], logged["message"])


@pytest.mark.parametrize("file", FILES, ids=names)
def test_a_test_runs_every_block(file: Path) -> None:
    found = blocks(file)
    for number, block in enumerate(found):
        if block.marker:
            assert block.marker in MARKERS
        elif block.language == "sh":
            assert all(command.startswith(("make ", *(f"{tool} " for tool in CLOUD))) for command in block.commands())
        elif block.language == "yaml":
            assert "extends: default" in block.text  # tests/policy/test_rules.py
        elif block.language in ("json", "text"):
            assert found[number - 1].marker in ("example", "client")
        else:
            assert (block.language, file) == ("", HOW)  # a drawing


# Commands


@pytest.mark.parametrize("file", FILES, ids=names)
def test_every_make_target_exists(file: Path) -> None:
    text = file.read_text()
    named = set(re.findall(r"`(?:[A-Z_]+=\S+ |env -u \w+ )?make ([a-z-]+)", text)) | set(
        re.findall(r"^make ([a-z-]+)", text, re.MULTILINE)
    )
    existing = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert named <= existing
    if file == README:
        assert {"run", "test"} <= named


def test_the_makefile_uses_every_variable_shown() -> None:
    makefile = (ROOT / "Makefile").read_text()
    commands = [command for _, command in COMMANDS if command.startswith("make ")]
    variables = {name for command in commands for name in re.findall(r" ([A-Z_]+)=", command)}
    assert {"PROJECT", "URL"} <= variables
    assert all(f"$({name})" in makefile for name in variables)


def test_every_variable_and_output_of_terraform_named_exists() -> None:
    configuration = "".join(file.read_text() for file in (ROOT / "terraform").glob("*.tf"))
    commands = "\n".join(command for _, command in COMMANDS if command.startswith("terraform"))
    variables = set(re.findall(r"-var '?(\w+)=", commands))
    assert {"project_id", "invokers"} <= variables
    assert all(f'variable "{name}" {{' in configuration for name in variables)
    assert all(f'output "{name}" {{' in configuration for name in re.findall(r"output -raw (\w+)", commands))


@pytest.mark.parametrize("file", FILES, ids=names)
def test_every_setting_named_exists(file: Path) -> None:
    known = {setting.name for setting in TABLE} | {"SANDBOX_REQUIREMENTS"}  # an argument of the image's build
    assert set(re.findall(r"\bSANDBOX_[A-Z_]*[A-Z]\b", file.read_text())) <= known


# Links


def anchors(file: Path) -> set[str]:
    """Return the anchors that GitHub gives a document's headings."""
    headings = re.findall(
        r"^#+ (.+)$", re.sub(r"^```.*?^```", "", file.read_text(), flags=re.MULTILINE | re.DOTALL), re.MULTILINE
    )
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("file", FILES, ids=names)
def test_no_link_is_dead(file: Path) -> None:
    dead = []
    for link in re.findall(r"\]\(([^)\s]+)\)", file.read_text()):
        path, _, anchor = link.partition("#")
        target = file.parent / path if path else file
        if "://" not in link and not (target.exists() and (not anchor or anchor in anchors(target))):
            dead.append(link)
    assert dead == []


def test_every_document_is_linked_from_the_readme() -> None:
    links = {ROOT / link.partition("#")[0] for link in re.findall(r"\]\(([^)]+)\)", section(README, "Where next"))}
    assert set(ROOT.glob("docs/*.md")) | {SECURITY} <= links
