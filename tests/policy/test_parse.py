"""A script must be parsable within bounds, and have a `main` that returns a value."""

import ast
import gc
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from policy import Policy, Report, load_policy, walk
from policy.parse import MAX_AST_DEPTH, MAX_AST_NODES, MAX_SOURCE_BYTES

POLICY = load_policy()
NO_RULES = Policy(())

RETURN = "\n    return 1"


@pytest.mark.parametrize("policy", [POLICY, NO_RULES], ids=["shipped", "no rules"])
@pytest.mark.parametrize(
    "source",
    [
        "",
        "x = 1",
        "# main",
        "def Main(): return 1",
        "def f():\n    def main(): return 1",
        "class A:\n    def main(self): return 1",
        "class A:\n    main = 1",
        "def f():\n    main = 1",
        "main()",
        "main: int",
        "x.main = 1",
        "x['main'] = 1",
        "[main for main in 'a']",
        "import a.main",
        "f = lambda main: main",
    ],
)
def test_missing_main(policy: Policy, source: str) -> None:
    assert policy.check(source) == Report(
        "missing_main", "Script must define a 'main()' function", imports=policy.check(source).imports
    )


@pytest.mark.parametrize("policy", [POLICY, NO_RULES], ids=["shipped", "no rules"])
@pytest.mark.parametrize(
    "source",
    [
        f"def main():{RETURN}",
        f"async def main():{RETURN}",
        f"def main(a, *b, c=1, **d):{RETURN}",
        "def main(): return None",
        "def main():\n    yield 1",
        "def main():\n    x = yield",
        "def main():\n    yield from []",
        "async def main():\n    yield 1",
        "def main():\n    if 1:\n        for x in y:\n            with z:\n                return x",
        "def main():\n    try: pass\n    except E:\n        return 1",
        "def main():\n    match 1:\n        case _: return 1",
        "main = lambda: 1",
        "main = f",
        "main: object = f",
        "a, main = 1, f",
        "(main := f)",
        "import main",
        "import a.b as main",
        "from a import main",
        "from . import main",
        "class main: pass",
        "if 1:\n    def main(): return 1",
        "if 1: pass\nelse:\n    def main(): return 1",
        "try:\n    def main(): return 1\nfinally: pass",
        "try: pass\nexcept E:\n    def main(): return 1",
        "with a:\n    def main(): return 1",
        "with a as main: pass",
        "for x in y:\n    def main(): return 1",
        "for main in y: pass",
        "while 1:\n    def main(): return 1",
        "match 1:\n    case main: pass",
        "def f():\n    global main\n    def main(): return 1",
        "def main(): pass\ndef main(): return 1",
        "def main(): pass\nmain = f(main)",
    ],
)
def test_main_is_accepted(policy: Policy, source: str) -> None:
    report = policy.check(source)

    assert (report.code, report.error, report.line, report.column) == (None, "", None, None)


@pytest.mark.parametrize("policy", [POLICY, NO_RULES], ids=["shipped", "no rules"])
@pytest.mark.parametrize(
    ("source", "line", "column"),
    [
        ("def main(): pass", 1, 1),
        ("\n\nasync def main(): pass", 3, 1),
        ("def main():\n    return", 1, 1),
        ("def main():\n    def f(): return 1", 1, 1),
        ("def main():\n    def f(): yield", 1, 1),
        ("def main():\n    f = lambda: (yield)", 1, 1),
        ("def main():\n    class A:\n        def f(self): return 1", 1, 1),
        ("@f\ndef main(): pass", 2, 1),
        ("if 1:\n  def main(): pass", 2, 3),
        ("def main(x=(lambda: 1)): pass", 1, 1),
        ("def main(): pass\ndef main(): pass", 2, 1),
    ],
)
def test_missing_return(policy: Policy, source: str, line: int, column: int) -> None:
    assert policy.check(source) == Report(
        "missing_return", "The 'main()' function must return a value: no 'return' in it has one", line, column
    )


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("import socket\n)", "syntax_error"),
        ("import socket", "policy_violation"),
        ("import socket\ndef main(): pass", "policy_violation"),
    ],
)
def test_first_problem_that_applies_is_the_code(source: str, code: str) -> None:
    assert POLICY.check(source).code == code


def test_no_rules_deny_nothing() -> None:
    report = NO_RULES.check("import os, socket\nx = eval\ndef main(): return os.system")

    assert (report.code, report.violations, report.imports) == (None, (), frozenset({"os", "socket"}))


@pytest.mark.parametrize(
    ("source", "imports"),
    [
        ("import a, b.c as d", {"a", "b"}),
        ("from e.f import g\nfrom h import *", {"e", "h"}),
        ("from . import i\nfrom .j import k", set()),
        (
            "def f():\n    if 1:\n        try:\n            import l\n        except E:\n            from m import n",
            {"l", "m"},
        ),
    ],
)
def test_imports_are_found_anywhere(source: str, imports: set[str]) -> None:
    assert POLICY.check(source).imports == imports


@pytest.mark.parametrize(
    ("source", "error", "line", "column", "traceback"),
    [
        (
            "x = 1\ny = (1 +",
            "SyntaxError: '(' was never closed",
            2,
            5,
            "  File \"script.py\", line 2\n    y = (1 +\n        ^\nSyntaxError: '(' was never closed\n",
        ),
        (
            "if 1:\nx",
            "IndentationError: expected an indented block after 'if' statement on line 1",
            2,
            1,
            '  File "script.py", line 2\n    x\n    ^\n'
            "IndentationError: expected an indented block after 'if' statement on line 1\n",
        ),
        (
            "é = '💥' ü",
            "SyntaxError: invalid syntax",
            1,
            9,
            "  File \"script.py\", line 1\n    é = '💥' ü\n            ^\nSyntaxError: invalid syntax\n",
        ),
        (
            "x = f'é {a b}'",
            "SyntaxError: f-string: invalid syntax. Perhaps you forgot a comma?",
            1,
            10,
            "  File \"script.py\", line 1\n    x = f'é {a b}'\n             ^^^\n"
            "SyntaxError: f-string: invalid syntax. Perhaps you forgot a comma?\n",
        ),
    ],
)
def test_syntax_error_shows_the_place(source: str, error: str, line: int, column: int, traceback: str) -> None:
    assert POLICY.check(source) == Report("syntax_error", error, line, column, traceback)


@pytest.mark.parametrize(
    ("source", "error", "line", "column"),
    [
        ("x = 1\ny = '\0'", "Script contains a NUL character.", 2, 6),
        ("é\r\n'\ud800'", "Script contains the lone surrogate U+D800, which is not a character.", 2, 2),
        ("a" + "\u0323\u0307" * 101, "Script has more than 200 combining characters in a row.", 1, 2),
        (
            "\ufeff\ufeffx = 1",
            "SyntaxError: invalid non-printable character U+FEFF. U+FEFF is zero width no-break space: "
            "it cannot be seen; delete it.",
            1,
            1,
        ),
        (f"import a{'.a' * 101}", "Script has an import with more than 100 dots.", 1, 1),
        (f"\nfrom a{'.b' * 50}{chr(92)}\n{'.b' * 51} import c", "Script has an import with more than 100 dots.", 2, 1),
        (
            "#" * (MAX_SOURCE_BYTES + 1),
            f"Script is too large: {MAX_SOURCE_BYTES + 1} bytes, and at most {MAX_SOURCE_BYTES} are accepted.",
            None,
            None,
        ),
        (
            f"f'{'{a}' * 5001}'",
            "Script has f-strings and more than 5000 opening braces, too many to be parsed.",
            None,
            None,
        ),
        (
            "a;" * MAX_AST_NODES,
            f"Script is too large: {2 * MAX_AST_NODES} bytes, and at most {MAX_SOURCE_BYTES} are accepted.",
            None,
            None,
        ),
        ("-" * (MAX_AST_DEPTH + 1) + "1", "Script is nested too deeply.", 1, None),
        ("a" + ".b" * (MAX_AST_DEPTH + 1), "Script is nested too deeply.", 1, None),
        ("x = 1" + "+ 1" * 5000, "Script is nested too deeply to be parsed.", None, None),
        ("not " * 60000 + "1", "Script is nested too deeply to be parsed.", None, None),
    ],
    ids=lambda value: str(value)[:30],
)
def test_source_that_is_not_fit_to_be_parsed(source: str, error: str, line: int | None, column: int | None) -> None:
    report = NO_RULES.check(source)

    assert (report.code, report.error, report.line, report.column) == ("syntax_error", error, line, column)


def test_number_of_syntax_elements_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_AST_NODES < MAX_SOURCE_BYTES  # "a;a;a;" has as many elements as bytes, so a script can reach the limit
    monkeypatch.setattr(walk, "MAX_AST_NODES", 8)

    assert NO_RULES.check("a;a;a;").code == "missing_main"
    assert NO_RULES.check("a;a;a;a;").error == "Script is too large: it has 9 syntax elements, and at most 8 fit."


def test_large_but_honest_sources_are_accepted() -> None:
    data = "DATA = [" + "1," * 100_000 + "]\n"
    deep = "x = " + "1 + " * (MAX_AST_DEPTH - 10) + "1\n"
    branches = "if x: pass\n" + "elif x: pass\n" * (MAX_AST_DEPTH - 10)
    records = "ROWS = [" + "{'id': 1}," * 10_000 + "]\n"
    for source in (data, deep, branches, records):
        assert POLICY.check(f"{source}def main():{RETURN}").code is None


def test_size_limit_counts_bytes_and_is_an_argument() -> None:
    policy = Policy((), max_source_bytes=40)
    source = f"def main():{RETURN} # "

    assert policy.check(source + "x" * (40 - len(source))).code is None
    assert policy.check(source + "é" * (40 - len(source))).code == "syntax_error"


def test_rendering_of_a_long_line_is_bounded() -> None:
    report = NO_RULES.check("x = [" + "1," * 50_000 + " 1 1]")

    assert (report.line, report.column) == (1, 100_007)
    assert len(report.traceback) < 700
    shown, carets = report.traceback.splitlines()[1:3]
    assert shown[carets.index("^") :].startswith("1 1]")


def test_warnings_of_the_parser_reach_nobody(capfd: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("error")
        report = POLICY.check(f"x = '\\d'; y = 1if 1else 2; z = 1 is 1\ndef main():{RETURN}")

    assert (report.code, caught) == (None, [])
    assert capfd.readouterr() == ("", "")


def test_syntax_of_the_checker_does_not_leak_into_the_script() -> None:
    assert POLICY.check(f"# coding: no-such-codec\ndef main():{RETURN}").code is None


HOSTILE: list[Callable[[int], str]] = [
    lambda n: "(" * n,
    lambda n: "(" * n + ")" * n,
    lambda n: "[" * n + "1 1" + "]" * n,
    lambda n: "{1:" * n + "1" + "}" * n,
    lambda n: "f(" * n + ")" * n,
    lambda n: "-" * n + "1",
    lambda n: "not " * n + "1",
    lambda n: "lambda: " * n + "1",
    lambda n: "(lambda: " * n + "1" + ")" * n,
    lambda n: "lambda x=(" * n + "1" + "): 1" * n,
    lambda n: "1 if 1 else " * n + "1",
    lambda n: "1" + " + 1" * n,
    lambda n: "1" + " ** 1" * n,
    lambda n: "a" + ".b" * n,
    lambda n: "a" + "[0]" * n,
    lambda n: "a" + "()" * n,
    lambda n: "a" + "(1, 2)" * n,
    lambda n: "a = " * n + "1",
    lambda n: "(a := " * n + "1" + ")" * n,
    lambda n: "1" + " < 1" * n,
    lambda n: "1" + " and 1" * n,
    lambda n: "@a\n" * n + "def f(): pass",
    lambda n: "if 1: pass\n" + "elif 1: pass\n" * n,
    lambda n: "".join(" " * level + "if 1:\n" for level in range(min(n, 300))) + " " * 300 + "pass",
    lambda n: "".join(" " * level + "class A:\n" for level in range(min(n, 99))) + " " * 99 + "pass",
    lambda n: "f'{" * n + "1" + "}'" * n,
    lambda n: "f'{(" + "(" * n + ")" * n + ")}'",
    lambda n: "f'{a:" + "{b:" * n + "}" * n + "}'",
    lambda n: "'a' " * n,
    lambda n: "[a " + "for a in b " * n + "]",
    lambda n: "match 1:\n case " + "[" * n + "1" + "]" * n + ": pass",
    lambda n: "match 1:\n case " + "A(" * n + "1" + ")" * n + ": pass",
    lambda n: "match 1:\n case 1" + " | 1" * n + ": pass",
    lambda n: "import a" + ".a" * n,
    lambda n: "from " + "." * n + " import a",
    lambda n: "del " + "(" * n + "a" + ")" * n,
    lambda n: "with " + "(" * n + "a" + ")" * n + ": pass",
    lambda n: "x = " + "9" * n,
    lambda n: "\\\n" * n,
    lambda n: "'" + "{0.a:" * n + "}" * n + "'.format(1)",
    lambda n: "getattr(" * n + "os" + ", 'a')" * n,
]


def let_others_run(phase: str, info: dict[str, int]) -> None:
    time.sleep(0)


@pytest.mark.slow
def test_hostile_sources_in_many_threads_at_once(request: pytest.FixtureRequest) -> None:
    sources = [shape(size)[:MAX_SOURCE_BYTES] for shape in HOSTILE for size in (99, 190, 1400, 9000)]
    # The depth at which Python gives up depends on the caller's, so the code is compared and not the sentence.
    expected = [POLICY.check(source).code for source in sources]
    outcomes: list[list[str | None]] = []

    # Here the garbage collector runs Python code in the middle of the parser, where threads can take turns.
    gc.callbacks.append(let_others_run)
    request.addfinalizer(lambda: gc.callbacks.remove(let_others_run))

    def check_all(offset: int) -> None:
        outcomes.append([POLICY.check(source).code for source in sources[offset::4]])

    threads = [threading.Thread(target=check_all, args=(number % 4,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes, key=str) == sorted((expected[offset % 4 :: 4] for offset in range(8)), key=str)
    assert set(expected) == {"syntax_error", "missing_main"}


def test_accepted_depth_is_what_python_itself_compiles() -> None:
    """A script that the checker accepts must not fail in the jail for its depth alone."""
    for source in ("-" * (MAX_AST_DEPTH - 5) + "1", "x" + ".y" * (MAX_AST_DEPTH - 5), "1" + "+1" * (MAX_AST_DEPTH - 5)):
        assert NO_RULES.check(source).code == "missing_main"
        assert compile(source, "script.py", "exec")
        assert ast.parse(source)


def test_package_is_this_repository_s() -> None:
    assert Path(load_policy.__code__.co_filename).parents[1] == Path(__file__).parents[2]
