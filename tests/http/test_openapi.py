"""The OpenAPI document: it says what the code and docs/api.md say, and schemathesis finds the service to be so."""

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest
import requests
from openapi_spec_validator import validate

from policy.findings import MAX_VIOLATIONS
from sandbox import IsolationLevel, Limits
from service.client_socket import REQUEST_SECONDS
from service.openapi import load_openapi
from service.settings import read_settings
from tests.conftest import ROOT, Serve, Server
from tests.contract import CODES, codes_in_the_code
from tests.documents import API, rows
from tests.http.fuzz import run_schemathesis, what_came, what_went_wrong

FILE = ROOT / "service" / "openapi.json"
DOCUMENT = json.loads(FILE.read_text())
SCHEMAS = DOCUMENT["components"]["schemas"]
EXECUTE = DOCUMENT["paths"]["/execute"]["post"]


def resolve(node: dict[str, Any]) -> dict[str, Any]:
    """Follow a reference."""
    while "$ref" in node:
        found: Any = DOCUMENT
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        node = found
    return node


def responses() -> list[tuple[str, str, int, dict[str, Any]]]:
    """Return every response: path, method, status and what it is."""
    return [
        (path, method, int(status), resolve(response))
        for path, methods in DOCUMENT["paths"].items()
        for method, operation in methods.items()
        for status, response in operation["responses"].items()
    ]


def codes_of(response: dict[str, Any]) -> set[str]:
    """Return the codes that a response may have."""
    schema = resolve(response.get("content", {}).get("application/json", {}).get("schema", {}))
    found = set()
    for one in map(resolve, schema.get("anyOf", [schema])):
        code = one.get("properties", {}).get("code", {})
        found |= set(code.get("enum", [code["const"]] if "const" in code else []))
    return found


def test_document_is_valid_openapi() -> None:
    assert DOCUMENT["openapi"].startswith("3.1.")
    validate(DOCUMENT)


def test_file_is_written_as_json_writes_it() -> None:
    assert FILE.read_text() == json.dumps(DOCUMENT, indent=2, ensure_ascii=False) + "\n"


def test_version_is_that_of_the_project() -> None:
    assert f'version = "{DOCUMENT["info"]["version"]}"' in (ROOT / "pyproject.toml").read_text()


def test_codes_are_those_of_the_code_and_of_the_documents() -> None:
    by_status: dict[int, set[str]] = {}
    for _, _, status, response in responses():
        by_status.setdefault(status, set()).update(codes_of(response))
    by_status[404] = codes_of(DOCUMENT["components"]["responses"]["NotFound"])
    documented = {status: codes for status, codes in by_status.items() if codes}
    assert documented == CODES
    assert set().union(*documented.values()) == codes_in_the_code()


def test_codes_of_execute_are_all_but_those_of_other_paths_and_methods() -> None:
    found = {int(status): codes_of(resolve(response)) for status, response in EXECUTE["responses"].items()}
    assert found == {200: set(), **{status: codes for status, codes in CODES.items() if status not in (404, 405)}}


def test_paths_and_methods_are_those_of_the_code() -> None:
    documented = {
        path: {method.upper() for method in methods} - {"OPTIONS"} for path, methods in DOCUMENT["paths"].items()
    }
    ours = re.search(r"^_METHODS = (.+)$", (ROOT / "main.py").read_text(), re.MULTILINE)
    assert ours
    assert documented == {path: set(methods) for path, methods in ast.literal_eval(ours[1]).items()}
    assert all("options" in methods for methods in DOCUMENT["paths"].values())


def test_fields_are_those_of_the_documents() -> None:
    assert list(SCHEMAS["Script"]["properties"]) == [row[0].strip("`") for row in rows(API, "Request")]


def test_every_answer_is_told_not_to_be_sniffed_and_every_retry_when() -> None:
    for path, method, status, response in responses():
        wanted = {"X-Content-Type-Options"}
        wanted |= {"Retry-After"} if status in (429, 503) else {"Allow"} if status == 405 else set()
        required = {name for name, header in response["headers"].items() if resolve(header)["required"]}
        assert wanted <= required, (path, method, status)


def test_nothing_is_defined_that_is_not_used() -> None:
    text = FILE.read_text()
    for kind, components in DOCUMENT["components"].items():
        for name in components:
            # No operation answers for the paths that are not there.
            assert f'"#/components/{kind}/{name}"' in text or (kind, name) == ("responses", "NotFound")


def test_limits_in_the_file_are_the_defaults() -> None:
    assert load_openapi(read_settings({})) == DOCUMENT
    assert SCHEMAS["RefusedScript"]["properties"]["violations"]["maxItems"] == MAX_VIOLATIONS
    assert SCHEMAS["Healthy"]["properties"]["isolation"]["enum"] == [*IsolationLevel][::-1]
    text = FILE.read_text()
    limits, settings = Limits(), read_settings({})
    for setting, amount in {
        "SANDBOX_SCRIPT_KB": f"{settings.script_bytes // 2**10} KB",
        "SANDBOX_REQUEST_MB": f"{settings.request_bytes // 2**20} MB",
        "SANDBOX_RESULT_MB": f"{limits.result_bytes // 2**20} MB",
        "SANDBOX_STDOUT_MB": f"{limits.stdout_bytes // 2**20} MB",
        "SANDBOX_STDERR_MB": f"{limits.stderr_bytes // 2**20} MB",
    }.items():
        assert re.search(rf"{amount} \((?:2\^20 bytes; )?{setting}\)", text), setting


def test_time_for_a_request_is_the_servers() -> None:
    assert f"must arrive within {REQUEST_SECONDS:g} seconds" in EXECUTE["description"]


def test_document_that_is_served_has_the_limits_of_the_settings(serve: Serve) -> None:
    server = serve(SANDBOX_TIMEOUT_SECONDS="2.5", SANDBOX_SCRIPT_KB="7", SANDBOX_STDOUT_MB="3", SANDBOX_STDERR_MB="2")
    schemas = requests.get(f"{server.url}/openapi.json", timeout=30).json()["components"]["schemas"]
    assert schemas["Script"]["properties"]["timeout"]["maximum"] == 2.5
    assert schemas["Script"]["properties"]["script"]["maxLength"] == 7 * 2**10
    assert (schemas["Stdout"]["maxLength"], schemas["Stderr"]["maxLength"]) == (3 * 2**20, 2 * 2**20)
    # It is the limit of the service too.
    assert server.post("x", timeout=2.5).json()["code"] == "missing_main"
    assert server.post("x", timeout=2.6).json()["code"] == "invalid_request"
    assert server.post("#" * 7 * 2**10).json()["code"] == "missing_main"
    assert server.post("#" * (7 * 2**10 + 1)).json()["code"] == "invalid_request"


def test_document_is_served(server: Server) -> None:
    answer = requests.get(f"{server.url}/openapi.json", timeout=30)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
    assert answer.json() == DOCUMENT


@pytest.mark.parametrize("name", EXECUTE["requestBody"]["content"]["application/json"]["examples"])
def test_example_is_answered_so(server: Server, name: str) -> None:
    sent = EXECUTE["requestBody"]["content"]["application/json"]["examples"][name]["value"]
    answer = requests.post(f"{server.url}/execute", json=sent, timeout=30)
    documented = EXECUTE["responses"][str(answer.status_code)]["content"]["application/json"]["examples"][name]["value"]
    came = answer.json()
    assert came.get("usage", {}).keys() == documented.get("usage", {}).keys()
    assert came | {"usage": None} == documented | {"usage": None}


def test_every_example_of_an_answer_has_one_of_a_request() -> None:
    sent = set(EXECUTE["requestBody"]["content"]["application/json"]["examples"])
    answered = [
        name
        for response in EXECUTE["responses"].values()
        for name in resolve(response).get("content", {}).get("application/json", {}).get("examples", {})
    ]
    assert sorted(sent) == sorted(answered)


@pytest.mark.slow
def test_schemathesis_finds_nothing(new_server: Serve) -> None:
    server = new_server()
    done = run_schemathesis(f"{server.url}/openapi.json", "--generation-deterministic", "--max-examples", "60")
    assert done.returncode == 0, done.stdout
    assert "7 selected / 7 total" in done.stdout
    assert what_went_wrong(server) == []
    # It has been everywhere, and scripts have run.
    came = what_came(server)
    wanted = {"200", "200 returned", "400 invalid_json", "400 invalid_request", "400 script_error", "400 timeout"}
    wanted |= {"405 method_not_allowed", "413 payload_too_large", "415 unsupported_media_type"}
    assert wanted <= {answer.strip() for answer in came}, came
    server.stop()


NEEDS_ARGS = {
    "type": "object",
    "required": ["script", "args"],
    "properties": {"script": {"const": "def main():\n    return 1\n"}, "args": {"const": {}}},
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("place", "lie", "told"),
    [
        ("paths /execute post responses 415", None, "Undocumented status code"),
        ("paths /health get", None, "Wrong response to undeclared method"),
        ("components schemas Healthy properties status", {"const": "well"}, "Response violates schema"),
        ("components headers Nosniff schema", {"const": "sniff"}, "Response header does not conform"),
        ("components schemas Script", NEEDS_ARGS, "Schema-violating request accepted"),
    ],
)
def test_schemathesis_finds_a_document_that_is_wrong(
    server: Server, tmp_path: Path, place: str, lie: object, told: str
) -> None:
    """Otherwise nobody could know whether it looks at all."""
    wrong = json.loads(FILE.read_text())
    *way, last = place.split()
    node = wrong
    for part in way:
        node = node[part]
    if lie is None:
        del node[last]
    else:
        node[last] = lie
    (tmp_path / "wrong.json").write_text(json.dumps(wrong))
    options = [
        "--url",
        server.url,
        "--generation-deterministic",
        "--phases",
        "examples,coverage",
        "--max-failures",
        "1",
    ]
    done = run_schemathesis(str(tmp_path / "wrong.json"), *options)
    assert done.returncode == 1
    assert told in done.stdout
