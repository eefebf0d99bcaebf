"""What is in the image, and as which users the processes of its container run."""

import json
import re

import pytest

from tests.conftest import ROOT
from tests.container.conftest import IMAGE_SECONDS, Contain, Container, docker, uid
from tests.sandbox.conftest import checker_processes

pytestmark = [pytest.mark.slow, pytest.mark.needs_docker, pytest.mark.timeout(IMAGE_SECONDS)]

MB = 10**6


@pytest.fixture(scope="module", params=["plain", "privileged"])
def container(request: pytest.FixtureRequest, image: str, contain: Contain) -> Container:
    return contain(image, *(["--privileged"] if request.param == "privileged" else []))


def test_what_listens_and_what_runs_scripts_is_not_root(container: Container) -> None:
    script = "import os\n\ndef main():\n    return [os.getuid(), os.geteuid(), os.getgid(), os.getgroups()]\n"
    statuses = container.statuses()
    # The launcher, the spawn broker, and nsjail's own processes.
    of_root = [one for one in statuses if uid(one) == 0]
    assert {one["Name"] for one in of_root} <= {"python", "nsjail"}
    assert sum(one["Name"] == "python" for one in of_root) == 2
    servers = [one for one in statuses if uid(one) == 65_532]
    assert len(servers) == 2 + checker_processes()
    for one in servers:
        assert (one["CapPrm"], one["CapEff"], one["NoNewPrivs"], one["Groups"]) == ("0" * 16, "0" * 16, "1", "")
    jailed = [one for one in statuses if uid(one) >= 100_000]
    assert len(jailed) == len(statuses) - len(of_root) - len(servers) > 0
    answer = container.post(script).json()
    assert 0 not in answer["result"][:3], answer


def test_the_unprivileged_server_owns_the_port(container: Container) -> None:
    table = container.run("cat", "/proc/net/tcp")
    owners = {
        row[7]
        for row in map(str.split, table.splitlines()[1:])
        if int(row[1].split(":")[1], 16) == container.port and row[3] == "0A"
    }
    assert owners == {"65532"}


def test_the_health_check_passes(container: Container) -> None:
    declared = re.search(r"HEALTHCHECK.*\\\n\s+CMD (\[.+\])", (ROOT / "Dockerfile").read_text())
    assert declared
    container.run(*json.loads(declared[1]))


def test_the_image_has_no_installer_and_no_compiler(container: Container) -> None:
    tools = "for name in pip pip3 easy_install gcc cc c++ ld as make; do command -v $name; done; true"
    assert container.run("sh", "-c", tools) == ""
    for found in (
        r"find / -xdev ( -name pip -o -name setuptools -o -name ensurepip ) -type d",
        "find / -xdev -perm /6000 -type f",
        "find /opt -perm /022 -not -type l",
    ):
        assert container.run(*found.split()) == ""


def test_scripts_find_their_packages_and_not_the_services(container: Container) -> None:
    names = ["numpy", "pandas", "requests", "flask", "gunicorn", "functions_framework", "service", "sandbox"]
    script = f"import importlib.util\n\ndef main():\n    return [n for n in {names} if importlib.util.find_spec(n)]\n"
    assert container.post(script).json()["result"] == ["numpy", "pandas", "requests"]


def test_the_image_is_small(image: str) -> None:
    assert int(docker("inspect", "--format", "{{.Size}}", image)) <= 520 * MB
