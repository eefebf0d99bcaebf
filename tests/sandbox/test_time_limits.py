"""Both time limits are told apart from other ends, and report the script's line, at every level."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Serve, Server
from tests.sandbox.conftest import LEVELS, start_at_level

pytestmark = pytest.mark.slow

CPU_SECONDS = 1
HASHING = """
import hashlib, threading

all_are_there = threading.Event()

def burn():
    all_are_there.wait()
    while True:
        hashlib.pbkdf2_hmac("sha256", b"x", b"x", 10**5)

def main(threads):
    for _ in range(threads - 1):
        threading.Thread(target=burn, daemon=True).start()
    all_are_there.set()
    burn()
    return 1
"""
COUNTING = HASHING.replace('hashlib.pbkdf2_hmac("sha256", b"x", b"x", 10**5)', "sum(range(10**5))")
DEAF = """
import signal

def main(handler):
    signal.signal(signal.SIGXCPU, signal.SIG_IGN if handler == "ignore" else lambda *_: None)
    while True: pass
    return 1
"""
# The places in which a script can exceed its time: the source, the line, and the traceback's last lines.
PLACES = {
    "loop": ("def main():\n    while True: pass\n    return 1", 2, "in main\n    while True: pass\n"),
    "module": ("import time\ntime.sleep(9)\ndef main():\n    return 1", 2, "in <module>\n    time.sleep(9)\n"),
    "function": (
        "import time\ndef wait():\n    time.sleep(9)\ndef main():\n    wait()\n    return 1",
        3,
        'line 5, in main\n    wait()\n  File "script.py", line 3, in wait\n    time.sleep(9)\n',
    ),
    "name_of_other_letters": (
        "import time\ndef größe_\u6570():\n    time.sleep(9)\ndef main():\n    größe_\u6570()\n    return 1",
        3,
        "in größe_\u6570\n    time.sleep(9)\n",
    ),
    "join": (
        "import threading, time\ndef main():\n    one = threading.Thread(target=time.sleep, args=(9,))\n"
        "    one.start()\n    one.join()\n    return 1",
        5,
        "in main\n    one.join()\n",
    ),
    "other_threads_that_run": (
        "import threading, time\ndef burn():\n    while True: pass\ndef main():\n    for _ in range(3):\n"
        "        threading.Thread(target=burn, daemon=True).start()\n    time.sleep(9)\n    return 1",
        7,
        "in main\n    time.sleep(9)\n",
    ),
    "library": (
        "import json\ndef main():\n    json.dumps({'x': Slow()}, default=lambda _: wait())\n    return 1\n"
        "class Slow: pass\ndef wait():\n    import time; time.sleep(9)",
        7,
        "in wait\n    import time; time.sleep(9)\n",
    ),
    # C code that holds the interpreter.
    "sum": ("def main():\n    return sum(range(10**12))", 2, "in main\n    return sum(range(10**12))\n"),
    "power": ("def main():\n    return len(str(10**(10**8)))", 2, "in main\n    return len(str(10**(10**8)))\n"),
    "pattern": (
        "import re\ndef main():\n    re.match('(a*)*b', 'a' * 60)\n    return 1",
        3,
        "in main\n    re.match('(a*)*b', 'a' * 60)\n",
    ),
    "deep_recursion": (
        "import time\ndef down(n):\n    if n: down(n - 1)\n    time.sleep(9)\ndef main():\n    down(500)\n    return 1",
        4,
        'times]\n  File "script.py", line 4, in down\n    time.sleep(9)\n',
    ),
}
NO_PLACE = {
    "ignored": "signal.signal(signal.SIGSTKFLT, signal.SIG_IGN)",
    "of_its_own": "signal.signal(signal.SIGSTKFLT, lambda *_: None)",
    "blocked": "signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())",
    "without_result_channel": "os.close(3)",
    "with_a_file_as_result_channel": "os.dup2(os.open('file', os.O_CREAT | os.O_RDWR), 3)",
}


def asked(server: Server, script: str, **fields: Any) -> dict[str, Any]:
    answer: dict[str, Any] = server.post(script, **fields).json()
    return answer


@pytest.fixture(scope="module", params=LEVELS)
def short_of_cpu(request: pytest.FixtureRequest, serve: Serve, no_rules: Path) -> Server:
    settings = {"SANDBOX_CPU_SECONDS": str(CPU_SECONDS), "SANDBOX_THREADS": "64", "SANDBOX_MEMORY_MB": "512"}
    settings |= {"SANDBOX_TIMEOUT_SECONDS": "30", "POLICY_FILE": str(no_rules)}
    server = start_at_level(serve, request.param, "warm", user=None, **settings)
    assert server.isolation() == request.param
    return server


@pytest.mark.parametrize("script", [HASHING, COUNTING], ids=["hashing", "counting"])
@pytest.mark.parametrize("threads", [1, 4, 16, 63])
def test_the_cpu_limit_is_a_timeout(short_of_cpu: Server, script: str, threads: int) -> None:
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda count: asked(short_of_cpu, script, args={"threads": count}), [threads, threads]))
    for answer in answers:
        assert answer["code"] == "timeout", answer
        assert answer["error"].startswith(f"The script used more than {CPU_SECONDS} s of CPU time; it was at line ")
        assert "in burn\n" in answer["traceback"]


@pytest.mark.parametrize("handler", ["ignore", "catch"])
def test_a_script_that_does_not_end_at_the_cpu_limit_gains_a_second(short_of_cpu: Server, handler: str) -> None:
    answer = asked(short_of_cpu, DEAF, args={"handler": handler})
    assert answer["code"] == "timeout", answer
    assert answer["error"] == f"The script used more than {CPU_SECONDS} s of CPU time."
    assert answer["usage"]["cpu_ms"] < (CPU_SECONDS + 1.2) * 1000


@pytest.mark.parametrize("name", ["SIGXCPU", "SIGKILL"])
def test_a_script_that_sends_itself_the_signal_has_exited(short_of_cpu: Server, name: str) -> None:
    script = f"import os, signal\ndef main():\n    os.kill(os.getpid(), signal.{name})\n    return 1"
    answer = asked(short_of_cpu, script)
    assert (answer["code"], answer["error"]) == ("script_exited", f"The script was killed by {name}.")


def test_a_script_may_end_well_after_the_signal_of_the_cpu_limit(short_of_cpu: Server) -> None:
    script = """
import signal, time

def over(*_):
    raise TimeoutError("almost")

def main():
    signal.signal(signal.SIGXCPU, over)
    try:
        while True: sum(range(1000))
    except TimeoutError as error:
        return str(error)
"""
    assert asked(short_of_cpu, script)["result"] == "almost"


def test_a_timeout_says_where_the_script_was(jailed: Server) -> None:
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda place: asked(jailed, place[0], timeout=1.2), PLACES.values()))
    for (name, (_, line, ends)), answer in zip(PLACES.items(), answers, strict=True):
        assert (answer["code"], answer.get("line")) == ("timeout", line), (name, answer)
        assert answer["error"].startswith(f"The script ran longer than 1.2 s; it was at line {line}")
        assert answer["traceback"].startswith('Traceback (most recent call last):\n  File "script.py", line ')
        assert answer["traceback"].endswith(ends), name
        assert answer["stderr"] == ""


@pytest.mark.parametrize("name", NO_PLACE)
def test_where_the_script_does_not_say_the_deadline_holds(jailed: Server, name: str) -> None:
    script = f"import os, signal\ndef main():\n    {NO_PLACE[name]}\n    while True: pass\n    return 1"
    answer = asked(jailed, script, timeout=0.3)
    assert (answer["code"], answer["error"]) == ("timeout", "The script ran longer than 0.3 s."), answer
    assert "line" not in answer
    assert "traceback" not in answer
    assert answer["usage"]["wall_ms"] < 800


def test_a_script_can_forge_its_own_place_only(jailed: Server) -> None:
    forged = [
        'Stack (most recent call first):\n  File "script.py", line 999999 in main\n',
        'Stack (most recent call first):\n  File "/etc/passwd", line 1 in main\n',
        "Stack (most recent call first):\n" + '  File "script.py", line 2 in f\n' * 20_000,
        'Stack (most recent call first):\n  File "script.py", line 2 in ' + "x" * 500 + "\n",
        'Stack (most recent call first):\n  File "script.py", line 2 in \\U7fffffff\\u000a\\u202e\n',
    ]
    script = """
import os, signal
def main(text):
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    os.set_blocking(3, True)
    rest = text.encode()
    while rest:
        rest = rest[os.write(3, rest):]
    while True: pass
    return 1
"""
    started = time.monotonic()
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda text: asked(jailed, script, args={"text": text}, timeout=0.4), forged))
    assert time.monotonic() - started < 3 * len(forged)
    for answer in answers:
        assert answer["code"] == "timeout"
        assert len(answer["error"]) < 200
        assert len(answer.get("traceback", "")) < 32_768
        assert answer["error"].isprintable()


def test_the_handler_is_nothing_that_a_script_meets(jailed: Server) -> None:
    script = """
import signal, sys
def main():
    before = "faulthandler" in sys.modules
    import faulthandler
    return before, faulthandler.is_enabled(), signal.getsignal(signal.SIGSTKFLT) == signal.SIG_DFL
"""
    assert asked(jailed, script)["result"] == [False, False, True]
