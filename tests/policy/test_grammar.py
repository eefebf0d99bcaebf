"""Scripts made by Python's grammar: the checker answers them all, and accepts those that name nothing denied."""

import ast
import itertools
import random
import warnings

import pytest

from policy.denials import public_name
from tests.policy import grammar
from tests.policy.fuzzing import SECONDS, rounds
from tests.policy.test_fuzz import POLICY, assert_is_a_report

RULE_IDS = {rule.id for rule in POLICY.rules}
DENIED_NAMES = {
    part
    for rule in POLICY.rules
    for target in (*rule.imports, *rule.calls, *rule.attributes, *rule.builtins)
    for part in target.split(".")
}
LOOKING_UP = [
    *("getattr", "vars", "globals", "__dict__", "get", "__getattribute__", "operator", "attrgetter", "methodcaller"),
    *("format", "str", "join", "chr", "map", "functools", "partial", "main", "x", "y", "script", "string", "Formatter"),
]
TEXTS = ["os", "system", "sys", "tem", "__globals__", "{0.__class__}", "{0}", "%s", "__dict__", "modules", "a.b", "x"]
HONEST_NAMES = [
    *("x", "y", "main", "self", "data", "df", "json", "math", "np", "mean", "len", "print", "format", "get", "re"),
    *("getattr", "vars", "globals", "__dict__", "__init__", "__class__", "__name__", "operator", "attrgetter", "super"),
]
HONEST_TEXTS = ["a", "x", "{0}", "{0.real}", "%s", "__name__", "json", "mean", "", "é💥"]
ROUND = 25

pytestmark = [pytest.mark.slow, pytest.mark.timeout(SECONDS + 120)]


def test_every_kind_of_node_is_made() -> None:
    missing = set(grammar.NODE_CLASSES) - {ast.Expression, ast.Interactive, ast.FunctionType, ast.TypeIgnore}
    for source in itertools.islice(grammar.scripts(random.Random(0), LOOKING_UP, TEXTS), 10_000):
        if not missing:
            break
        try:
            missing -= {type(node) for node in ast.walk(ast.parse(source))}
        except SyntaxError:
            continue

    assert not missing


def test_any_script_gets_an_answer_and_the_same_one_twice() -> None:
    names = [*LOOKING_UP, *sorted(DENIED_NAMES)]
    refused = 0
    for choice in rounds(24):
        chosen = choice.sample(names, 12)
        for source in itertools.islice(grammar.scripts(choice, chosen, TEXTS), ROUND):
            report = assert_is_a_report(source)
            assert POLICY.check(source) == report
            assert {each.rule for each in report.violations} <= RULE_IDS
            refused += bool(report.violations)

    assert refused > 0


def test_script_without_denied_names_is_accepted() -> None:
    """A script in which no name and no text is one that a rule denies has no violation."""
    assert not {public_name(name) for name in HONEST_NAMES} & {public_name(name) for name in DENIED_NAMES}
    accepted = 0
    for choice in rounds(24):
        for source in itertools.islice(grammar.scripts(choice, HONEST_NAMES, HONEST_TEXTS), ROUND):
            script = f"{source}\n\ndef main():\n    return 1\n"
            report = POLICY.check(script)
            assert report.code in (None, "syntax_error"), (report.error, script)
            if report.code == "syntax_error" and not report.error.startswith("Script is"):
                with warnings.catch_warnings(action="ignore"), pytest.raises(SyntaxError):
                    compile(script, "script.py", "exec", dont_inherit=True)
            accepted += report.code is None

    assert accepted > 0
