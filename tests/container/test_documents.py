"""The docker commands in the documents do what the documents say."""

import shlex
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
import requests

from tests.conftest import ROOT, copy_of_repository, free_port, started_by_tests
from tests.container.conftest import IMAGE, IMAGE_SECONDS, Contain, Container, docker, wait_until_it_answers
from tests.documents import OPERATING, Block, blocks, marked, rows

pytestmark = [pytest.mark.needs_docker, pytest.mark.timeout(IMAGE_SECONDS)]

PLAIN, DETAILED, OWN_LIBRARY = (block for block, _ in marked("docker"))
OWN_IMAGE = "python-code-executor:documents"
# Takes nearly all the memory and scratch space of one script, and holds it while its neighbour does the same.
TAKE_ALL = """
import time

def main():
    hoard = bytearray(450 * 2**20)
    hoard[::4096] = b"x" * len(hoard[::4096])
    with open("filler", "wb") as file:
        for _ in range(60):
            file.write(bytes(2**20))
    time.sleep(2)
    return len(hoard)
"""


def adapted(block: Block, image: str, name: str, port: int) -> list[str]:
    """Return a block's commands, for another image, container and port."""
    commands = []
    for command in block.commands():
        words = shlex.split(command.replace("$PWD/", "./"))
        words = [image if word == "python-code-executor" else name if word == "executor" else word for word in words]
        words = [word.replace(":8080:8080", f":{port}:8080") for word in words]
        if words[:2] == ["docker", "run"] and "--name" not in words:
            words[2:2] = ["--name", name]
        commands.append(shlex.join(words) if ">" not in words else command)
    return commands


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A clone, with the document's policy in it."""
    tmp_path.chmod(0o755)
    [policy] = [block for block in blocks(OPERATING) if block.language == "yaml"]
    copy_of_repository(tmp_path)
    (tmp_path / "my-rules.yaml").write_text(policy.text)
    (tmp_path / "my-rules.yaml").chmod(0o644)
    return tmp_path


@pytest.fixture
def name() -> Iterator[str]:
    """The name of a container that is removed at the end."""
    name = f"executor-{free_port()}"
    yield name
    with suppress(AssertionError):  # docker removed it already
        docker("rm", "--force", name)


def run(command: str, folder: Path) -> str:
    done = subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def start(command: str, folder: Path, name: str, port: int) -> Container:
    """Run a `docker run` command, and wait until it has started in the background or the service answers."""
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(["bash", "-c", f"exec {command}"], cwd=folder, stdout=output, stderr=output)
    started_by_tests.add(process.pid)
    container = Container(port, name, process, log)
    if "--detach" in command:
        assert process.wait(120) == 0, container.log_text()
    else:
        wait_until_it_answers(container)
    return container


def test_a_plain_container_runs_scripts_at_seccomp(image: str, folder: Path, name: str) -> None:
    port = free_port()
    build, serve = adapted(PLAIN, image, name, port)
    assert build == f"docker build -t {image} ."
    container = start(serve, folder, name, port)
    assert container.isolation() == "seccomp"
    assert container.post("def main():\n    return 1\n").json()["result"] == 1
    assert container.stop() == 0


def test_a_container_takes_settings_a_volume_and_bounds_and_shows_its_log(image: str, folder: Path, name: str) -> None:
    port = free_port()
    serve, logs, stop = adapted(DETAILED, image, name, port)
    container = start(serve, folder, name, port)
    for _ in range(100):
        with suppress(requests.ConnectionError):
            if container.isolation():
                break
        subprocess.run(["sleep", "0.2"], check=True)
    assert container.isolation() == "namespaces"
    refused = container.post("import sqlite3\n\ndef main():\n    return 1\n").json()
    assert refused["error"] == "`import sqlite3` is not allowed. Use pandas.read_csv."
    assert "at most 5" in container.post("def main():\n    return 1\n", timeout=6).json()["error"]
    shown = run(logs, folder)
    assert "Isolation level: namespaces" in shown
    assert not shown.startswith("{")
    run(stop, folder)
    with pytest.raises(requests.ConnectionError):
        container.isolation()


def test_an_image_can_have_the_operators_own_packages(image: str, folder: Path, contain: Contain) -> None:
    """The fixture `image` is built first: the two share every layer but the packages."""
    for command in adapted(OWN_LIBRARY, OWN_IMAGE, "", 0):
        run(command, folder)
    container = contain(OWN_IMAGE)
    script = "import tabulate\n\ndef main():\n    return tabulate.tabulate([[1, 2]], tablefmt='plain')\n"
    assert container.post(script).json()["result"] == "1  2"
    assert container.stop() == 0


def test_a_container_of_the_documented_size_holds_that_many_scripts(image: str, contain: Contain) -> None:
    (scripts, memory), *_ = rows(OPERATING, "Size")
    flags = ("--security-opt", f"seccomp={ROOT}/nsjail/docker.seccomp.json", "--memory", memory.replace(" MB", "m"))
    container = contain(image, *flags, SANDBOX_CONCURRENCY=scripts)
    assert container.isolation() == "namespaces"
    with ThreadPoolExecutor(int(scripts)) as pool:
        answers = list(pool.map(container.post, [TAKE_ALL] * int(scripts)))
    assert [answer.json().get("result") for answer in answers] == [450 * 2**20] * int(scripts)
    assert container.stop() == 0


def test_the_image_is_called_as_in_the_documents() -> None:
    assert IMAGE.startswith("python-code-executor:")
