"""The loader of policy files, and the shipped file."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from policy import Policy, PolicyFileError, load_policy
from policy.denials import Denials
from policy.rules import SHIPPED
from tests.conftest import ROOT
from tests.documents import OPERATING, blocks
from tests.policy.test_denied import DENIED, POLICY


def load(folder: Path, text: str) -> None:
    (folder / "rules.yaml").write_text(text, encoding="utf-8")
    load_policy(folder / "rules.yaml")


RULE = "version: 1\nrules:\n  - id: first\n    message: Use another.\n    imports: [socket]\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Expected `object`, got `null`"),
        ("- 1", "Expected `object`, got `array`"),
        ("rules: []", "Object missing required field `version`"),
        ("version: 2", "Invalid enum value 2 - at `$.version`; expected `version: 1`"),
        ("version: '1'", "Expected `int`, got `str` - at `$.version`"),
        ("version: true", "Expected `int`, got `bool` - at `$.version`"),
        ("version: 1\nrule: []", "Object contains unknown field `rule`"),
        ("version: 1\nrules: {}", "Expected `array`, got `object` - at `$.rules`"),
        ("version: 1\nrules: [a]", "Expected `object`, got `str` - at `$.rules[0]`"),
        ("version: 1\nversion: 1", "is not YAML: key 'version' stands twice in"),
        ("version: [", "is not YAML: while parsing a flow node"),
        ("version: !!python/object:os.system 1", "is not YAML: could not determine a constructor for the tag"),
        ("a: \x01", "is not YAML: unacceptable character #x0001: control characters are not allowed"),
        (RULE.replace("    imports", "    import"), "rule 'first': Object contains unknown field `import`"),
        (RULE + "    imports: [ssl]", "is not YAML: key 'imports' stands twice in"),
        (RULE.replace("[socket]", "socket"), "rule 'first': Expected `array`, got `str` - at `$.imports`"),
        (RULE.replace("[socket]", "[1]"), "rule 'first': Expected `str`, got `int` - at `$.imports[0]`"),
        (RULE.replace("[socket]", "['']"), "rule 'first': imports holds '': expected a dotted module name"),
        (RULE.replace("[socket]", "[a.]"), "rule 'first': imports holds 'a.': expected a dotted module name"),
        (RULE.replace("[socket]", "[a*]"), "rule 'first': imports holds 'a*': expected a dotted module name"),
        (RULE.replace("[socket]", "[a, a]"), "rule 'first': imports holds 'a' twice"),
        (RULE.replace("[socket]", "[]"), "rule 'first': expected at least one target in imports, calls, texts"),
        (RULE.replace("imports", "calls"), "calls holds 'socket': expected a qualified name such as os.system"),
        (RULE.replace("imports: [socket]", "attributes: [a.b]"), "attributes holds 'a.b': expected a single name"),
        (RULE.replace("imports: [socket]", "builtins: [a b]"), "builtins holds 'a b': expected a single name"),
        (RULE.replace("imports: [socket]", "formats: ['0']"), "formats holds '0': expected a single name"),
        (RULE.replace("    message: Use another.\n", ""), "rule 'first': Object missing required field `message`"),
        (RULE.replace("Use another.", "' '"), "rule 'first': expected a message that is not empty"),
        (RULE.replace("Use another.", ""), "rule 'first': Expected `str`, got `null` - at `$.message`"),
        (RULE.replace("id: first\n    ", ""), "rule number 1, which has no id,: Object missing required field `id`"),
        (RULE.replace("first", "' '"), "rule ' ': expected an id that is not empty"),
        (RULE + RULE.partition("rules:\n")[2], "rule 'first': expected an id of its own, but an earlier rule has the"),
        (
            RULE + RULE.partition("rules:\n")[2].replace("first", "second"),
            "rule 'second': imports holds 'socket': rule 'first' already denies it",
        ),
    ],
)
def test_broken_file_is_one_clear_message(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(PolicyFileError) as caught:
        load(tmp_path, text)

    assert str(caught.value).startswith(f"{tmp_path / 'rules.yaml'}: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(PolicyFileError, match=r"absent\.yaml: cannot be read: No such file or directory"):
        load_policy(tmp_path / "absent.yaml")
    with pytest.raises(PolicyFileError, match=r": cannot be read: Is a directory"):
        load_policy(tmp_path)


def test_file_that_is_not_utf_8(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_bytes(b"version: 1 # \xff")
    with pytest.raises(PolicyFileError, match=r"rules\.yaml: is not YAML: .*can't decode byte 0xff"):
        load_policy(tmp_path / "rules.yaml")


def test_file_with_a_version_alone_denies_nothing(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text("version: 1\n")
    policy = load_policy(tmp_path / "rules.yaml")

    assert policy.check("import socket\ndef main(): return eval").code is None
    assert policy.check("x = 1").code == "missing_main"


TWO_WRONG_RULES = """\
version: 1
role: []
rules:
  - id: first
    mesage: Use another.
    imports: [socket, a-b]
  - id: second
    message: Use another.
    calls: [system]
    instead: {os.system: Never.}
  - imports: 7
  - id: third
    message: Use another.
    imports: [ssl]
    allows: [socket.socket]
"""


def test_every_error_is_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(PolicyFileError) as caught:
        load(tmp_path, TWO_WRONG_RULES)

    assert caught.value.path == tmp_path / "rules.yaml"
    assert caught.value.problems == (
        "Object contains unknown field `role`: did you mean `rules`?",
        "rule 'first': Object contains unknown field `mesage`: did you mean `message`?",
        "rule 'first': Object missing required field `message`",
        "rule 'second': calls holds 'system': expected a qualified name such as os.system",
        "rule 'second': instead holds 'os.system', which is no target of the rule: did you mean `system`?",
        "rule number 3, which has no id,: Object missing required field `id`",
        "rule number 3, which has no id,: Object missing required field `message`",
        "rule number 3, which has no id,: Expected `array`, got `int` - at `$.imports`",
        "rule 'third': allows holds 'socket.socket': expected something in a module that is among the rule's imports",
    )
    assert str(caught.value).split("\n") == [f"{caught.value.path}: {problem}" for problem in caught.value.problems]


EXTENDED = "version: 1\nextends: default\n"
REPLACED = "  - id: network\n    message: Ask for a proxy.\n    imports: [socket]\n"
ADDED = "rules:\n  - id: house\n    message: Not in this house.\n    imports: [sqlite3]\n"


def extended(folder: Path, text: str) -> Policy:
    (folder / "rules.yaml").write_text(EXTENDED + text, encoding="utf-8")
    return load_policy(folder / "rules.yaml")


def test_extension_adds_to_the_shipped_rules(tmp_path: Path) -> None:
    policy = extended(tmp_path, ADDED)

    assert policy.rules[:-1] == POLICY.rules
    assert policy.check("import sqlite3").error == "`import sqlite3` is not allowed. Not in this house."
    assert policy.check("import socket").code == "policy_violation"
    assert policy.warnings == ()


def test_extension_alone_is_the_shipped_rules(tmp_path: Path) -> None:
    assert extended(tmp_path, "").rules == POLICY.rules


def test_extension_leaves_rules_out(tmp_path: Path) -> None:
    policy = extended(tmp_path, "without: [network, debugger]\n" + ADDED)

    assert {rule.id for rule in POLICY.rules} - {rule.id for rule in policy.rules} == {"network", "debugger"}
    assert policy.check("import socket, pdb\ndef main(): return 1").code is None
    assert policy.check("import subprocess").code == "policy_violation"


def test_extension_replaces_a_rule_in_its_place(tmp_path: Path) -> None:
    policy = extended(tmp_path, "rules:\n" + REPLACED + "    replace: true\n")

    assert [rule.id for rule in policy.rules] == [rule.id for rule in POLICY.rules]
    assert policy.check("import socket").error.endswith("Ask for a proxy.")
    assert policy.check("import ftplib\ndef main(): return 1").code is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            EXTENDED + "rules:\n" + REPLACED,
            "rule 'network': the file that is extended has a rule with this id: write `repl",
        ),
        (
            EXTENDED + "without: [netwrok]",
            "`without` holds 'netwrok', which no rule has as its id: did you mean `network`?",
        ),
        (
            EXTENDED + "without: [x]",
            "`without` holds 'x', which no rule has as its id; known are dynamic-code, debugger",
        ),
        (
            "version: 1\nwithout: [network]",
            "`without` drops rules of the file that is extended; write `extends: default` too",
        ),
        ("version: 1\nextends: other", "Invalid enum value 'other' - at `$.extends`; expected `extends: default`"),
        ("version: 1\nextend: default", "Object contains unknown field `extend`: did you mean `extends`?"),
        (
            EXTENDED + "rules:\n" + REPLACED.replace("network", "netwrk") + "    replace: true\n",
            "rule 'netwrk': `replace` needs a rule to replace, and no inherited one has this id: did you mean `networ",
        ),
        (
            "version: 1\nrules:\n" + REPLACED + "    replace: true\n",
            "rule 'network': `replace` needs a rule to replace, and no inherited one has this id",
        ),
        (
            EXTENDED + "without: [debugger]\nrules:\n" + REPLACED.replace("network", "house"),
            "rule 'house': imports holds 'socket': rule 'network' already denies it",
        ),
        (
            RULE + "    allows: [socket.a]\n    instead: {soket: No.}\n",
            "rule 'first': instead holds 'soket', which is no target of the rule: did you mean `socket`?",
        ),
        (
            RULE.replace("Use another.", "a" * 1001),
            "rule 'first': expected an id and messages of at most 1000 characters",
        ),
        (RULE.replace("socket", "a" * 101), "expected a dotted module name"),
        (RULE.replace("socket", ".".join("a" * 13)), "expected a dotted module name"),
    ],
)
def test_broken_extension_is_one_clear_message(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(PolicyFileError) as caught:
        load(tmp_path, text)

    assert any(problem in each for each in caught.value.problems), caught.value.problems


@pytest.mark.parametrize(
    ("kind", "target", "warning"),
    [
        ("imports", "subproces", "Python has no module 'subproces': did you mean 'subprocess'?"),
        ("imports", "soket", "Python has no module 'soket': did you mean 'socket'?"),
        ("calls", "os.sytem", "Python has nothing called 'sytem' in 'os': did you mean 'system'?"),
        ("calls", "os.nothing_like_it", "Python has nothing called 'nothing_like_it' in 'os'"),
        ("calls", "os.path.exits", "Python has nothing called 'exits' in 'os.path': did you mean 'exists'?"),
        ("imports", "email.mesage", "Python has nothing called 'mesage' in 'email': did you mean 'message'?"),
        ("builtins", "evall", "Python has nothing called 'evall' in 'builtins': did you mean 'eval'?"),
    ],
)
def test_target_that_is_nowhere_is_a_warning(tmp_path: Path, kind: str, target: str, warning: str) -> None:
    rule = f"rules:\n  - id: a\n    message: Use another.\n    {kind}: [{target}]\n"
    policy = extended(tmp_path, rule)

    assert policy.warnings == (f"{tmp_path / 'rules.yaml'}: rule 'a': {kind} holds {target!r}: {warning}",)


def test_target_that_may_be_somewhere_is_no_warning(tmp_path: Path) -> None:
    targets = [
        "matplotlib",
        "sklearn.cluster",
        "torch",
        "smtpd",
        "email.policy",
        "xml.etree",
        "numpy.nothing",
        "turtle.no",
    ]
    rule = f"rules:\n  - id: a\n    message: Use another.\n    imports: {targets}\n".replace("'", "")
    policy = extended(tmp_path, "without: [network]\n" + rule)

    assert policy.warnings == ()
    assert POLICY.warnings == ()


def test_copy_of_the_shipped_file_has_no_warnings(tmp_path: Path) -> None:
    """The shipped rules also name functions of other systems and of later Pythons."""
    (tmp_path / "rules.yaml").write_bytes(SHIPPED.read_bytes())

    assert load_policy(tmp_path / "rules.yaml").warnings == ()


def test_doubting_targets_imports_nothing(tmp_path: Path) -> None:
    loaded = set(sys.modules)
    names = "[turtle, turtledemo.clock, turtel, curses.nothing, idlelib.nothing, lib2to3.pgen2]"
    extended(tmp_path, f"rules:\n  - id: a\n    message: Use another.\n    imports: {names}\n")

    assert set(sys.modules) == loaded


def test_example_of_the_documents_is_a_policy(tmp_path: Path) -> None:
    [example] = [block.text for block in blocks(OPERATING) if block.language == "yaml"]
    (tmp_path / "rules.yaml").write_text(example, encoding="utf-8")
    policy = load_policy(tmp_path / "rules.yaml")

    assert policy.warnings == ()
    assert policy.check("import sqlite3").error == "`import sqlite3` is not allowed. Use pandas.read_csv."
    assert policy.check("import pdb\ndef main(): return 1").code is None
    assert (
        policy.check("import socket").error == "`import socket` is not allowed. Ask for the data to be put into `args`."
    )
    assert policy.check("import subprocess").code == "policy_violation"


def test_custom_file_replaces_the_shipped_one(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(RULE)
    policy = load_policy(tmp_path / "rules.yaml")

    assert policy.check("import subprocess, socketserver\ndef main(): return eval").code is None
    report = policy.check("import socket")
    assert report.error == "`import socket` is not allowed. Use another."


def test_shipped_rules_have_unique_ids_and_whole_sentences() -> None:
    ids = [rule.id for rule in POLICY.rules]

    assert len(set(ids)) == len(ids) > 5
    assert all(rule.message.endswith(".") and len(rule.message) > 20 for rule in POLICY.rules)


def test_each_shipped_rule_is_shown_to_deny_something() -> None:
    shown = {rule for _, rules in DENIED for rule in rules.split()}

    assert shown == {rule.id for rule in POLICY.rules}


def _uses() -> list[tuple[str, str]]:
    uses = []
    for rule in POLICY.rules:
        uses += [(rule.id, f"import {name}") for name in rule.imports]
        uses += [
            (rule.id, f"import {name.rpartition('.')[0]} as m\nm.{name.rpartition('.')[2]}") for name in rule.calls
        ]
        uses += [(rule.id, f"from {name.rpartition('.')[0]} import {name.rpartition('.')[2]}") for name in rule.calls]
        uses += [(rule.id, f"x.{name}") for name in (*rule.attributes, *rule.methods)]
        uses += [
            (rule.id, f"import {module} as m\nm.{name}")
            for module, _, name in (each.rpartition(".") for each in rule.texts)
        ]
        uses += [(rule.id, f"f({name}=True)") for name in rule.keywords]
        uses += [(rule.id, name) for name in rule.builtins]
        uses += [(rule.id, f"'{{0.{name}}}'.format(1)") for name in rule.formats]
    return uses


@pytest.mark.parametrize(("rule", "source"), _uses())
def test_each_target_is_denied_by_its_rule(rule: str, source: str) -> None:
    assert rule in {violation.rule for violation in POLICY.check(source).violations}


def test_what_is_denied_is_denied_under_every_name_that_a_module_has_for_it() -> None:
    names = [name for rule in POLICY.rules for name in (*rule.imports, *rule.calls)]
    names += [f"builtins.{name}" for rule in POLICY.rules for name in rule.builtins if name != "__builtins__"]
    listed = subprocess.run(
        [ROOT / ".venv-sandbox" / "bin" / "python", Path(__file__).with_name("aliases.py")],
        input=json.dumps(names).encode(),
        capture_output=True,
        check=True,
    )
    aliases = json.loads(listed.stdout)
    denials = Denials(POLICY.rules)
    missed = []
    for alias, name in aliases:
        parts = alias.split(".")
        # If a module in the path is denied, so is the path.
        if not any(denials.path_rule(".".join(parts[:end])) for end in range(1, len(parts) + 1)):
            missed.append((alias, name))

    assert len(aliases) > 200
    assert not missed
