"""The documents are right: their tables and figures agree with the code, and what they name exists."""

import re

import pytest

from policy.rules import SHIPPED, Rule, load_rules
from sandbox import IsolationLevel, Limits
from sandbox.host.nsjail_command import FIRST_SCRIPT_UID
from sandbox.limits import MB
from service.client_socket import IDLE_SECONDS, REQUEST_SECONDS, RESPONSE_SECONDS
from service.settings import TABLE
from tests.conftest import ROOT
from tests.contract import CODES, codes_in_the_code
from tests.documents import API, HOW, OPERATING, README, rows, section

TIMES = "\N{MULTIPLICATION SIGN}"


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


def test_the_limits_documented_are_the_defaults() -> None:
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


def test_the_connection_times_documented_are_those_of_the_server() -> None:
    text = " ".join(section(API, "How long an answer takes").split()).replace(TIMES, "*")
    seconds = re.search(r"nothing comes for (\d+) s, .+ after (\d+) s, .+ after (\d+) s\.", text)
    assert seconds
    assert [float(one) for one in seconds.groups()] == [IDLE_SECONDS, REQUEST_SECONDS, RESPONSE_SECONDS]
    longest = re.search(r"(\d+) \* `SANDBOX_TIMEOUT_SECONDS` \+ (\d+) s: (\d+) s", text)
    assert longest
    assert int(longest[1]) * Limits().timeout_seconds + int(longest[2]) == int(longest[3])
    terraform = (ROOT / "terraform" / "service.tf").read_text()
    assert f"ceil({longest[1]} * var.sandbox_timeout_seconds + {longest[2]})" in terraform


def test_the_container_sizes_documented_are_those_of_terraform() -> None:
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


def test_the_levels_documented_are_those_of_the_code() -> None:
    levels = [row[0].strip("`") for row in rows(README, "How scripts are isolated")]
    assert levels == [level.value for level in IsolationLevel][::-1]
    assert re.findall(r"^\*\*`(\w+)`\*\*", section(HOW, "The levels"), re.MULTILINE) == levels


def test_the_user_ids_documented_are_those_of_the_code() -> None:
    assert f"Scripts have user ids from {FIRST_SCRIPT_UID} on." in " ".join(OPERATING.read_text().split())
    assert f"spares ({FIRST_SCRIPT_UID} and on)" in HOW.read_text()


RULES = {rule.id: rule for rule in load_rules(SHIPPED)}
DENIED = {row[0].strip("`"): row[1] for row in rows(API, "What the policy denies")}


def test_every_rule_of_the_policy_is_documented() -> None:
    assert list(DENIED) == list(RULES)


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_rule_denies_what_the_document_says(rule: Rule) -> None:
    targets = {*rule.imports, *rule.calls, *rule.texts, *rule.attributes, *rule.methods, *rule.builtins}
    denied, allowed = (
        re.sub(r"\(but for [^)]+\)", "", DENIED[rule.id]),
        re.findall(r"\(but for ([^)]+)\)", DENIED[rule.id]),
    )
    for name in re.findall(r"`([\w.]+)", denied):
        assert name in targets or any(name.startswith(f"{module}.") for module in rule.imports), name
    for name in re.findall(r"`([\w.]+)`", " ".join(allowed)):
        assert any(one.rpartition(".")[2] == name.rpartition(".")[2] for one in rule.allows), name


def test_every_file_class_and_function_in_how_it_works_exists() -> None:
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
        if not (ROOT / name).exists()
        and not (re.search(rf"\b(class|def) {name}\b", code) and (not member or re.search(rf"\bdef {member}\b", code)))
    ]
    assert missing == []
