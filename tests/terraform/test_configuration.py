"""The configurations of Terraform and Cloud Build agree with the service; these tests need no provider."""

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from scripts.terraform_docs import BETWEEN, README, TERRAFORM, attribute, blocks, tables
from service.setting_types import Setting
from service.settings import TABLE
from tests.conftest import ROOT

# Settings that the image or the configuration itself decides.
OF_THE_IMAGE = {"HOST", "PORT", "NSJAIL", "SANDBOX_PYTHON", "LOG_FORMAT"}
NOT_VARIABLES = OF_THE_IMAGE | {"SANDBOX_MIN_ISOLATION", "GOOGLE_CLOUD_PROJECT"}
# Their defaults follow from other variables: the number of CPUs, and the timeout.
FOLLOW = ("SANDBOX_CONCURRENCY", "SANDBOX_SPARES", "SANDBOX_CPU_SECONDS")
SETTINGS = [setting for setting in TABLE if setting.name not in NOT_VARIABLES]


def test_settings_are_variables_of_the_same_names() -> None:
    assert set(blocks("variable", "settings.tf")) == {setting.name.lower() for setting in SETTINGS}


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_settings_have_the_same_defaults_and_ranges(setting: Setting) -> None:
    block = blocks("variable", "settings.tf")[setting.name.lower()]
    default = attribute(block, "default").strip('"')
    expected = "null" if setting.name in FOLLOW else setting.default
    assert default == expected
    bounds = re.fullmatch(r"a (?:whole )?number from ([\d.]+) to (\d+)", setting.expected)
    if bounds:
        variable = f"var.{setting.name.lower()}"
        assert f"{variable} >= {bounds[1]} && {variable} <= {bounds[2]}" in block
        assert (f" && floor({variable}) == {variable}" in block) == ("whole" in setting.expected)


def test_every_setting_reaches_the_service() -> None:
    text = (TERRAFORM / "service.tf").read_text()
    passed = set(re.findall(r"^    ([A-Z_]+)\s+=", text, re.MULTILINE))
    assert passed == {setting.name for setting in TABLE} - OF_THE_IMAGE


def test_the_readme_has_the_tables_of_this_configuration() -> None:
    found = BETWEEN.search(README.read_text())
    assert found
    assert found[0] == tables(), "make terraform-docs writes them"


def test_cloud_build_tries_the_image_before_it_pushes_it() -> None:
    steps = [step["id"] for step in yaml.safe_load((ROOT / "cloudbuild.yaml").read_text())["steps"]]
    assert steps.index("build") < steps.index("smoke-test") < steps.index("push") < steps.index("deploy")


def test_cloud_builds_scripts_are_shell() -> None:
    for step in yaml.safe_load((ROOT / "cloudbuild.yaml").read_text())["steps"]:
        subprocess.run(["sh", "-n"], input=step["script"], text=True, check=True)


def test_make_deploy_is_private_isolated_and_without_roles(tmp_path: Path) -> None:
    gcloud = tmp_path / "gcloud"
    gcloud.write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/calls\n[ "$3" != describe ]\n')
    gcloud.chmod(0o755)
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    subprocess.run(["make", "deploy", "PROJECT=a-project-123"], cwd=ROOT, env=environment, check=True)
    calls = (tmp_path / "calls").read_text().splitlines()
    [deployed] = [call for call in calls if call.startswith("run deploy")]
    for flag in ("--no-allow-unauthenticated", "--execution-environment=gen2", "SANDBOX_MIN_ISOLATION=namespaces"):
        assert flag in deployed
    assert "--service-account=python-code-executor-run@a-project-123.iam.gserviceaccount.com" in deployed
    assert not [call for call in calls if "add-iam-policy-binding" in call]
    assert [call for call in calls if call.startswith("iam service-accounts create")]


def test_make_deploy_asks_for_the_project() -> None:
    done = subprocess.run(["make", "deploy"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "make deploy PROJECT=my-project-123" in done.stderr
