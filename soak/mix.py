"""The scripts of the load, good and bad, and what must be answered to each."""

from dataclasses import dataclass, field
from typing import Any

_STDOUT_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of script. Each gets `token`, a number of its own, in `args`.

    Attributes:
        name: what the tables call it.
        share: how many of a thousand scripts are of this kind.
        script: its source.
        code: the `code` that must be answered; empty for a result, which must be the token.
        prints_token: whether its stdout is the token and a line break.
        fields: what goes into the request besides.
    """

    name: str
    share: int
    script: str
    code: str = ""
    prints_token: bool = True
    fields: dict[str, float] = field(default_factory=dict)


_FOR_EVER = "def main(token):\n    print(token)\n    while True:\n        pass\n    return 1"

# Threads that hold no lock of the interpreter's, so that each would have a share of the CPUs.
_HASHING = (
    "import hashlib, threading\ndef burn():\n    while True:\n"
    "        hashlib.pbkdf2_hmac('sha256', b'x', b'x', 10**7)\n"
    "def main(token):\n    print(token)\n    for _ in range(62):\n        threading.Thread(target=burn).start()\n"
    "    burn()\n    return 1"
)

HELLO = Kind("hello", 448, "def main(token):\n    print(token)\n    return token")
PANDAS = Kind(
    "pandas",
    280,
    "import pandas as pd\ndef main(token):\n    print(token)\n"
    '    return int(pd.DataFrame({"a": [token, token], "b": [1, 2]}).groupby("b").sum()["a"].iloc[0])',
)
KINDS = (
    HELLO,
    PANDAS,
    Kind(
        "CPU 50 ms",
        50,
        "import time\ndef main(token):\n    print(token)\n    until = time.process_time() + 0.05\n"
        "    while time.process_time() < until:\n        pass\n    return token",
    ),
    Kind(
        "long to check",
        2,
        "def main(token):\n    print(token)\n    return token\n" + ";".join(f"a{number}=1" for number in range(25_000)),
    ),
    Kind("exception", 50, "def main(token):\n    print(token)\n    return [][token]", "script_error"),
    Kind(
        "crash",
        40,
        "import signal\ndef main(token):\n    print(token)\n    return signal.raise_signal(signal.SIGSEGV)",
        "script_exited",
    ),
    Kind("exit", 40, "import sys\ndef main(token):\n    print(token)\n    return sys.exit(3)", "script_exited"),
    Kind("timeout", 19, _FOR_EVER, "timeout", fields={"timeout": 0.1}),
    # Both take long to die, and must not delay other scripts.
    Kind("many hashing threads", 5, _HASHING, "timeout", fields={"timeout": 0.5}),
    Kind(
        "timeout with 440 MB",
        5,
        "import time\ndef main(token):\n    print(token)\n    kept = b'x' * (440 * 2**20)\n    time.sleep(60)\n"
        "    return len(kept)",
        "timeout",
        fields={"timeout": 0.7},
    ),
    # One after another of these holds a slot for as long as a script may.
    Kind(
        "longest timeout", 1, _FOR_EVER.replace("pass", "time.sleep(1)").replace("def", "import time\ndef"), "timeout"
    ),
    Kind(
        "memory bomb",
        15,
        "def main(token):\n    print(token)\n    kept = []\n"
        "    while True:\n        kept.append(b'x' * 2**24)\n    return 1",
        "memory_limit",
    ),
    Kind(
        "output flood",
        20,
        "def main(token):\n    for _ in range(64):\n        print(str(token % 10) * 2**16)\n    return token",
        prints_token=False,
    ),
    Kind(
        "scratch filler",
        15,
        "def main(token):\n    print(token)\n    with open('filler', 'wb') as filler:\n"
        "        while True:\n            filler.write(bytes(2**20))\n    return 1",
        "script_error",
    ),
    Kind(
        "thread bomb",
        10,
        "import threading, time\ndef main(token):\n    print(token)\n    while True:\n"
        "        threading.Thread(target=time.sleep, args=(60,)).start()\n    return 1",
        "script_error",
    ),
)


def wrong(kind: Kind, token: int, status: int, answer: dict[str, Any]) -> str | None:
    """Return what is wrong with the response to one script; None if nothing is."""
    if (status, answer.get("code", "")) != (400 if kind.code else 200, kind.code):
        return f"status {status}, code {answer.get('code')}"
    if not kind.code and answer["result"] != token:
        return f"the result is {str(answer['result'])[:100]}"
    stdout = answer["stdout"]
    if kind.prints_token:
        return None if stdout == f"{token}\n" else f"the output is {stdout[:100]!r}"
    flood = {str(token % 10), "\n"}
    if len(stdout) != _STDOUT_BYTES or set(stdout) != flood or not answer.get("stdout_truncated"):
        return f"of the flood came {len(stdout)} characters: {stdout[:20]!r}"
    return None
