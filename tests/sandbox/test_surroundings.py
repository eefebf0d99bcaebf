"""What a script finds around it, at every level: much the same as under `python script.py`."""

from pathlib import Path

import pytest

from tests.attacking import LIMITS
from tests.conftest import Serve, Server
from tests.sandbox.conftest import LEVELS, start_at_level
from tests.sandbox.test_script import run, run_process

PRINTS = {
    "the very streams": """
        import sys
        def main():
            sys.__stdout__.write("a")
            sys.stdout = None
            sys.__stdout__.write("b")
    """,
    "after reconfigure": """
        import sys
        sys.stdout.reconfigure(encoding="utf-8", line_buffering=True)
        def main(): print("ab", end="")
    """,
    "in order": """
        import os, sys
        def main():
            print("a", end="")
            os.write(1, b"b")
            sys.stdout.buffer.write(b"c")
            print("d", end="", flush=True)
    """,
    "a wrapper that buffers": """
        import io, sys
        sys.stdout = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8")
        def main(): print("ü" * 3)
    """,
    "a wrapper of what is detached": """
        import io, sys
        sys.stdout = io.TextIOWrapper(sys.stdout.detach(), encoding="utf-8", errors="replace")
        def main(): print("ü" * 3)
    """,
    "a writer of codecs": """
        import codecs, sys
        sys.stdout = codecs.getwriter("utf-8")(sys.stdout.buffer)
        def main(): print("ü" * 3)
    """,
    "a buffer that nobody flushes": """
        import io, sys
        out = io.BufferedWriter(io.FileIO(1, "w", closefd=False))
        def main(): out.write(b"ab")
    """,
    "a wrapper when main raises": """
        import io, sys
        sys.stdout = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8")
        def main():
            print("ü" * 3)
            raise OSError
    """,
    "a stream that cannot be flushed": """
        import sys
        class Stream:
            def write(self, text): sys.__stdout__.write(text.upper())
            def flush(self): raise SystemExit(3)
        sys.stdout = Stream()
        def main(): print("ab", end="")
    """,
    "bytes that are not UTF-8": "def main(): print('\\udcc3.txt')",
}
PRINTED: dict[str, str | bytes] = {
    "the very streams": "ab",
    "after reconfigure": "ab",
    "in order": "abcd",
    "a buffer that nobody flushes": "ab",
    "a stream that cannot be flushed": "AB",
    "bytes that are not UTF-8": b"\xc3.txt\n",
}


@pytest.mark.parametrize("name", PRINTS)
def test_what_is_printed_is_not_lost(name: str) -> None:
    expected = PRINTED.get(name, "ü" * 3 + "\n")
    _, done = run_process(PRINTS[name])
    assert done.stdout == (expected if isinstance(expected, bytes) else expected.encode())
    assert done.stderr == b""


def test_streams_have_no_place_and_names() -> None:
    source = """
        import sys
        def main():
            streams = (sys.stdin, sys.stdout, sys.stderr)
            return [(one.name, one.mode, one.errors, one.seekable(), one.buffer.seekable()) for one in streams]
    """
    assert run(source)["result"] == [
        ["<stdin>", "r", "surrogateescape", False, False],
        ["<stdout>", "w", "surrogateescape", False, False],
        ["<stderr>", "w", "backslashreplace", False, False],
    ]


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("import sys\ndef main(): return input('name? ')", "EOFError: EOF when reading a line (there is no input in"),
        ("def main(): raise OSError(28, 'x')", "OSError: [Errno 28] x (a script may have 3 MB of files, at most 4096"),
        ("def main(): raise OSError(27, 'x')", "OSError: [Errno 27] x (a script may have 3 MB of files, at most 4096"),
        ("def main(): raise OSError(24, 'x')", "OSError: [Errno 24] x (a script may have 20 open files at once)"),
        (
            'def main(): raise RuntimeError("can\'t start new thread")',
            "RuntimeError: can't start new thread (a script may have 7 threads at once)",
        ),
        (
            "def main():\n try: raise OSError(24, 'x')\n except OSError as error: raise KeyError('b') from error",
            "KeyError: 'b' (a script may have 20 open files at once)",
        ),
        (
            "def main(): raise ExceptionGroup('all', [ValueError(), OSError(24, 'x')])",
            "ExceptionGroup: all (2 sub-exceptions); the first is ValueError (a script may have 20 open files at once)",
        ),
        ("import socket\ndef main(): raise socket.gaierror(-3, 'x')", "socket.gaierror: [Errno -3] x (there is no net"),
        ("import struct\ndef main(): struct.unpack('i', b'')", "struct.error: unpack requires a buffer of 4 bytes"),
        ("def main(): raise OSError(2, 'x')", "FileNotFoundError: [Errno 2] x"),
        ("def main(): raise PermissionError(1, 'x')", "PermissionError: [Errno 1] x"),
        ("class A:\n class B(Exception): pass\ndef main(): raise A.B", "A.B"),
        (
            "class A(type):\n __module__ = property(lambda self: 1 / 0)\nclass B(Exception, metaclass=A): pass\n"
            "def main(): raise B(1)",
            "B: 1",
        ),
        (
            "class A(OSError):\n errno = property(lambda self: exit())\ndef main(): raise A",
            "A",
        ),
    ],
)
def test_an_error_names_what_was_met(source: str, error: str) -> None:
    envelope = run(source)
    assert envelope["end"] == "script_error"
    assert envelope["error"].startswith(error)
    if error.endswith((")", "x", "B", "bytes", "A", "1")):
        assert envelope["error"] == error


def test_running_out_of_memory_names_the_limit() -> None:
    envelope = run("def main(): return bytearray(2**34)", memory_bytes=400 * 2**20)
    assert envelope["error"] == "The script ran out of memory (its limit is 400 MB)"
    assert envelope["line"] == 1


HELPER = {"helper.py": "class Odd(Exception): pass\n\n\ndef fail():\n    raise Odd('x')\n"}


def test_modules_in_its_folder_are_its_own() -> None:
    envelope = run("import helper\ndef main():\n    helper.fail()", files=HELPER)
    assert envelope["error"] == "helper.Odd: x"
    assert envelope["line"] == 5
    assert envelope["traceback"] == (
        'Traceback (most recent call last):\n  File "script.py", line 3, in main\n    helper.fail()\n'
        "  File \"helper.py\", line 5, in fail\n    raise Odd('x')\nhelper.Odd: x\n"
    )


def test_files_named_like_modules_harm_only_what_imports_them() -> None:
    """The script's own imports find them, as outside; what the jail imports for it does not."""
    names = ("json", "traceback", "linecache", "tokenize", "io", "dataclasses")
    files = {f"{name}.py": "raise SystemExit('shadowed')" for name in names}
    assert run("def main(x): return x", '{"x": [1]}', files=files)["result"] == [1]
    envelope = run("def main(): return 1 / 0", files=files)
    assert (envelope["error"], envelope["line"]) == ("ZeroDivisionError: division by zero", 1)
    assert "return 1 / 0" in envelope["traceback"]
    assert run("import json\ndef main(): return 1", files=files)["error"] == (
        "The script called exit with status 1: shadowed"
    )


def test_exit_and_quit_end_a_script() -> None:
    assert run("def main(): exit(3)")["error"] == "The script called exit with status 3"
    assert run("def main(): quit()")["error"] == "The script called exit with status 0"


def test_help_is_printed() -> None:
    _, done = run_process("def main(x):\n  'Do it.'\n  help(main)", '{"x": 1}')
    assert done.stdout.startswith(b"Help on function main in module script:")
    assert b"Do it." in done.stdout


# From here on in the jail, at every level, warm and cold, as root and as an ordinary user.

FRAMES = """
import asyncio, inspect, io, logging, sys, threading, traceback, warnings

def seen():
    log = io.StringIO()
    logging.basicConfig(stream=log, force=True)
    logging.warning("x", stack_info=True)
    files = [frame.filename for frame in inspect.stack()] + [frame.filename for frame in traceback.extract_stack()]
    traced = []
    sys.setprofile(lambda frame, *_: traced.append(frame.f_code.co_filename))
    sys.setprofile(None)
    return [*files, *traced], "".join(traceback.format_stack()) + log.getvalue() + repr(vars(sys).get("last_value"))

at_first = seen()

def main():
    warnings.warn("of the caller", stacklevel=3)
    files, text = seen()
    above = sys._getframe(1).f_back
    return sorted({*files, *at_first[0]}), text + at_first[1], above and above.f_code.co_filename
"""


def test_no_frame_of_the_jail_is_beneath_a_script(jailed: Server) -> None:
    answer = jailed.post(FRAMES).json()
    files, text, above = answer["result"]
    assert set(files) <= {"script.py"}
    assert "jail" not in text
    assert "<string>" not in text
    assert "None" in text
    assert above is None
    assert "jail" not in answer["stderr"]


def test_no_frame_of_the_jail_is_beneath_a_coroutine(jailed: Server) -> None:
    answer = jailed.post(FRAMES.replace("def main", "async def main")).json()
    files, text, _ = answer["result"]
    assert files[-1] == "script.py"
    assert all("/asyncio/" in file for file in files[:-1])
    assert "jail" not in text + answer["stderr"]


FINDS = """
import datetime, getpass, locale, mimetypes, os, sys, time, zoneinfo

def main():
    zone = zoneinfo.ZoneInfo("Europe/Berlin")
    before = time.tzname[0]
    os.environ["TZ"] = "Asia/Shanghai"
    time.tzset()
    try:
        locale.setlocale(locale.LC_ALL, "de_DE.UTF-8")
    except locale.Error:
        other = "refused"
    try:
        maps = "script.py" in open("/proc/self/maps").read() or "read"
    except FileNotFoundError:
        maps = "none"
    return {
        "before": before,
        "tzset": datetime.datetime.fromtimestamp(0).isoformat(),
        "zoneinfo": datetime.datetime(2024, 7, 1, tzinfo=zone).isoformat(),
        "zones": len(zoneinfo.available_timezones()) > 500,
        "locale": [locale.setlocale(locale.LC_ALL, ""), locale.setlocale(locale.LC_ALL, "C.UTF-8"), other],
        "encoding": [locale.getpreferredencoding(), sys.getfilesystemencoding(), sys.stdout.encoding],
        "type": mimetypes.guess_type("a.png")[0],
        "user": [getpass.getuser(), os.environ["USER"], os.environ["LOGNAME"]],
        "path": os.environ["PATH"],
        "home": os.path.expanduser("~") == os.getcwd() == os.environ["PWD"] == os.environ["TMPDIR"],
        "file": open(__file__).read().startswith("\\nimport datetime"),
        "argv": sys.argv,
        "maps": maps,
    }
"""


def test_what_a_script_finds_is_the_same_at_every_level(jailed: Server, request: pytest.FixtureRequest) -> None:
    answer = jailed.post(FINDS).json()
    level, _ = request.node.callspec.params["jailed"]
    assert answer["result"] == {
        "before": "UTC",
        "tzset": "1970-01-01T08:00:00",
        "zoneinfo": "2024-07-01T00:00:00+02:00",
        "zones": True,
        "locale": ["C.UTF-8", "C.UTF-8", "refused"],
        "encoding": ["UTF-8", "utf-8", "utf-8"],
        "type": "image/png",
        "user": ["sandbox"] * 3,
        "path": "/usr/local/bin:/usr/bin:/bin",
        "home": True,
        "file": True,
        "argv": ["script.py"],
        "maps": "none" if level == "namespaces" else "read",
    }
    assert answer["stderr"] == ""


MEETS = {
    "a name": ("import socket\ndef main(): return socket.create_connection(('example.com', 80))", "no network"),
    "an address": ("import socket\ndef main(): return socket.create_connection(('127.0.0.1', 80))", "no network"),
    "urllib": ("import urllib.request as r\ndef main(): return r.urlopen('http://example.com')", "no network"),
    "requests": ("import requests\ndef main(): return requests.get('http://127.0.0.1:1')", "no network"),
    "asyncio": (
        "import asyncio\nasync def main(): return await asyncio.open_connection('example.com', 80)",
        "no network",
    ),
    "a program": ("import subprocess\ndef main(): return subprocess.run(['/bin/true'])", "can start no other"),
    "threads": (
        "import threading, time\ndef main():\n"
        " return [threading.Thread(target=time.sleep, args=[60]).start() for _ in range(1000)]",
        f"have {LIMITS['threads']} threads at once",
    ),
    "files": (
        "import os\ndef main(): return len([os.open('/dev/null', os.O_RDONLY) for _ in range(1000)])",
        f"have {LIMITS['open_files']} open files at once",
    ),
    "one file": (
        f"def main(): return open('a', 'wb').write(bytes({LIMITS['scratch_mb'] + 1} * 2**20))",
        # If the supervisor watches the folder, it may notice first.
        f" {LIMITS['scratch_mb']} MB of ",
    ),
    "memory": (
        "def main():\n x = []\n while True: x.append('y' * 10**6)\n return x",
        f"its limit is {LIMITS['memory_mb']} MB",
    ),
}


@pytest.mark.slow
def test_an_error_says_which_limit_it_met(jailed: Server) -> None:
    for name, (script, words) in MEETS.items():
        answer = jailed.post(script).json()
        assert words in answer["error"], (name, answer)
        assert ("line" in answer) == ("traceback" in answer), (name, answer)


def test_what_the_compiler_finds_is_no_script_that_was_run(jailed: Server) -> None:
    answer = jailed.post("def main(a, a):\n    return 1 is 1")
    assert answer.status_code == 400
    assert answer.json() == {
        "error": "SyntaxError: duplicate argument 'a' in function definition",
        "code": "syntax_error",
        "line": 1,
        "column": 13,
        "traceback": '  File "script.py", line 1\n    def main(a, a):\n                ^\n'
        "SyntaxError: duplicate argument 'a' in function definition\n",
    }


LIBRARIES = """
import io
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.cluster import KMeans

def main():
    figure, axes = plt.subplots()
    axes.plot([1, 2, 3])
    image = io.BytesIO()
    figure.savefig(image, format="png")
    plot = pd.DataFrame({"a": [1, 2]}).plot()
    labels = KMeans(3, n_init=3, random_state=0).fit(np.random.default_rng(0).random((100, 2))).labels_
    zone = pd.Timestamp("2024-07-01", tz="UTC").tz_convert("America/New_York").isoformat()
    return [image.getvalue()[1:4].decode(), len(plot.lines), len(set(labels)), zone]
"""


@pytest.mark.slow
@pytest.mark.parametrize("level", LEVELS)
def test_libraries_work_without_a_word(level: str, serve: Serve, no_rules: Path) -> None:
    settings = {"SANDBOX_MEMORY_MB": "512", "SANDBOX_TIMEOUT_SECONDS": "60", "SANDBOX_CPU_SECONDS": "60"}
    server = start_at_level(serve, level, "cold", user=None, POLICY_FILE=str(no_rules), **settings)
    assert server.isolation() == level
    answer = server.post(LIBRARIES).json()
    assert answer.get("result") == ["PNG", 1, 3, "2024-06-30T20:00:00-04:00"], answer
    assert answer["stderr"] == ""
