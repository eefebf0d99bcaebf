"""Tries the service against its own OpenAPI document: `python -m tests.http.fuzz --seconds 600`.

Starts a server, has schemathesis send it what the document allows and what it does not (tests/http/schema_hooks.py says
what besides, and what every answer has to be), and looks at the server afterwards.
"""

import argparse
import collections
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import requests

from tests.conftest import ROOT, Server, free_port, start_server
from tests.http.steady import settled_descriptors, wait_for_descriptors

CONFIGURATION = ROOT / "tests" / "http" / "schemathesis.toml"
START_SECONDS = 60


def run_schemathesis(document: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run schemathesis with a document, a path or an address; its status is 0 where it found nothing."""
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIGURATION), "--no-color"]
    return subprocess.run(
        [*command, "run", document, *options],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def what_went_wrong(server: Server) -> list[str]:
    """Return what a server's log has that nobody may be able to cause."""
    wrong = []
    for line in server.log_lines():
        status = line.get("httpRequest", {}).get("status", 0)
        if status >= 500 or line["severity"] in {"ERROR", "CRITICAL"}:
            wrong.append(json.dumps(line))
    return wrong


def what_came(server: Server) -> dict[str, int]:
    """Count a server's answers, by status and code."""
    requests_ = [line for line in server.log_lines() if "httpRequest" in line]
    counted = collections.Counter(f"{line['httpRequest']['status']} {line.get('code', '')}" for line in requests_)
    return dict(sorted(counted.items()))


def main() -> int:
    """Fuzz for a while, print what came of it, and return the status to end with."""
    parser = argparse.ArgumentParser(description="Fuzz the service by its OpenAPI document.")
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        server = Server(port, start_server(Path(folder), {"PORT": str(port)}), Path(folder) / "log")
        try:
            wait_until_it_answers(server)
            before = settled_descriptors(server)
            options = ["--seed", str(arguments.seed), "--max-time", str(arguments.seconds)]
            done = run_schemathesis(f"{server.url}/openapi.json", *options)
            wrong = what_went_wrong(server)
            health = requests.get(f"{server.url}/health", timeout=60).json()
            print(done.stdout)
            for answer, count in what_came(server).items():
                print(f"{count:8} {answer}")
            print(f"health: {health}")
            wait_for_descriptors(server, before)
        finally:
            server.process.terminate()
            server.process.wait(60)
    for line in wrong:
        print(f"WRONG {line}", file=sys.stderr)
    return 1 if done.returncode or wrong or health["status"] != "healthy" else 0


def wait_until_it_answers(server: Server) -> None:
    """Ask for /health until something answers."""
    until = time.monotonic() + START_SECONDS
    while True:
        try:
            requests.get(f"{server.url}/health", timeout=30)
            return
        except requests.ConnectionError:
            if time.monotonic() > until or server.process.poll() is not None:
                raise SystemExit(server.log_text()) from None
            time.sleep(0.1)


if __name__ == "__main__":
    sys.exit(main())
