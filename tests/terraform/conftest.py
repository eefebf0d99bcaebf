"""Terraform with the real google provider, on a copy of the repository; its API calls go to a fake."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import copy_of_repository
from tests.terraform.fake_google import PROJECT, FakeGoogle, run_fake_google

# A folder with providers, laid out for `filesystem_mirror` of a Terraform CLI configuration.
PROVIDERS = os.environ.get("TERRAFORM_PROVIDERS", "")


@dataclass
class Terraform:
    """Terraform in a folder of its own.

    Attributes:
        repository: the copy of the repository.
        environment: what terraform runs with.
        google: the fake that its provider calls.
        builds: the file to which the stand-in for gcloud writes its arguments, a line for each call.
    """

    repository: Path
    environment: dict[str, str]
    google: FakeGoogle
    builds: Path

    def __call__(self, *arguments: str, status: int = 0) -> str:
        """Run a terraform command, which must exit with `status`, and return its output."""
        command = ["terraform", f"-chdir={self.repository / 'terraform'}", *arguments, "-no-color"]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False, timeout=300)
        output = done.stdout + done.stderr
        assert done.returncode == status, output
        return output

    def apply(self, **variables: object) -> str:
        """Apply the configuration."""
        return self("apply", "-auto-approve", *options(variables))

    def plan(self, **variables: object) -> dict[str, Any]:
        """Return the plan as JSON."""
        file = str(self.repository / "plan")
        self("plan", f"-out={file}", *options(variables))
        plan: dict[str, Any] = json.loads(self("show", "-json", file))
        return plan

    def outputs(self) -> dict[str, Any]:
        return {name: output["value"] for name, output in json.loads(self("output", "-json")).items()}


def options(variables: dict[str, object]) -> list[str]:
    """Return variables as command options, with those that every test sets."""
    given = {"project_id": PROJECT, "deletion_protection": False} | variables
    return [f"-var={name}={value if isinstance(value, str) else json.dumps(value)}" for name, value in given.items()]


@pytest.fixture
def terraform(tmp_path: Path) -> Iterator[Terraform]:
    """Terraform, initialised."""
    if not shutil.which("terraform"):
        pytest.skip("there is no terraform command")
    repository = copy_of_repository(tmp_path / "repository")
    builds = tmp_path / "builds"
    gcloud = tmp_path / "bin" / "gcloud"
    gcloud.parent.mkdir()
    gcloud.write_text(f'#!/bin/sh\necho "$@" >>{builds}\n')
    gcloud.chmod(0o755)
    with run_fake_google() as (google, endpoints):
        environment = os.environ | endpoints
        environment |= {
            "PATH": f"{gcloud.parent}:{os.environ['PATH']}",
            "GOOGLE_OAUTH_ACCESS_TOKEN": "not-a-token",
            "TF_DATA_DIR": str(tmp_path / "data"),
            "TF_IN_AUTOMATION": "1",
        }
        if PROVIDERS:
            configuration = tmp_path / "terraformrc"
            configuration.write_text(
                f'provider_installation {{\n  filesystem_mirror {{\n    path = "{PROVIDERS}"\n  }}\n}}\n'
            )
            environment["TF_CLI_CONFIG_FILE"] = str(configuration)
        found = Terraform(repository, environment, google, builds)
        google.built_tags = lambda: re.findall(r"_TAG=([^,]+)", builds.read_text()) if builds.exists() else []
        init = subprocess.run(
            ["terraform", f"-chdir={repository / 'terraform'}", "init", "-input=false", "-no-color"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        if init.returncode:
            pytest.skip(f"terraform init finds no google provider: {init.stderr.strip().splitlines()[-1]}")
        yield found
