"""The image, and containers that run it."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.conftest import ROOT, Service, free_port, started_by_tests

IMAGE = "python-code-executor:test"
# The time limit of a test that may have to build the image first.
IMAGE_SECONDS = 1200
# The server's user id if the container starts as root, and if it does not.
SERVER_UIDS = (65_532, 65_534)
# What every user may read of every process: who it is, and what it may do.
_LIST_PROCESSES = """
import json, os, pathlib
found = []
for entry in pathlib.Path("/proc").glob("[0-9]*"):
    if int(entry.name) == os.getpid():
        continue
    lines = (entry / "status").read_text().splitlines()
    status = {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if "zombie" not in status["State"]:
        found.append(status)
print(json.dumps(found))
"""


def docker(*arguments: str, timeout: float = 600) -> str:
    """Run a docker command and return what it prints."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=timeout, check=False)
    assert done.returncode == 0, f"docker {' '.join(arguments)}: {done.stdout}{done.stderr}"
    return done.stdout.strip()


def build(tag: str, folder: Path, *arguments: str) -> str:
    """Build an image and return its tag."""
    docker("build", "--quiet", "--tag", tag, *arguments, str(folder), timeout=1200)
    return tag


@dataclass
class Container(Service):
    """The service in a container."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def run(self, *command: str) -> str:
        """Run a command in the container as root and return what it prints."""
        return docker("exec", self.name, *command)

    def statuses(self) -> list[dict[str, str]]:
        """Return /proc/PID/status of each process in the container, except the process that lists them."""
        found: list[dict[str, str]] = json.loads(self.run("python", "-c", _LIST_PROCESSES))
        return found

    def log_text(self) -> str:
        return self.log.read_text()

    def stop(self) -> int:
        """Stop the container as an operator does, and return its exit status."""
        self.session.close()
        docker("stop", "--time", "30", self.name)
        return self.process.wait(30)


Contain = Callable[..., Container]


@pytest.fixture(scope="session")
def image() -> str:
    """The image of this working copy."""
    return build(IMAGE, ROOT)


@pytest.fixture(scope="session")
def contain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Contain]:
    """A function that starts a container of an image, with these flags and environment variables."""
    started: list[Container] = []

    def start(image: str, *flags: str, wait: bool = True, **environment: str) -> Container:
        port = free_port()
        environment["PORT"] = str(port)
        name = f"executor-{port}"
        variables = [part for key, value in environment.items() for part in ("-e", f"{key}={value}")]
        command = ["docker", "run", "--rm", "--name", name, "-p", f"{port}:{port}", *variables, *flags, image]
        log = tmp_path_factory.mktemp("container") / "log"
        with log.open("wb") as output:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        started_by_tests.add(process.pid)
        container = Container(port, name, process, log)
        started.append(container)
        if wait:
            wait_until_it_answers(container)
        return container

    yield start
    for container in started:
        if container.process.poll() is None:
            docker("rm", "--force", container.name)
            container.process.wait(30)


def wait_until_it_answers(container: Container) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            requests.get(f"{container.url}/health", timeout=30)
            return
        except requests.ConnectionError:
            assert container.process.poll() is None, container.log_text()
            assert time.monotonic() < deadline, container.log_text()
            time.sleep(0.05)


def facts_of(container: Container) -> dict[str, Any]:
    """Return what an attacker who knows the image would know; see `attack_facts`."""
    server = min(int(one["Pid"]) for one in container.statuses() if one["Pid"] != "1" and uid(one) in SERVER_UIDS)
    return {"service_pid": server, "service_file": "/opt/python-code-executor/main.py"}


def uid(status: dict[str, str]) -> int:
    """Return the effective user id of a process, from its /proc/PID/status."""
    return int(status["Uid"].split()[1])
