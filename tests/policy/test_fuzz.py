"""The checker answers with a report, however mangled a script is."""

import sys
import warnings
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from policy import Report, load_policy
from tests.policy.fuzzing import SECONDS
from tests.policy.test_denied import DENIED
from tests.policy.test_honest import ANALYSIS, CLASSES, CONCURRENT, DATABASE, INTERPRETER, LINES

POLICY = load_policy()
CODES = {None, "syntax_error", "policy_violation", "missing_main", "missing_return"}
SCRIPTS = [ANALYSIS, CLASSES, CONCURRENT, DATABASE, INTERPRETER]
SNIPPETS = [source for source, _ in DENIED] + LINES
TOKENS = sorted({token for source in SNIPPETS for token in source.replace("(", " ( ").replace(".", " . ").split()})
OPENERS = [
    "(",
    "[",
    "{",
    "f(",
    "a[",
    "-",
    "not ",
    "lambda: ",
    "f'{",
    "1 if ",
    "a.",
    "a + ",
    "@a\n",
    "getattr(",
    "(x := ",
]

settings.register_profile(
    "policy", max_examples=max(120, int(15 * SECONDS)), deadline=timedelta(seconds=2), database=None
)
brief = settings.get_profile("policy")

odd_text = st.text(st.one_of(st.characters(), st.sampled_from("\0\ud800\ufeff\r\x0c\\'\"{}()[]")), max_size=200)


def assert_is_a_report(script: str) -> Report:
    report = POLICY.check(script)

    assert report.code in CODES
    assert (report.code is None) == (report.error == "")
    assert (report.code == "policy_violation") == bool(report.violations)
    lines = script.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    places = [(report.line, report.column), *((each.line, each.column) for each in report.violations)]
    for line, column in places:
        assert line is None or 1 <= line <= len(lines) + 1
        assert column is None or 1 <= column <= max(map(len, lines)) + 2
    assert list(report.violations) == sorted(report.violations, key=lambda each: (each.line, each.column))
    if report.violations:
        assert (report.line, report.column) == (report.violations[0].line, report.violations[0].column)
    if report.code != "syntax_error":
        with warnings.catch_warnings(action="ignore"):  # pytest turns warnings into errors
            compile(script.removeprefix("\ufeff"), "script.py", "exec", 0x400, dont_inherit=True)
    return report


@brief
@given(odd_text)
def test_any_text(script: str) -> None:
    assert_is_a_report(script)


@brief
@given(st.lists(st.sampled_from(TOKENS) | odd_text.filter(lambda text: len(text) < 5), max_size=40))
def test_spliced_tokens(tokens: list[str]) -> None:
    assert_is_a_report(" ".join(tokens))


@brief
@given(st.sampled_from(SCRIPTS), st.lists(st.tuples(st.floats(0, 1), st.integers(0, 30), odd_text), max_size=4))
def test_scripts_with_parts_replaced(script: str, edits: list[tuple[float, int, str]]) -> None:
    for where, length, text in edits:
        start = int(where * len(script))
        script = script[:start] + text[:20] + script[start + length :]
    assert_is_a_report(script)


@brief
@given(st.lists(st.sampled_from(SNIPPETS), min_size=1, max_size=4), st.data())
def test_snippets_joined_and_cut(snippets: list[str], data: st.DataObject) -> None:
    script = "\n".join(snippets)
    assert_is_a_report(script[: data.draw(st.integers(0, len(script)))])
    assert_is_a_report(script)


@brief
@given(
    st.lists(st.sampled_from(OPENERS), min_size=1, max_size=3),
    st.integers(1, 400),
    st.sampled_from(["", "1", "os", "1 1", "'"]),
    st.sampled_from(["", ")", "]", "}", "}'", ", 'a')", " else 1"]),
)
def test_deep_nesting(openers: list[str], depth: int, core: str, closer: str) -> None:
    limit = sys.getrecursionlimit()
    assert_is_a_report("".join(openers) * depth + core + closer * depth * len(openers))
    assert sys.getrecursionlimit() == limit
