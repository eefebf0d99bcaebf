"""The documents are right: their examples run, their tables are those of the code, and their links lead somewhere."""

import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from policy.rules import SHIPPED, Rule, load_rules
from sandbox import IsolationLevel, Limits
from sandbox.host.nsjail_command import FIRST_SCRIPT_UID
from sandbox.limits import MB
from service.server import IDLE_SECONDS, REQUEST_SECONDS, RESPONSE_SECONDS
from service.settings import TABLE
from tests.conftest import ROOT, Server
from tests.contract import CODES, codes_in_the_code
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
    rows,
    section,
    without_measurements,
)

TOKEN = "a.token"
TIMES = "\N{MULTIPLICATION SIGN}"
CLIENTS = marked("client")
COMMANDS = [
    (block, command)
    for file in FILES
    for block in blocks(file)
    if block.language == "sh"
    for command in block.commands()
]
# What has to be run by a test of its own is marked for it.
MARKERS = {"example", "client", "docker", "library", "log"}
# These need a project on Google Cloud and somebody who is logged in. tests/terraform applies for real, without a cloud.
CLOUD = ("gcloud", "terraform")
names = [f"{file.relative_to(ROOT)}" for file in FILES]


def test_the_documents_are_there() -> None:
    assert {README, SECURITY, API, OPERATING, HOW, ROOT / "terraform" / "README.md"} <= set(FILES)
    assert len(README.read_text().splitlines()) <= 180


# Examples


def test_there_are_examples() -> None:
    assert len(EXAMPLES) == sum(file.read_text().count("<!-- example -->") for file in FILES) >= 7
    assert len(blocks_of(README, "example")) == 2


def blocks_of(file: Path, marker: str) -> list[Block]:
    return [block for block in blocks(file) if block.marker == marker]


@pytest.mark.parametrize(("command", "answer"), EXAMPLES, ids=range(len(EXAMPLES)))
def test_example(command: str, answer: str, server: Server) -> None:
    assert command.startswith("curl ")
    command = command.replace("localhost:8080", f"127.0.0.1:{server.port}")
    came = subprocess.run(["bash", "-c", command], capture_output=True, check=True, timeout=60).stdout
    assert without_measurements(json.loads(came)) == without_measurements(json.loads(answer))


@pytest.fixture(scope="module")
def guarded(server: Server) -> Iterator[str]:
    """The address of something that lets through to the service who has the token, as Cloud Run does."""

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
def test_client(client: Block, printed: Block, guarded: str, tmp_path: Path) -> None:
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


def test_a_library_is_added_by_the_documents_command(tmp_path: Path) -> None:
    [(block, _)] = marked("library")
    [command] = block.commands()
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / ".venv-sandbox"], check=True)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    subprocess.run(["bash", "-c", f"{command} --quiet"], cwd=tmp_path, check=True, timeout=100)
    subprocess.run([tmp_path / ".venv-sandbox" / "bin" / "python", "-c", "import tabulate"], check=True)


def test_the_log_line_is_like_one(server: Server) -> None:
    [(block, _)] = marked("log")
    shown = json.loads(block.text)
    server.post("def main():\n    return 1/0\n")
    logged = next(line for line in reversed(server.log_lines()) if line.get("code") == shown["code"])
    assert list(shown) == list(logged)
    assert set(shown["httpRequest"]) == set(logged["httpRequest"])
    assert [type(value) for value in shown.values()] == [type(value) for value in logged.values()]
    assert (shown["severity"], shown["message"]) == (logged["severity"], logged["message"])


@pytest.mark.parametrize("file", FILES, ids=names)
def test_every_block_is_run_by_something(file: Path) -> None:
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


def test_the_documents_name_variables_and_outputs_of_terraform() -> None:
    configuration = "".join(file.read_text() for file in (ROOT / "terraform").glob("*.tf"))
    commands = "\n".join(command for _, command in COMMANDS if command.startswith("terraform"))
    variables = set(re.findall(r"-var '?(\w+)=", commands))
    assert {"project_id", "invokers"} <= variables
    assert all(f'variable "{name}" {{' in configuration for name in variables)
    assert all(f'output "{name}" {{' in configuration for name in re.findall(r"output -raw (\w+)", commands))


@pytest.mark.parametrize("file", FILES, ids=names)
def test_every_setting_named_is_one(file: Path) -> None:
    known = {setting.name for setting in TABLE} | {"SANDBOX_REQUIREMENTS"}  # an argument of the image's build
    assert set(re.findall(r"\bSANDBOX_[A-Z_]*[A-Z]\b", file.read_text())) <= known


# Tables and figures


def test_every_code_is_documented() -> None:
    assert set().union(*CODES.values()) == codes_in_the_code()


def test_every_setting_is_documented_with_its_default() -> None:
    documented = {row[0].strip("`"): row[1] for row in rows(OPERATING, "Settings")}
    special = {
        "HOST": "127.0.0.1",
        "SANDBOX_CPU_SECONDS": "as the timeout",
        "SANDBOX_CONCURRENCY": "2 per CPU",
        "SANDBOX_SPARES": "as the concurrency",
    }
    assert documented == {setting.name: special.get(setting.name, setting.default) for setting in TABLE}


def test_limits_are_the_defaults() -> None:
    limits = {row[0]: row[1] for row in rows(API, "Limits")}
    ours = Limits()
    defaults = {setting.name: setting.default for setting in TABLE}
    assert limits["wall clock"] == f"{ours.timeout_seconds:g} s"
    assert limits["CPU time, all threads together, in whole seconds"] == f"{ours.cpu_seconds} s"
    assert limits["memory above the interpreter's own"] == f"{ours.memory_bytes // MB} MB"
    assert limits["script"] == f"{defaults['SANDBOX_SCRIPT_KB']} KB"
    assert limits["request"] == f"{defaults['SANDBOX_REQUEST_MB']} MB"
    assert limits["result"] == f"{ours.result_bytes // MB} MB"
    assert limits["stdout, stderr"] == f"{ours.stdout_bytes // MB} MB each"
    assert ours.stdout_bytes == ours.stderr_bytes
    assert limits["scratch files"] == f"{ours.scratch_bytes // MB} MB"
    assert limits["open files"] == f"{ours.open_files}"
    assert limits["threads"] == f"{ours.threads}"


def test_times_of_a_connection_are_the_servers() -> None:
    text = " ".join(section(API, "How long an answer takes").split()).replace(TIMES, "*")
    seconds = re.search(r"nothing comes for (\d+) s, .+ after (\d+) s, .+ after (\d+) s\.", text)
    assert seconds
    assert [float(one) for one in seconds.groups()] == [IDLE_SECONDS, REQUEST_SECONDS, RESPONSE_SECONDS]
    longest = re.search(r"(\d+) \* `SANDBOX_TIMEOUT_SECONDS` \+ (\d+) s: (\d+) s", text)
    assert longest
    assert int(longest[1]) * Limits().timeout_seconds + int(longest[2]) == int(longest[3])
    terraform = (ROOT / "terraform" / "service.tf").read_text()
    assert f"ceil({longest[1]} * var.sandbox_timeout_seconds + {longest[2]})" in terraform


def test_the_sizes_are_terraforms() -> None:
    terraform = (ROOT / "terraform" / "service.tf").read_text()
    for line in (
        "script_memory_mb  = var.sandbox_memory_mb + var.sandbox_scratch_mb",
        "request_memory_mb = var.sandbox_request_mb + 2 * var.sandbox_result_mb"
        " + var.sandbox_stdout_mb + var.sandbox_stderr_mb",
        "wanted_memory_mb  = local.slots * (local.script_memory_mb + 2 * local.request_memory_mb)"
        " + local.base_memory_mb",
        "base_memory_mb    = 384",
    ):
        assert line in terraform
    text = section(OPERATING, "Size").replace(TIMES, "*")
    assert "N * (memory + scratch + 2 * (request + 2 * result + stdout + stderr)) + 384 MB" in text
    default = {setting.name: setting.default for setting in TABLE}
    script, request, result, out, err = (
        int(default[f"SANDBOX_{name}_MB"]) for name in ("MEMORY", "REQUEST", "RESULT", "STDOUT", "STDERR")
    )
    each = script + int(default["SANDBOX_SCRATCH_MB"]) + 2 * (request + 2 * result + out + err)
    table = {int(scripts): memory for scripts, memory in rows(OPERATING, "Size")}
    assert len(table) > 2
    assert table == {scripts: f"{scripts * each + 384} MB" for scripts in table}


def test_the_levels_are_those_of_the_code() -> None:
    levels = [row[0].strip("`") for row in rows(README, "How scripts are isolated")]
    assert levels == [level.value for level in IsolationLevel][::-1]
    assert re.findall(r"^\*\*`(\w+)`\*\*", section(HOW, "The levels"), re.MULTILINE) == levels


def test_user_ids_are_those_of_the_code() -> None:
    assert f"Scripts have user ids from {FIRST_SCRIPT_UID} on." in " ".join(OPERATING.read_text().split())
    assert f"spares ({FIRST_SCRIPT_UID} and on)" in HOW.read_text()


RULES = {rule.id: rule for rule in load_rules(SHIPPED)}
DENIED = {row[0].strip("`"): row[1] for row in rows(API, "What the policy denies")}


def test_the_rules_are_those_of_the_policy() -> None:
    assert list(DENIED) == list(RULES)


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_what_a_rule_is_said_to_deny_it_denies(rule: Rule) -> None:
    targets = {*rule.imports, *rule.calls, *rule.texts, *rule.attributes, *rule.methods, *rule.builtins}
    denied, allowed = (
        re.sub(r"\(but for [^)]+\)", "", DENIED[rule.id]),
        re.findall(r"\(but for ([^)]+)\)", DENIED[rule.id]),
    )
    for name in re.findall(r"`([\w.]+)", denied):
        assert name in targets or any(name.startswith(f"{module}.") for module in rule.imports), name
    for name in re.findall(r"`([\w.]+)`", " ".join(allowed)):
        assert any(one.rpartition(".")[2] == name.rpartition(".")[2] for one in rule.allows), name


# Names and links


def test_what_how_it_works_names_is_there() -> None:
    text = HOW.read_text()
    files = set(re.findall(r"`((?:main|[a-z]\w*/[\w/.-]+)\.(?:py|cfg|yaml|kafel))`", text))
    assert len(files) > 30
    assert sorted(name for name in files if not (ROOT / name).is_file()) == []
    code = "\n".join(
        file.read_text() for part in ("sandbox", "service", "policy") for file in (ROOT / part).rglob("*.py")
    )
    code += (ROOT / "main.py").read_text()
    named = set(re.findall(r"`([A-Z][a-z]\w+|[a-z]+_[a-z_]+)(?:\.(\w+))?`", text))
    assert len(named) > 15
    missing = [
        (name, member)
        for name, member in named
        if not re.search(rf"\b(class|def) {name}\b", code) or (member and not re.search(rf"\bdef {member}\b", code))
    ]
    assert missing == []


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
