"""The real provider applies the configuration: it makes, keeps and removes everything, and its requests are right."""

import re
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.terraform.conftest import Terraform
from tests.terraform.fake_google import DIGEST, PROJECT

pytestmark = [pytest.mark.slow, pytest.mark.needs_terraform_provider, pytest.mark.timeout(300)]

REGION = "europe-west1"
NAME = "python-code-executor"
SERVICE = f"run/v2/projects/{PROJECT}/locations/{REGION}/services/{NAME}"
REPOSITORY = f"artifactregistry/v1/projects/{PROJECT}/locations/{REGION}/repositories/{NAME}"
ACCOUNTS = {one: f"{NAME}-{one}@{PROJECT}.iam.gserviceaccount.com" for one in ("run", "build")}
OPTIONAL: dict[str, Any] = {
    "alerts": True,
    "lock_egress": True,
    "invokers": ["user:ada@example.com"],
    "github": {"owner": "someone", "name": "executor"},
    "sandbox_timeout_seconds": 5,
    "sandbox_memory_mb": 128,
}


def members(policy: dict[str, Any]) -> dict[str, list[str]]:
    return {one["role"]: one["members"] for one in policy.get("bindings", [])}


def test_terraforms_own_tests_pass(terraform: Terraform) -> None:
    output = terraform("test")
    assert re.search(r"Success! \d{2,} passed, 0 failed", output), output


def test_apply_makes_the_service_and_destroy_leaves_nothing(terraform: Terraform) -> None:
    google = terraform.google
    terraform.apply()

    service = google.resources[SERVICE]
    template = service["template"]
    [container] = template["containers"]
    assert container["image"] == f"{REGION}-docker.pkg.dev/{PROJECT}/{NAME}/executor@{DIGEST}"
    assert template["executionEnvironment"] == "EXECUTION_ENVIRONMENT_GEN2"
    assert template["serviceAccount"] == ACCOUNTS["run"]
    assert template["maxInstanceRequestConcurrency"] == 8
    assert template["timeout"] == "30s"
    assert template["scaling"] == {"maxInstanceCount": 5, "minInstanceCount": 0} or template["scaling"] == {
        "maxInstanceCount": 5
    }
    assert container["resources"]["limits"] == {"cpu": "2", "memory": "2816Mi"}
    assert container["resources"]["startupCpuBoost"] is True
    assert container["startupProbe"]["httpGet"]["path"] == container["livenessProbe"]["httpGet"]["path"] == "/health"
    environment = {one["name"]: one["value"] for one in container["env"]}
    assert environment["SANDBOX_MIN_ISOLATION"] == "namespaces"
    assert environment["SANDBOX_CONCURRENCY"] == environment["SANDBOX_SPARES"] == "4"
    assert "vpcAccess" not in template
    assert service["ingress"] == "INGRESS_TRAFFIC_ALL"

    # Nobody may call it, its account has no roles, and the build's account has three.
    assert SERVICE not in google.policies
    granted = {role: found for policy in google.policies.values() for role, found in members(policy).items()}
    assert granted == {
        role: [f"serviceAccount:{ACCOUNTS['build']}"]
        for role in ("roles/artifactregistry.writer", "roles/logging.logWriter", "roles/storage.objectViewer")
    }

    [build] = terraform.builds.read_text().splitlines()
    assert "--config=cloudbuild.yaml" in build
    assert f"_BUILD_ACCOUNT={ACCOUNTS['build']}" in build
    outputs = terraform.outputs()
    assert outputs["url"].startswith("https://")
    assert "Authorization: Bearer" in outputs["curl"]

    # A second apply changes nothing.
    google.changes.clear()
    assert "No changes." in terraform.apply()
    assert [change for change in google.changes if not change[1].endswith("getIamPolicy")] == []
    assert len(terraform.builds.read_text().splitlines()) == 1

    terraform("destroy", "-auto-approve", "-var", f"project_id={PROJECT}", "-var", "deletion_protection=false")
    assert google.resources == {}
    assert [members(policy) for policy in google.policies.values() if members(policy)] == []


def test_everything_optional_is_made_kept_and_removed(terraform: Terraform) -> None:
    google = terraform.google
    terraform.apply(**OPTIONAL)

    service = google.resources[SERVICE]
    access = service["template"]["vpcAccess"]
    assert access["egress"] == "ALL_TRAFFIC"
    assert access["networkInterfaces"][0]["subnetwork"].endswith(f"subnetworks/{NAME}-locked")
    [firewall] = [found for path, found in google.resources.items() if "/firewalls/" in path]
    assert (firewall["direction"], firewall["priority"]) == ("EGRESS", 0)
    assert firewall["denied"] == [{"IPProtocol": "all"}]
    assert firewall["destinationRanges"] == ["0.0.0.0/0"]
    assert members(google.policies[SERVICE]) == {
        "roles/run.invoker": ["user:ada@example.com"],
        "roles/run.developer": [f"serviceAccount:{ACCOUNTS['build']}"],
    }
    assert service["template"]["timeout"] == "20s"
    environment = {one["name"]: one["value"] for one in service["template"]["containers"][0]["env"]}
    assert (environment["SANDBOX_TIMEOUT_SECONDS"], environment["SANDBOX_MEMORY_MB"]) == ("5", "128")
    [alert] = [found for path, found in google.resources.items() if "/alertPolicies/" in path]
    assert len(alert["conditions"]) == 2

    assert "No changes." in terraform.apply(**OPTIONAL)
    terraform("destroy", "-auto-approve", "-var", f"project_id={PROJECT}", "-var", "deletion_protection=false")
    assert google.resources == {}


def test_only_a_change_of_the_sources_is_built(terraform: Terraform) -> None:
    terraform.apply()
    (terraform.repository / "README.md").write_text("Something else.\n")
    assert "No changes." in terraform.apply()
    with (terraform.repository / "main.py").open("a") as file:
        file.write("# a change\n")
    terraform.apply()
    tags = [re.findall(r"_TAG=(src-\w+)", line)[0] for line in terraform.builds.read_text().splitlines()]
    assert len(set(tags)) == len(tags) == 2


def test_the_images_tag_depends_on_every_file_in_it(terraform: Terraform) -> None:
    ask = 'join(" ", local.source_files)'
    output = terraform_console(terraform, ask)
    counted = set(output.strip().strip('"').split())
    copied = {
        "main.py",
        "Dockerfile",
        "nsjail/namespaces.cfg",
        "policy/rules.yaml",
        "sandbox/jail/boot.py",
        "service/launcher.py",
    }
    pins = [*ROOT.glob("requirements*.txt"), *ROOT.glob("requirements/*.txt")]
    copied |= {str(file.relative_to(ROOT)) for file in pins}
    assert copied <= counted
    for folder in ("policy", "sandbox", "service", "nsjail"):
        there = {
            str(file.relative_to(ROOT))
            for file in (ROOT / folder).rglob("*")
            if file.is_file() and "__pycache__" not in file.parts
        }
        assert there <= counted


def terraform_console(terraform: Terraform, expression: str) -> str:
    import subprocess  # noqa: PLC0415

    command = ["terraform", f"-chdir={terraform.repository / 'terraform'}", "console", "-var", f"project_id={PROJECT}"]
    done = subprocess.run(
        command, env=terraform.environment, input=expression, capture_output=True, text=True, check=True, timeout=120
    )
    return done.stdout
