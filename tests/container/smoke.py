"""Tries a running service: `python smoke.py URL`.

It needs only the standard library, and exits with 1 if an answer is wrong.
"""

import json
import sys
import time
import urllib.error
import urllib.request
from typing import Any

START_SECONDS = 60
HELLO = "def main(name):\n    print('Hello,', name)\n    return {'length': len(name)}\n"
PANDAS = "import pandas as pd\n\ndef main():\n    return pd.DataFrame({'score': [92, 88, 75]})['score'].mean()\n"
# The policy allows these acts; the jail has to refuse them.
HOSTILE = """
import os
import requests

def main():
    reached = []
    for name, act in {
        "metadata server": lambda: requests.get("http://169.254.169.254/computeMetadata/v1/", timeout=2),
        "file": lambda: open("/etc/hostname").read(),
        "processes": lambda: os.listdir("/proc"),
    }.items():
        try:
            act()
        except OSError:
            continue
        reached.append(name)
    return {"reached": reached}
"""


def main() -> int:
    """Try everything, print what is wrong, and return the exit status."""
    url = sys.argv[1].rstrip("/")
    health = wait_for(url)
    print(f"health: {health}")
    wrong = [] if health.get("isolation") in ("seccomp", "namespaces") else [f"health: {health}"]
    hello = execute(url, HELLO, {"name": "Ada"})
    if (hello.get("result"), hello.get("stdout")) != ({"length": 3}, "Hello, Ada\n"):
        wrong.append(f"hello: {hello}")
    pandas = execute(url, PANDAS, {})
    if pandas.get("result") != 85.0:
        wrong.append(f"pandas: {pandas}")
    hostile = execute(url, HOSTILE, {})
    if hostile.get("result") != {"reached": []}:
        wrong.append(f"hostile script: {hostile}")
    contract = ask(urllib.request.Request(f"{url}/openapi.json"))
    if "/execute" not in contract.get("paths", {}):
        wrong.append(f"contract: {contract}")
    for line in wrong:
        print(f"WRONG {line}", file=sys.stderr)
    return 1 if wrong else 0


def wait_for(url: str) -> dict[str, Any]:
    """Ask for /health until the service answers, and return that."""
    until = time.monotonic() + START_SECONDS
    while True:
        try:
            return ask(urllib.request.Request(f"{url}/health"))
        except urllib.error.URLError as error:
            if time.monotonic() > until:
                raise SystemExit(f"{url} does not answer: {error}") from error
            time.sleep(0.2)


def execute(url: str, script: str, args: dict[str, Any]) -> dict[str, Any]:
    """Run a script, and return the answer."""
    body = json.dumps({"script": script, "args": args}).encode()
    return ask(urllib.request.Request(f"{url}/execute", body, {"Content-Type": "application/json"}))


def ask(request: urllib.request.Request) -> dict[str, Any]:
    """Send a request and return the answer, whatever its status."""
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            found: dict[str, Any] = json.load(answer)
    except urllib.error.HTTPError as error:
        found = json.load(error)
    return found


if __name__ == "__main__":
    sys.exit(main())
