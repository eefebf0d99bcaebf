"""Each script runs in a process of its own, under the scripts' interpreter, as it does in the jail."""

import json
import resource
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent
from types import MappingProxyType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv-sandbox" / "bin" / "python"
SITE_PACKAGES = ROOT / ".venv-sandbox" / "lib" / "python3.11" / "site-packages"
MB = 2**20
LIMIT_BYTES = MB

# Sets up and ends as the jail does: whatever the script left running is not waited for.
DRIVER = """
import os, sys
sys.path.insert(0, sys.argv[1])
from jail import isolate, surroundings
from jail.script import make_reserve, run_script
del sys.path[0]
source, args, limits = eval(sys.stdin.buffer.read())
result = int(sys.argv[3])
surroundings.settle_zygote(sys.argv[2])
isolate.open_standard_streams()
surroundings.settle_folder(os.getcwd())
envelope = run_script(source, args, limits, make_reserve())
while envelope:
    envelope = envelope[os.write(result, envelope):]
os._exit(0)
"""


def run_process(
    source: str,
    args_json: str = "{}",
    limit_bytes: int = LIMIT_BYTES,
    memory_bytes: int = resource.RLIM_INFINITY,
    files: Mapping[str, str] = MappingProxyType({}),
) -> tuple[bytes, subprocess.CompletedProcess[bytes]]:
    """Run a script in an empty folder, or one with these files; return the envelope, and what it printed."""
    limits = {
        "memory_bytes": memory_bytes,
        "result_bytes": limit_bytes,
        "scratch_bytes": 3 * MB,
        "open_files": 20,
        "threads": 7,
    }
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as channel:
        for name, text in files.items():
            Path(folder, name).write_text(text)
        done = subprocess.run(
            [PYTHON, "-I", "-S", "-B", "-c", DRIVER, ROOT / "sandbox", SITE_PACKAGES, str(channel.fileno())],
            input=repr((dedent(source).lstrip("\n"), args_json, limits)).encode(),
            capture_output=True,
            check=True,
            timeout=30,
            cwd=folder,
            pass_fds=[channel.fileno()],
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes)),
        )
        channel.seek(0)
        return channel.read(), done


def run(source: str, args_json: str = "{}", **more: Any) -> dict[str, Any]:
    envelope: dict[str, Any] = json.loads(run_process(source, args_json, **more)[0])
    return envelope


RESULTS = {
    "a value": ("def main(): return {'a': (1, float('nan'))}", {"a": [1, None]}),
    "nothing": ("def main(): pass", None),
    "a coroutine": ("import asyncio\nasync def main():\n await asyncio.sleep(0)\n return 1", 1),
    "a generator": ("def main():\n yield 1\n yield 2", [1, 2]),
    "an async generator": ("async def main():\n yield 1\n yield 2", [1, 2]),
    "a task": (
        "import asyncio\nasync def f(): return [1]\nasync def main(): return asyncio.create_task(f())",
        [1],
    ),
    "what is gathered": (
        "import asyncio\nasync def f(): return 1\nasync def main(): return asyncio.gather(f(), f())",
        [1, 1],
    ),
    "an async generator of a coroutine": ("async def f():\n yield 1\nasync def main(): return f()", [1]),
    "an async generator in one task": (
        """
        import asyncio
        async def main():
            async with asyncio.TaskGroup() as group, asyncio.timeout(5):
                for number in range(2):
                    yield await group.create_task(asyncio.sleep(0, number))
        """,
        [0, 1],
    ),
    "what a generator yields is written when it comes": (
        "def main():\n row = []\n for number in range(2):\n  row.append(number)\n  yield row",
        [[0], [0, 1]],
    ),
    "a class as main": ("class main(dict): pass", {}),
    "an awaitable": ("class main:\n def __await__(self):\n  yield from ()\n  return 3", 3),
    "its name": ("def main(): return [__name__, main.__module__]", ["script", "script"]),
    "its file": (
        "import os\ndef main(): return [__file__ == os.path.abspath('script.py'), len(open(__file__).read())]",
        [True, 99],
    ),
    "its file, found from elsewhere": (
        "import os\ndef main():\n os.chdir('/')\n return os.path.basename(__file__), os.path.exists(__file__)",
        ["script.py", True],
    ),
    "itself as __main__": (
        "import __main__ as m, sys\nX = 5\ndef main(): return [m.X, m.__name__, m is sys.modules['script']]",
        [5, "script", True],
    ),
    "a guarded main that does not run": ("def main(): return 1\nif __name__ == '__main__': raise OSError", 1),
    "no arguments": ("import sys\ndef main(): return [sys.argv, sys.orig_argv[1:]]", [["script.py"], ["script.py"]]),
    "argparse": ("import argparse\ndef main(): return vars(argparse.ArgumentParser().parse_args())", {}),
    "doctest": (
        "import doctest\ndef f(x):\n '''\n >>> f(3)\n 10\n '''\n return 9\ndef main(): return list(doctest.testmod())",
        [1, 1],
    ),
    "unittest": (
        """
        import unittest
        class T(unittest.TestCase):
            def test_a(self): self.assertEqual(1, 2)
        def main(): return len(unittest.main(exit=False, argv=["x"]).result.failures)
        """,
        1,
    ),
    "a module that it wrote": (
        """
        def main():
            for number in range(50):
                open(f"helper{number}.py", "w").write("def f(): return __name__")
                assert __import__(f"helper{number}").f() == f"helper{number}"
            return number
        """,
        49,
    ),
    "a byte order mark": ("\ufeffdef main(): return 1", 1),
    "what site gives": (
        "def main(): return [repr(exit)[:10], repr(quit)[:10], repr(help)[:9], repr(license)[:9], repr(credits)[:9]]",
        ["Use exit()", "Use quit()", "Type help", "See https", "Thanks to"],
    ),
    "the callers of main": (
        """
        import inspect, sys, traceback
        def main():
            caller = sys._getframe(1)
            return [caller.f_code.co_name, caller.f_code.co_filename, caller.f_lineno, caller.f_globals is globals()]
        """,
        ["<module>", "script.py", 2, True],
    ),
    "itself in sys.modules": ("import sys\ndef main(): return sys.modules['script'].main is main", True),
    "pickle": (
        "import pickle\nclass A:\n x = 1\ndef main(): return pickle.loads(pickle.dumps(A())).x",
        1,
    ),
    "a dataclass with postponed annotations": (
        """
        from __future__ import annotations
        from dataclasses import KW_ONLY, dataclass
        @dataclass
        class A:
            x: int
            _: KW_ONLY
            y: str = "y"
        def main(): return A(1)
        """,
        {"x": 1, "y": "y"},
    ),
    "its source by inspect": (
        "import inspect\ndef main(): return inspect.getsource(main)",
        "def main(): return inspect.getsource(main)\n",
    ),
    "no future import of ours": ("def main(x: int = 0): return str(main.__annotations__['x'])", "<class 'int'>"),
    "warnings do not end it": ("def main(): return 1 is 1", True),
    "closed and replaced streams": (
        "import sys\ndef main():\n sys.stdout = sys.stderr = None\n sys.stdin.close()\n return 1",
        1,
    ),
    "exit in a thread": (
        "import sys, threading\ndef main():\n t = threading.Thread(target=sys.exit)\n t.start()\n t.join()\n return 1",
        1,
    ),
    "a thread that still runs": (
        "import threading, time\ndef main():\n threading.Thread(target=time.sleep, args=[600]).start()\n return 1",
        1,
    ),
    "an executor's thread that still runs": (
        """
        import asyncio, time
        async def main():
            asyncio.get_running_loop().run_in_executor(None, time.sleep, 600)
            return 1
        """,
        1,
    ),
    "tasks that still run are cancelled": (
        """
        import asyncio
        seen = []
        async def wait():
            try:
                await asyncio.sleep(600)
            finally:
                seen.append("cancelled")
        async def main():
            task = asyncio.create_task(wait())
            await asyncio.sleep(0)
            return seen
        """,
        ["cancelled"],
    ),
}


@pytest.mark.parametrize("name", RESULTS)
def test_returns(name: str) -> None:
    source, result = RESULTS[name]
    assert run(source) == {"end": "returned", "result": result}


def test_passes_args_as_keyword_arguments() -> None:
    args_json = '{"n": 1%s7, "s": "é", "f": [1.5, null]}' % ("0" * 5000)
    assert run("def main(s, n, f=0): return [s, n % 10, f]", args_json)["result"] == ["é", 7, [1.5, None]]


def test_long_ints_leave_pythons_own_limit_as_it_was() -> None:
    source = "import sys\ndef main(n): return sys.get_int_max_str_digits()"
    assert run(source, '{"n": 1%s}' % ("0" * 5000))["result"] == 4300


def test_warnings_of_the_compiler_are_the_scripts_own() -> None:
    source = "import warnings\ndef main():\n  warnings.warn('of the caller', stacklevel=2)\n  return 1 is 1"
    _, done = run_process(source)
    compiled = 'script.py:4: SyntaxWarning: "is" with a literal. Did you mean "=="?\n  return 1 is 1\n'
    assert done.stderr.decode() == f"{compiled}script.py:2: UserWarning: of the caller\n  def main():\n"


def test_deprecation_warnings_are_shown_as_for_a_main_module() -> None:
    _, done = run_process("import warnings\ndef main():\n  warnings.warn('old', DeprecationWarning)")
    assert done.stderr == b"script.py:3: DeprecationWarning: old\n  warnings.warn('old', DeprecationWarning)\n"


OTHER_ENDS = {
    "no main": ("x = 1", "missing_main", "Script must define a 'main()' function"),
    "main that cannot be called": ("main = 1", "missing_main", "Script must define a 'main()' function"),
    "main taken away": ("def main(): pass\ndel main", "missing_main", "Script must define a 'main()' function"),
    "an object": ("def main(): return {'a': object()}", "result_not_serializable", "result['a'] is an object, which"),
    "a class that will not say its name": (
        "class A(type):\n @property\n def __name__(self): raise OSError('no name')\nclass B(metaclass=A): pass\n"
        "def main(): return B()",
        "result_not_serializable",
        "result is a B, which",
    ),
    "an evil property": (
        "import datetime\nclass A(datetime.date):\n def isoformat(self): raise ValueError('boo')\n"
        "def main(): return [A(2024, 1, 2)]",
        "result_not_serializable",
        "result[0] cannot be read: ValueError: boo",
    ),
    "too much": ("def main(): return 'x' * 10**7", "result_too_large", "The result is larger than the 1 MB limit."),
    "exit": ("import sys\ndef main(): sys.exit()", "script_exited", "The script called exit with status 0"),
    "exit with a status": ("raise SystemExit(3)", "script_exited", "The script called exit with status 3"),
    "exit with a huge status": (
        "raise SystemExit(-1 - 10**5000)",
        "script_exited",
        "The script called exit with status 255",
    ),
    "exit with a message": (
        "import sys\nasync def main(): sys.exit('bye')",
        "script_exited",
        "The script called exit with status 1: bye",
    ),
    "exit with an evil message": (
        "class A:\n def __str__(self): raise KeyboardInterrupt\nraise SystemExit(A())",
        "script_exited",
        "The script called exit with status 1: <exception str() failed>",
    ),
}


@pytest.mark.parametrize("name", OTHER_ENDS)
def test_ends(name: str) -> None:
    source, end, error = OTHER_ENDS[name]
    envelope = run(source)
    assert envelope["end"] == end
    assert envelope["error"].startswith(error)
    assert envelope.keys() == ({"end", "error", "line"} if end == "script_exited" else {"end", "error"})


ENDLESS = {
    "a generator": "def main():\n while True: yield 1",
    "a generator of large texts": "def main():\n while True: yield 'x' * 10**5",
    "an async generator": "async def main():\n while True: yield 1",
    "an async generator of large texts": "async def main():\n while True: yield 'x' * 10**5",
    "one inside the result": "import itertools\ndef main(): return {'ids': [itertools.count()]}",
    "one that a coroutine returns": "import itertools\nasync def main(): return itertools.count()",
}


@pytest.mark.parametrize("name", ENDLESS)
def test_what_has_no_end_takes_little_memory(name: str) -> None:
    envelope = run(ENDLESS[name], memory_bytes=48 * 2**20)
    assert envelope.keys() == {"end", "error"}
    assert envelope["end"] == "result_too_large"
    sentence, _, hint = envelope["error"].partition(" It is what an iterator yields, perhaps without end.")
    assert sentence == "The result is larger than the 1 MB limit."
    assert ("48 MB of memory" in hint) == ("generator" in name)


ERRORS = {
    "in main": (
        """
        def main():
            return helper(0)

        def helper(n):
            return 1 / n + 2
        """,
        "ZeroDivisionError: division by zero",
        5,
        """
        Traceback (most recent call last):
          File "script.py", line 2, in main
            return helper(0)
                   ^^^^^^^^^
          File "script.py", line 5, in helper
            return 1 / n + 2
                   ~~^~~
        ZeroDivisionError: division by zero
        """,
    ),
    "while it is executed": (
        "x = 1\nmissing + x",
        "NameError: name 'missing' is not defined",
        2,
        """
        Traceback (most recent call last):
          File "script.py", line 2, in <module>
            missing + x
            ^^^^^^^
        NameError: name 'missing' is not defined
        """,
    ),
    "in a library": (
        "import json\ndef main(): json.loads('{')",
        "json.decoder.JSONDecodeError: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
        2,
        """
        Traceback (most recent call last):
          File "script.py", line 2, in main
            def main(): json.loads('{')
                        ^^^^^^^^^^^^^^^
        json.decoder.JSONDecodeError: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)
        """,
    ),
    "called back by a library": (
        """
        import functools
        class Odd(Exception): pass
        def add(a, b):
            raise Odd
        async def main():
            return functools.reduce(add, [1, 2])
        """,
        "Odd",
        4,
        """
        Traceback (most recent call last):
          File "script.py", line 6, in main
            return functools.reduce(add, [1, 2])
                   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
          File "script.py", line 4, in add
            raise Odd
        Odd
        """,
    ),
    "a cause in a library": (
        """
        import json
        def main():
            try:
                json.loads("")
            except ValueError as error:
                raise KeyError("a") from error
        """,
        "KeyError: 'a'",
        6,
        """
        Traceback (most recent call last):
          File "script.py", line 4, in main
            json.loads("")
        json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0)

        The above exception was the direct cause of the following exception:

        Traceback (most recent call last):
          File "script.py", line 6, in main
            raise KeyError("a") from error
        KeyError: 'a'
        """,
    ),
    "a group out of tasks": (
        """
        import asyncio
        async def fail():
            raise ValueError("boom")
        async def main():
            async with asyncio.TaskGroup() as group:
                group.create_task(fail())
        """,
        "ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception)",
        5,
        """
          + Exception Group Traceback (most recent call last):
          |   File "script.py", line 5, in main
          |     async with asyncio.TaskGroup() as group:
          | ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception)
          +-+---------------- 1 ----------------
            | Traceback (most recent call last):
            |   File "script.py", line 3, in fail
            |     raise ValueError("boom")
            | ValueError: boom
            +------------------------------------
        """,
    ),
    "recursion": (
        "def main(n=0):\n return main(n + 1)",
        "RecursionError: maximum recursion depth exceeded",
        2,
        None,
    ),
    "lines that only str.splitlines ends": (
        "x = '\u2028\x0c'\ndef main(): raise OSError",
        "OSError",
        2,
        """
        Traceback (most recent call last):
          File "script.py", line 2, in main
            def main(): raise OSError
                        ^^^^^^^^^^^^^
        OSError
        """,
    ),
    "wrong args": (
        "def main(n): pass",
        "TypeError: main() missing 1 required positional argument: 'n' (main() gets the request's 'args'",
        None,
        "TypeError: main() missing 1 required positional argument: 'n'",
    ),
    "keyboard interrupt": ("def main(): raise KeyboardInterrupt", "KeyboardInterrupt", 1, None),
    "cancelled": (
        "import asyncio\nasync def main(): raise asyncio.CancelledError",
        "asyncio.exceptions.CancelledError",
        2,
        None,
    ),
    "generator exit": ("def main(): raise GeneratorExit", "GeneratorExit", 1, None),
    "evil str": (
        "class A(Exception):\n def __str__(self): raise SystemExit(0)\ndef main(): raise A",
        "A: <exception str() failed>",
        3,
        """
        Traceback (most recent call last):
          File "script.py", line 3, in main
            def main(): raise A
                        ^^^^^^^
        A: <exception str() failed>
        """,
    ),
    "a str with a will of its own": (
        "class S(str):\n def __len__(self): raise OSError\nclass A(Exception):\n def __str__(self): return S('truth')\n"
        "def main(): raise A",
        "A: truth",
        5,
        None,
    ),
    "notes that cannot be read": (
        "class A(Exception):\n @property\n def __notes__(self): raise SystemExit\ndef main(): raise A('x')",
        "A: x",
        4,
        "<the traceback cannot be shown: SystemExit>",
    ),
    "modules taken away": (
        "import sys\ndef main():\n sys.modules.clear()\n raise OSError('x')",
        "OSError: x",
        4,
        None,
    ),
    "a result that breaks while it is read": (
        """
        def main():
            return {"numbers": map(half, [2, "3"])}

        def half(number):
            return number / 2
        """,
        "TypeError: unsupported operand type(s) for /: 'str' and 'int'",
        5,
        """
        Traceback (most recent call last):
          File "script.py", line 5, in half
            return number / 2
                   ~~~~~~~^~~
        TypeError: unsupported operand type(s) for /: 'str' and 'int'
        """,
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_raises(name: str) -> None:
    source, error, line, traceback = ERRORS[name]
    envelope = run(source)
    assert envelope["end"] == "script_error"
    assert envelope["error"].startswith(error)
    assert envelope["line"] == line
    if traceback is not None:
        assert dedent(envelope["traceback"]).strip() == dedent(traceback).strip()
    assert "jail" not in envelope["traceback"]


NO_PYTHON = {
    "what the parser finds": (
        "def main():\n  return 1 +",
        ("SyntaxError: invalid syntax", 2, 13),
        '  File "script.py", line 2\n    return 1 +\n              ^\nSyntaxError: invalid syntax\n',
    ),
    "what the compiler finds": (
        "def main(a, ä, ä): pass",
        ("SyntaxError: duplicate argument 'ä' in function definition", 1, 16),
        '  File "script.py", line 1\n    def main(a, ä, ä): pass\n                   ^\n'
        "SyntaxError: duplicate argument 'ä' in function definition\n",
    ),
    "a column in characters": (
        "def main():\n 'äöü'; return\n'äöü'; return 1",
        ("SyntaxError: 'return' outside function", 3, 8),
        "  File \"script.py\", line 3\n    'äöü'; return 1\n           ^^^^^^^^\n"
        "SyntaxError: 'return' outside function\n",
    ),
    "nonlocal": ("def main():\n nonlocal x", ("SyntaxError: no binding for nonlocal 'x' found", 2, 2), None),
    "await": ("import a\ndef main():\n await a.b()", ("SyntaxError: 'await' outside async function", 3, 2), None),
    "a late future": (
        "import os\nfrom __future__ import annotations",
        ("SyntaxError: from __future__ imports must occur at the beginning of the file", 2, 1),
        None,
    ),
    "a star": ("def f():\n from math import *", ("SyntaxError: import * only allowed at module level", 2, 19), None),
    "break": ("if 1:\n  break", ("SyntaxError: 'break' outside loop", 2, 3), None),
    "behind a byte order mark": ("\ufeffreturn", ("SyntaxError: 'return' outside function", 1, 1), None),
    "a long line": (
        "x = '" + "ä" * 10**5 + "'; return 1",
        ("SyntaxError: 'return' outside function", 1, 10**5 + 9),
        None,
    ),
    "a null byte": (
        "x = '\0'",
        ("Script is no Python: source code string cannot contain null bytes.", None, None),
        None,
    ),
    "too many brackets": ("x = " + "(" * 500, ("SyntaxError: too many nested parentheses", 1, 205), None),
    "too deep": (
        "x = " + "1 + " * 9000 + "1",
        ("Script is nested too deeply to be compiled.", None, None),
        None,
    ),
}


@pytest.mark.parametrize("name", NO_PYTHON)
def test_is_no_python(name: str) -> None:
    source, expected, traceback = NO_PYTHON[name]
    envelope = run(source)
    assert envelope["end"] == "syntax_error"
    assert (envelope["error"], envelope.get("line"), envelope.get("column")) == expected
    assert len(envelope.get("traceback", "")) < 1000
    if traceback is not None:
        assert envelope["traceback"] == traceback


def test_deep_recursion_is_short() -> None:
    traceback = run("def main(): return main()")["traceback"]
    assert "[Previous line repeated" in traceback
    assert len(traceback.splitlines()) < 15


@pytest.mark.parametrize("message_characters", [2**13, 2**25])
def test_long_texts_lose_their_middle(message_characters: int) -> None:
    envelope = run(f"def main(): raise ValueError('a' + 'b' * {message_characters} + 'c')")
    assert len(envelope["error"]) <= 8 * 2**10
    assert envelope["error"].startswith("ValueError: ab")
    assert " characters left out …" in envelope["error"]
    assert envelope["error"].endswith("bc")
    assert len(envelope["traceback"]) <= 32 * 2**10


MEMORY_HOGS = {
    "at once": ("def main():\n return bytearray(2**34)", 2),
    "bit by bit": ("def main():\n x = []\n while True: x.append(bytearray(10**5))", 3),
    "while it is executed": ("x = 'x' * 2**34\ndef main(): pass", 1),
    "in numpy": ("import numpy\ndef main():\n numpy.ones(2**34)", 3),
    # So little memory is left that Python cannot even record the line.
    "in small pieces that outlive main": ("x = []\ndef main():\n while True: x.append([])", None),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", MEMORY_HOGS)
def test_out_of_memory(name: str) -> None:
    source, line = MEMORY_HOGS[name]
    envelope = run(source, memory_bytes=400 * 2**20)
    assert envelope["end"] == "memory_limit"
    assert envelope["error"].startswith("The script ran out of memory")
    assert envelope["line"] == line
    assert "MemoryError" in envelope["traceback"]
    if line:
        assert f'File "script.py", line {line}, in ' in envelope["traceback"]


SEEDED = """
import random, tempfile, sys
import numpy
sys.path.insert(0, {sandbox!r})
from jail.script import seed_random
def draw():
    return [random.random(), numpy.random.random(), next(tempfile._get_candidate_names())]
def draw_in_fork(entropy):
    random.setstate(state)
    numpy.random.set_state(numpy_state)
    tempfile._name_sequence.rng.setstate(tempfile_state)
    if entropy != "unseeded":
        seed_random(entropy)
    return draw()
draw()
state, numpy_state, tempfile_state = random.getstate(), numpy.random.get_state(), tempfile._name_sequence.rng.getstate()
def main():
    entropies = ["unseeded", "unseeded", None, None, b"1" * 32, b"1" * 32, b"2" * 32]
    draws = []
    for entropy in entropies:
        draws.append(draw_in_fork(entropy))
        tempfile._get_candidate_names()
    return draws
"""


def test_seed_random_leaves_nothing_of_the_inherited_state() -> None:
    same, also_same, *fresh, seeded, also_seeded, other = run(SEEDED.format(sandbox=str(ROOT / "sandbox")))["result"]
    assert same == also_same
    for position in range(3):
        assert len({draw[position] for draw in (same, *fresh, seeded, other)}) == 5
    assert seeded[:2] == also_seeded[:2]


def test_a_plain_script_loads_nothing_heavy() -> None:
    loaded = run("import sys\ndef main(): return sorted(sys.modules)")["result"]
    assert not {"json", "re", "linecache", "traceback", "asyncio", "inspect", "typing"} & set(loaded)
