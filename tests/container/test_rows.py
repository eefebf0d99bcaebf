"""The rows of the documents' table: the flags of `docker run`, and the level that results."""

import json
import shlex
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.conftest import ROOT
from tests.container.conftest import IMAGE_SECONDS, SERVER_UIDS, Contain, Container, uid
from tests.documents import EXAMPLES, OPERATING, rows, without_measurements

pytestmark = [pytest.mark.slow, pytest.mark.needs_docker, pytest.mark.timeout(IMAGE_SECONDS)]

LEVELS = ("`namespaces`", "`seccomp`")
TABLE = {given: level for given, level, *_ in rows(OPERATING, "Levels in a container")}
SERVED = {
    given: level.partition(",")[0].strip("`")
    for given, level in TABLE.items()
    if level.startswith(LEVELS) and "network none" not in given
}
PANDAS = "import pandas as pd\n\ndef main():\n    return pd.DataFrame({'a': [1, 2]})['a'].sum()\n"
SLEEP = "import time\n\ndef main():\n    time.sleep(2)\n    return 'slept'\n"
HOG = (
    "def main():\n    hoard = []\n    for _ in range(64):\n        hoard.append(b'x' * 2**24)\n    return len(hoard)\n"
)
HELLO = "def main():\n    return 'hello'\n"


def flags(given: str) -> list[str]:
    if given == "nothing more":
        return []
    return [part.replace("nsjail/", f"{ROOT}/nsjail/") for part in shlex.split(given.strip("`"))]


def test_the_table_has_what_docker_users_try() -> None:
    tried = " ".join(TABLE)
    for flag in ("--privileged", "--cap-add SYS_ADMIN", "--user", "--read-only --tmpfs /tmp", "--memory 512m"):
        assert flag in tried
    for flag in ("--cpus 1", "--network none", "--pids-limit 200", "no-new-privileges", "--cap-drop ALL"):
        assert flag in tried


@pytest.mark.parametrize(("given", "level"), SERVED.items(), ids=SERVED)
def test_the_flags_of_a_row_give_its_level(given: str, level: str, image: str, contain: Contain) -> None:
    container = contain(image, *flags(given))
    health = requests.get(f"{container.url}/health", timeout=60).json()
    assert (health["status"], health["isolation"]) == ("healthy", level), health
    missing = {layer.partition(":")[0].partition(" without")[0] for layer in health.get("missing", [])}
    missing.discard("fair shares")  # the engine decides whether containers are in groups of the CPU's controller
    own_user_id = {"own user id"} if "--user" in given else set()
    assert missing == (set() if level == "namespaces" else {"namespaces"} | own_user_id), health
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(container.post, [HELLO, PANDAS] * 4))
    assert [answer.json().get("result") for answer in answers] == ["hello", 3] * 4
    assert container.stop() == 0


ASK = """
import time, urllib.request
for _ in range(100):
    try:
        print(urllib.request.urlopen(f"http://127.0.0.1:{PORT}/health").read().decode())
        break
    except OSError:
        time.sleep(0.1)
"""


def test_without_a_network_the_service_answers_inside_the_container(image: str, contain: Contain) -> None:
    container = contain(image, "--network", "none", wait=False)
    health = ""
    while not health:
        assert container.process.poll() is None, container.log_text()
        try:
            health = container.run("python", "-c", f"PORT = {container.port}\n{ASK}")
        except AssertionError:
            continue  # docker has not started the container yet
    assert json.loads(health)["isolation"] == "seccomp"
    assert container.stop() == 0


def test_read_only_without_tmp_is_unhealthy_and_says_what_to_do(image: str, contain: Contain) -> None:
    container = contain(image, "--read-only")
    answers = [requests.get(f"{container.url}/health", timeout=60), container.post(HELLO)]
    assert [answer.status_code for answer in answers] == [503, 503]
    assert "docker run --tmpfs /tmp" in answers[0].json()["reason"]
    assert "docker run --tmpfs /tmp" in answers[1].json()["error"]


def test_root_without_capabilities_does_not_start_and_says_what_to_do(image: str, contain: Contain) -> None:
    container = contain(image, "--cap-drop", "ALL", wait=False)
    assert container.process.wait(60) == 1
    assert "docker run --user 65532" in container.log_text()


def test_only_the_script_that_exhausts_the_containers_memory_dies(image: str, contain: Contain) -> None:
    container = contain(image, "--memory", "300m", SANDBOX_MEMORY_MB="2048")
    servers = {one["Pid"] for one in container.statuses() if uid(one) in SERVER_UIDS}
    hog = container.post(HOG).json()
    assert hog["code"] in ("script_exited", "memory_limit"), hog
    assert container.post(HELLO).json()["result"] == "hello"
    assert {one["Pid"] for one in container.statuses() if uid(one) in SERVER_UIDS} == servers
    assert container.stop() == 0


def test_docker_stop_lets_a_script_finish(image: str, contain: Contain) -> None:
    container = contain(image)
    with ThreadPoolExecutor() as pool:
        running = pool.submit(container.post, SLEEP)
        time.sleep(1)
        stopped = pool.submit(container.stop)
        assert running.result().json()["result"] == "slept"
        assert stopped.result() == 0


@pytest.fixture(scope="module")
def plain(image: str, contain: Contain) -> Container:
    return contain(image)


SCRIPTS = [example for example in EXAMPLES if "/execute" in example[0]]


@pytest.mark.parametrize(("command", "answer"), SCRIPTS, ids=range(len(SCRIPTS)))
def test_an_example_gives_the_answer_shown(command: str, answer: str, plain: Container) -> None:
    command = command.replace("localhost:8080", f"127.0.0.1:{plain.port}")
    output = subprocess.run(["bash", "-c", command], capture_output=True, check=True, timeout=60).stdout
    assert without_measurements(json.loads(output)) == without_measurements(json.loads(answer))
