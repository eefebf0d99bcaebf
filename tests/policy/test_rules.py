"""The loader of the policy file, and the shipped one."""

import json
import subprocess
from pathlib import Path

import pytest

from policy import PolicyFileError, load_policy
from policy.index import RuleIndex
from tests.conftest import ROOT
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
        ("version: 2", "Invalid enum value 2 - at `$.version`"),
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
        uses += [(rule.id, f"x.{name}") for name in rule.attributes]
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
    index = RuleIndex(POLICY.rules)
    missed = []
    for alias, name in aliases:
        parts = alias.split(".")
        # Where a module on the way is denied, so is the way.
        if not any(index.path_rule(".".join(parts[:end])) for end in range(1, len(parts) + 1)):
            missed.append((alias, name))

    assert len(aliases) > 200
    assert not missed
