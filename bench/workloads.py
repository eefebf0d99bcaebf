"""The scripts that are measured, and what must be answered to each."""

import json
from dataclasses import dataclass
from pathlib import Path

_SCRIPTS = Path(__file__).resolve().parent / "scripts"


@dataclass(frozen=True, slots=True)
class Workload:
    """One script.

    Attributes:
        name: what the tables call it.
        file: its file in `bench/scripts/`.
        answer: how the body of the right answer begins, up to what differs from run to run.
    """

    name: str
    file: str
    answer: str

    def request_body(self) -> bytes:
        """Return the body of the request that runs it."""
        return json.dumps({"script": (_SCRIPTS / self.file).read_text("utf-8")}).encode()


HELLO = Workload("hello", "hello.py", '{"result":{"hello":"world"},"stdout":"Hello, world\\n","stderr":""')
PANDAS = Workload(
    "pandas",
    "pandas_frame.py",
    '{"result":{"mean":85.0,"passed":[{"name":"Ada","score":92},{"name":"Grace","score":88}]},"stdout":"","stderr":""',
)
CPU = Workload("CPU 50 ms", "cpu_50ms.py", '{"result":"done","stdout":"","stderr":""')
WORKLOADS = (HELLO, PANDAS, CPU)
