# ruff: noqa: RUF001 (characters that look like others are what some rows are about)
"""Scripts that are not Python 3.11: the answer has a hint beside Python's own message, and the right place."""

import pytest

from policy import load_policy
from tests.policy.test_honest import ANALYSIS, CLASSES, CONCURRENT, DATABASE, INTERPRETER

POLICY = load_policy()
MAIN = "\ndef main():\n    return 1\n"

ROWS = [
    ("```python\ndef main(): return 1\n```", "Markdown: send only the code between the fences", 1),
    ("~~~\ndef main(): return 1\n~~~", "Markdown", 1),
    ("x = 1\n```", "Markdown", 2),
    ("Here is the code:\n\n```python\nx = 1\n```", "Markdown", 1),
    ("%matplotlib inline", "IPython magic", 1),
    ("%%time\nx = 1", "IPython magic", 1),
    ("def f():\n  %time g()", "IPython magic", 2),
    ("x = %timeit f()", "IPython magic", 1),
    ("!pip install x", "no shell here: what can be imported is installed already", 1),
    ("files = !ls -l", "no shell", 1),
    ("pip install numpy", "no shell", 1),
    ("$ python3 script.py", "no shell", 1),
    ("?help", "IPython's help", 1),
    ("df.head?", "IPython's help", 1),
    ("df??", "IPython's help", 1),
    (">>> x = 1\n>>> x", "at a prompt", 1),
    ("x = 1\n... y = 2", "at a prompt", 2),
    ('print "x"', "Did you mean print(...)?", 1),
    ("raise ValueError, 'x'", "Python 2", 1),
    ("type X = int", "syntax of Python 3.12; scripts run in Python 3.11", 1),
    ("type Pair[T] = tuple[T, T]", "syntax of Python 3.12", 1),
    ("def f[T](x: T) -> T: return x", "syntax of Python 3.12", 1),
    ("async def f[T](x): return x", "syntax of Python 3.12", 1),
    ("class A[T]: pass", "syntax of Python 3.12", 1),
    ('x = f"{a["b"]}"', "syntax of Python 3.12", 1),
    ("x = f'{a} {b['c']}'", "syntax of Python 3.12", 1),
    ("x = f'{\"\\n\".join(a)}'", "syntax of Python 3.12", 1),
    ("x = t'{a}'", "syntax of Python 3.14", 1),
    ("f(1, rt'{a}')", "syntax of Python 3.14", 1),
    ("try: pass\nexcept A, B: pass", "syntax of Python 3.14", 2),
    ("lazy import json", "syntax of Python 3.15", 1),
    ("x =\u00a01", "U+00A0 is no-break space: use an ordinary space", 1),
    ("x = 1\u200b", "U+200B is zero width space: it cannot be seen; delete it", 1),
    ("x = “a”", 'U+201C is left double quotation mark: use ".', 1),
    ("x = ‘a’", "U+2018 is left single quotation mark: use '.", 1),
    ("x = 1 − 2", "U+2212 is minus sign: use -.", 1),
    ("print（1）", "U+FF08 is fullwidth left parenthesis: use (.", 1),
    ("x = 5 €", "U+20AC is euro sign", 1),
]


@pytest.mark.parametrize(("source", "sentence", "line"), ROWS, ids=[source for source, _, _ in ROWS])
def test_answer_says_what_the_script_was_taken_for(source: str, sentence: str, line: int) -> None:
    report = POLICY.check(source + MAIN)

    assert (report.code, report.line) == ("syntax_error", line)
    assert report.column is not None
    # Python's own message stands before the hint, and the rendering has no hint.
    assert report.error.startswith("SyntaxError: ")
    assert sentence in report.error
    assert report.error.startswith(report.traceback.rstrip("\n").rpartition("\n")[2])


@pytest.mark.parametrize(
    "source",
    [
        "x = (1\n% 2 y",
        "x = 3 %d y",
        "x = 1 ! 2",
        "if x ! = 3: pass",
        "x = a ? b : c",
        "x = f'{a'",
        'f"{x" y',
        "x = 'a",
        "def f(x: pass",
        "class A(B: pass",
        "<html></html>",
        "x = 1 y = '```'",
        "'''\n```\n'''\nx = 1 1",
        "type = 1 1",
        "t = '' ''.x y",
        "except_A, B: 1 1",
    ],
)
def test_other_errors_get_python_s_message_alone(source: str) -> None:
    report = POLICY.check(source + MAIN)

    assert report.code == "syntax_error"
    assert report.error == report.traceback.rstrip("\n").rpartition("\n")[2]


@pytest.mark.parametrize(
    "source",
    [
        "x = '%matplotlib inline !pip ?help >>> ```'",
        "'''\n```python\n%time\n!ls\n>>> x\n```\n'''",
        "x = 7\nx %x\nx %\\\nx",
        "t = 'a'\nf = 1\ntype = 2\ntype, lazy = 1, 2",
        "# “quotes” – and ```",
        '{"a": "b"}',
        "[1, 2]",
    ],
)
def test_what_is_python_gets_no_hint(source: str) -> None:
    assert POLICY.check(source + MAIN).code is None


@pytest.mark.parametrize("source", ["", "# nothing", '{"a": true}', "'just text'"])
def test_what_holds_no_code_has_no_main(source: str) -> None:
    assert POLICY.check(source).code == "missing_main"


def test_byte_order_mark_is_skipped_and_counted_nowhere() -> None:
    assert POLICY.check("\ufeff" + ANALYSIS).code is None
    report = POLICY.check("\ufeffimport socket")
    assert (report.line, report.column) == (1, 8)
    report = POLICY.check("\ufeffx = = 1")
    assert (report.line, report.column) == (1, 5)
    assert "\ufeff" not in report.traceback


COMPILED = [
    ("return 1", "'return' outside function", 1, 1),
    ("x = 1\nyield x", "'yield' outside function", 2, 1),
    ("def main():\n    await x\n    return 1", "'await' outside async function", 2, 5),
    ("await x", "'await' outside function", 1, 1),
    ("def f(a, a): pass", "duplicate argument 'a' in function definition", 1, 10),
    ("nonlocal x", "nonlocal declaration not allowed at module level", 1, 1),
    ("def f():\n    nonlocal x", "no binding for nonlocal 'x' found", 2, 5),
    ("def f():\n    x = 1\n    global x", "name 'x' is assigned to before global declaration", 3, 5),
    ("import os\nfrom __future__ import annotations", "from __future__ imports must occur at the beginning", 2, 1),
    ("from __future__ import braces", "not a chance", 1, 1),
    ("def f():\n    from math import *", "import * only allowed at module level", 2, 22),
    ("async def f():\n    yield 1\n    return 2", "'return' with value in async generator", 3, 5),
    ("break", "'break' outside loop", 1, 1),
    ("continue", "'continue' not properly in loop", 1, 1),
    ("__debug__ = 1", "cannot assign to __debug__", 1, 1),
    ("é = '💥'; return", "'return' outside function", 1, 10),
    ("def f(): [(yield) for x in y]", "'yield' inside list comprehension", 1, 12),
]


@pytest.mark.parametrize(("source", "message", "line", "column"), COMPILED, ids=[row[0] for row in COMPILED])
@pytest.mark.parametrize("refused_for", ["\nimport socket\n", "\n"], ids=["policy_violation", "missing_main"])
def test_what_the_compiler_finds_comes_before_any_refusal(
    source: str, message: str, line: int, column: int, refused_for: str
) -> None:
    report = POLICY.check(source.replace("main", "f") + refused_for)

    assert report.code == "syntax_error"
    assert report.error.startswith(f"SyntaxError: {message}")
    assert (report.line, report.column) == (line, column)
    shown, carets = report.traceback.splitlines()[1:3]
    assert shown.strip() == source.replace("main", "f").split("\n")[line - 1].strip()
    assert carets.strip().strip("^") == ""
    assert report.violations == ()


def test_what_is_accepted_is_left_to_be_compiled_where_it_runs() -> None:
    assert POLICY.check("def main():\n    await x\n    return 1").code is None


def test_long_name_in_a_compiler_s_message_is_cut() -> None:
    report = POLICY.check(f"def f({'a' * 50_000}, {'a' * 50_000}): pass")

    assert report.error.startswith("SyntaxError: duplicate argument 'aaa")
    assert report.error.endswith("' in function definition")
    assert len(report.error) < 600
    assert len(report.traceback) < 1500


@pytest.mark.parametrize("script", [ANALYSIS, CLASSES, CONCURRENT, DATABASE, INTERPRETER])
def test_ordinary_script_is_small_enough_to_be_compiled(script: str) -> None:
    report = POLICY.check(f"{script}\nimport socket\nreturn\n")

    assert (report.code, report.error) == ("syntax_error", "SyntaxError: 'return' outside function")
