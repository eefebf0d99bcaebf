"""`python -m bench.soak`: runs thousands of scripts, good and bad, checks every answer and looks for what grows."""

import argparse
import http.client
import json
import os
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from . import processes
from .servers import Server, run_server

_CLIENTS = 8
# Before the first look, so that every thread, spare and cache is there already.
_WARM_UP_SCRIPTS = 400
# gunicorn lets go of a connection, and of what a script left in its threads, within seconds.
_SETTLE_SECONDS = 10
_STDOUT_BYTES = 2**20
# What Python's and the kernel's allocators take more one time than another; everything else is counted exactly.
_MEMORY_NOISE = 1.1


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


KINDS = (
    Kind("hello", 520, "def main(token):\n    print(token)\n    return token"),
    Kind(
        "pandas",
        300,
        "import pandas as pd\ndef main(token):\n    print(token)\n"
        '    return int(pd.DataFrame({"a": [token, token], "b": [1, 2]}).groupby("b").sum()["a"].iloc[0])',
    ),
    Kind("exception", 50, "def main(token):\n    print(token)\n    return [][token]", "script_error"),
    Kind(
        "crash",
        40,
        "import signal\ndef main(token):\n    print(token)\n    return signal.raise_signal(signal.SIGSEGV)",
        "script_exited",
    ),
    Kind("exit", 40, "import sys\ndef main(token):\n    print(token)\n    return sys.exit(3)", "script_exited"),
    Kind(
        "timeout",
        10,
        "def main(token):\n    print(token)\n    while True:\n        pass\n    return 1",
        "timeout",
        fields={"timeout": 0.1},
    ),
    Kind("memory bomb", 20, "def main(token):\n    print(token)\n    return len(bytes(2**40))", "memory_limit"),
    Kind(
        "output flood",
        20,
        "def main(token):\n    for _ in range(64):\n        print(str(token % 10) * 2**16)\n    return token",
        prints_token=False,
    ),
)


def wrong(kind: Kind, token: int, status: int, answer: dict[str, Any]) -> str | None:
    """Return what is wrong with the answer to one script, None where nothing is."""
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


class Soak:
    """Sends scripts with several clients at once.

    Attributes:
        sent: how many of each kind.
        failures: what was wrong, a sentence each.
    """

    def __init__(self, server: Server, count: int, seed: int) -> None:
        """Prepare `count` scripts for a server, in an order that `seed` makes."""
        self._server = server
        kinds = random.Random(seed).choices(KINDS, [kind.share for kind in KINDS], k=count)  # noqa: S311 (a mix)
        self._jobs: Iterator[tuple[int, Kind]] = iter(enumerate(kinds, start=1))
        self._lock = threading.Lock()
        self.sent: Counter[str] = Counter()
        self.failures: list[str] = []

    def run(self) -> None:
        """Send them all."""
        threads = [threading.Thread(target=self._client) for _ in range(_CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _client(self) -> None:
        """Be one client: send the next script as soon as the last is answered, over one connection."""
        connection = http.client.HTTPConnection("127.0.0.1", self._server.port, timeout=60)
        while True:
            with self._lock:
                job = next(self._jobs, None)
                if job is None:
                    break
                self.sent[job[1].name] += 1
            try:
                failure = self._send(connection, *job)
            except (OSError, http.client.HTTPException, ValueError) as error:
                failure = f"{type(error).__name__}: {error}"
                connection.close()
            if failure:
                with self._lock:
                    self.failures.append(f"{job[1].name} {job[0]}: {failure}")
        connection.close()

    def _send(self, connection: http.client.HTTPConnection, token: int, kind: Kind) -> str | None:
        body = {"script": kind.script, "args": {"token": token}, **kind.fields}
        connection.request("POST", "/execute", json.dumps(body), {"Content-Type": "application/json"})
        response = connection.getresponse()
        return wrong(kind, token, response.status, json.loads(response.read()))


def take_stock(server: Server, folder: Path) -> dict[str, float]:
    """Return what the server holds, by name.

    Args:
        server: the server; this process has no other child, and adopts what it loses.
        folder: its temporary files.
    """
    time.sleep(_SETTLE_SECONDS)
    gunicorn = psutil.Process(server.process.pid)
    [worker] = gunicorn.children()
    for orphan in psutil.Process().children():
        if orphan.status() == psutil.STATUS_ZOMBIE:
            os.waitpid(orphan.pid, 0)  # ours to bury, because we adopted it
    living = psutil.Process().children(recursive=True)
    jails = [process for process in living if process not in (gunicorn, worker)]
    return {
        "memory of the HTTP server (PSS, MiB)": processes.memory_mib([gunicorn, worker]),
        "memory of zygotes and spares (PSS, MiB)": processes.memory_mib(jails),
        "processes": len(living),
        "descriptors of the HTTP server": gunicorn.num_fds() + worker.num_fds(),
        "descriptors of zygotes and spares": sum(process.num_fds() for process in jails),
        "mounts in jails": processes.mounts(living),
        "temporary files": sum(1 for _ in folder.rglob("*")),
    }


def grown(before: dict[str, float], after: dict[str, float]) -> list[str]:
    """Return the names of what has grown beyond noise."""
    noise = {name: _MEMORY_NOISE if "memory" in name else 1 for name in before}
    return [name for name in before if after[name] > before[name] * noise[name]]


def main() -> None:
    """Run the scripts; exit with 1 when an answer was wrong or something has grown."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description="Look for what grows.")
    parser.add_argument("--scripts", type=int, default=20_000, help="how many to run")
    parser.add_argument("--seed", type=int, default=1, help="of the order of the scripts")
    options = parser.parse_args()
    processes.require_root()
    processes.adopt_orphans()
    with tempfile.TemporaryDirectory(prefix="soak-") as name:
        folder = Path(name)
        with run_server(folder) as server:
            server.wait_until_open()
            soaks = [Soak(server, _WARM_UP_SCRIPTS, options.seed), Soak(server, options.scripts, options.seed + 1)]
            soaks[0].run()
            before = take_stock(server, folder / "tmp")
            started = time.monotonic()
            soaks[1].run()
            seconds = time.monotonic() - started
            after = take_stock(server, folder / "tmp")
    failures = [failure for soak in soaks for failure in soak.failures]
    print(f"{options.scripts} scripts in {seconds:.0f} s, {options.scripts / seconds:.0f} per second:")
    print(", ".join(f"{soaks[1].sent[kind.name]} {kind.name}" for kind in KINDS))
    print(f"\n{'':42}{'before':>10}{'after':>10}")
    for name in before:
        print(f"{name:42}{before[name]:10.0f}{after[name]:10.0f}{'  grown' if name in grown(before, after) else ''}")
    print(f"\nwrong answers: {len(failures)}", *failures[:20], sep="\n")
    sys.exit(1 if failures or grown(before, after) else 0)


if __name__ == "__main__":
    main()
