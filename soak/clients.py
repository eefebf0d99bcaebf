"""Clients that send scripts at once, each over a connection of its own, and check every answer."""

import http.client
import itertools
import json
import random
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from .mix import Kind, wrong

# A refused client asks again after about this long, not after the seconds of Retry-After: the load stays the same.
_RETRY_SECONDS = 0.2
_LONGEST_ANSWER_SECONDS = 120.0
# The codes of a `Reply` that other modules use.
RIGHT = "right"
OVERLOADED = "overloaded"
UNAVAILABLE = "sandbox_unavailable"
NO_ANSWER = "no answer"
KILLED = "400 script_exited"
TIMED_OUT = "400 timeout"
ERROR = "400 script_error"


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of one request.

    Attributes:
        kind: the script's.
        sent: when, in the time of `time.monotonic`.
        seconds: how long it took.
        code: `right`; `overloaded`; `no answer`; otherwise the status and code that came instead of what should.
        problem: what was wrong, a sentence with the script's token; empty if nothing was.
    """

    kind: str
    sent: float
    seconds: float
    code: str
    problem: str

    @property
    def right(self) -> bool:
        """Whether it is what the script's author expects."""
        return self.code == RIGHT


class Clients:
    """A number of clients; each sends the next script as soon as the last is answered.

    Attributes:
        answers: every one so far.
    """

    def __init__(self, port: int, kinds: Sequence[Kind], count: int, seed: int) -> None:
        """Prepare `count` clients of a local port; `seed` decides the order of the scripts."""
        self.answers: list[Reply] = []
        self._port = port
        self._kinds = kinds
        self._random = random.Random(seed)  # noqa: S311 (a mix)
        # No other run against the same service has the same tokens.
        self._tokens = itertools.count(1 + 10**9 * seed)
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(count)]

    def __enter__(self) -> "Clients":
        """Start sending."""
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop, and wait for the answers that are to come."""
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        """Be one client."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_LONGEST_ANSWER_SECONDS)
        while not self._over.is_set():
            with self._lock:
                [kind] = self._random.choices(self._kinds, [kind.share for kind in self._kinds])
                token = next(self._tokens)
                pause = _RETRY_SECONDS * self._random.uniform(0.5, 1.5)
            sent = time.monotonic()
            try:
                code, problem = _send(connection, token, kind)
            except (OSError, http.client.HTTPException, ValueError) as error:
                code, problem = NO_ANSWER, f"{type(error).__name__}: {error}"
                connection.close()
            answer = Reply(
                kind.name, sent, time.monotonic() - sent, code, problem and f"{kind.name} {token}: {problem}"
            )
            self.answers.append(answer)
            if not answer.right:
                self._over.wait(pause)
        connection.close()


def _send(connection: http.client.HTTPConnection, token: int, kind: Kind) -> tuple[str, str]:
    """Send one script; return the code for `Reply`, and what is wrong with the answer."""
    body = {"script": kind.script, "args": {"token": token}, **kind.fields}
    connection.request("POST", "/execute", json.dumps(body), {"Content-Type": "application/json"})
    response = connection.getresponse()
    answer = json.loads(response.read())
    code = str(answer.get("code", ""))
    if (response.status, code) in ((429, OVERLOADED), (503, UNAVAILABLE)):
        missing = "" if response.headers.get("Retry-After", "").isdigit() else "Retry-After is missing"
        return code, missing or (str(answer["error"]) if code == UNAVAILABLE else "")
    problem = wrong(kind, token, response.status, answer)
    if problem is None:
        return RIGHT, ""
    return f"{response.status} {code or 'with another result'}", f"{problem} ({str(answer.get('error', ''))[:200]})"
