"""A fake of the Google APIs that `terraform apply` calls: it keeps what it gets, and its answers suffice for that.

A resource is the document that was sent to make it, kept under the path at which Terraform then reads, changes and
deletes it. `FakeGoogle` names the exceptions: services that are enabled together, IAM policies, and long-running
operations, which are done at once.
"""

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Document = dict[str, Any]

PROJECT = "a-project-123"
PROJECT_NUMBER = "123456789012"
DIGEST = "sha256:" + "ab" * 32
# The path after the fake's address, by the environment variable that gives the provider another address.
ENDPOINTS = {
    "GOOGLE_ARTIFACT_REGISTRY_CUSTOM_ENDPOINT": "artifactregistry/v1/",
    "GOOGLE_CLOUD_BUILD_CUSTOM_ENDPOINT": "cloudbuild/v1/",
    "GOOGLE_CLOUD_RUN_V2_CUSTOM_ENDPOINT": "run/v2/",
    "GOOGLE_COMPUTE_CUSTOM_ENDPOINT": "compute/v1/",
    "GOOGLE_IAM_BETA_CUSTOM_ENDPOINT": "iam/v1/",
    "GOOGLE_LOGGING_CUSTOM_ENDPOINT": "logging/v2/",
    "GOOGLE_MONITORING_CUSTOM_ENDPOINT": "monitoring/",
    "GOOGLE_RESOURCE_MANAGER_CUSTOM_ENDPOINT": "resourcemanager/v1/",
    "GOOGLE_SERVICE_USAGE_CUSTOM_ENDPOINT": "serviceusage/v1/",
    "GOOGLE_STORAGE_CUSTOM_ENDPOINT": "storage/v1/",
}
# The query's parameters that can hold the name of a new resource; without one, it is the body's `name`.
NAME_PARAMETERS = ("repository_id", "repositoryId", "serviceId")


@dataclass
class FakeGoogle:
    """The state of the fake.

    Attributes:
        resources: what exists, by path.
        policies: the IAM policy of each resource, by path.
        enabled: the services that are enabled in the project.
        changes: each request that was not a GET: method, path, body.
        built_tags: returns the tags of the images that were built.
    """

    resources: dict[str, Document] = field(default_factory=dict)
    policies: dict[str, Document] = field(default_factory=dict)
    enabled: set[str] = field(default_factory=set)
    changes: list[tuple[str, str, Document]] = field(default_factory=list)
    built_tags: Callable[[], list[str]] = list

    def answer(self, method: str, target: str, body: Document) -> tuple[int, Document]:
        """Answer one request with a status and a document."""
        split = urlsplit(target)
        path = split.path.strip("/")
        query = {name: values[0] for name, values in parse_qs(split.query).items()}
        policy = re.fullmatch(r"(.+?)(?::|/)(getIamPolicy|setIamPolicy|iam)", path)
        if method != "GET" and not path.endswith(":getIamPolicy"):
            self.changes.append((method, path, body))
        if policy:
            return 200, self._policy(policy[1], body, changes=method == "PUT" or policy[2] == "setIamPolicy")
        if path.startswith("serviceusage/"):
            return self._service_usage(path, body)
        if path.startswith("resourcemanager/") and method == "GET":
            return 200, {"projectId": PROJECT, "projectNumber": PROJECT_NUMBER, "lifecycleState": "ACTIVE"}
        if "/operations/" in path:
            return 200, {"name": path, "status": "DONE", "done": True}
        if path.endswith("/global/routes"):
            return 200, {"items": []}
        if path.endswith("/dockerImages"):
            return 200, {"dockerImages": [self._image(path, tag) for tag in self.built_tags()]}
        return self._resource(method, path, query, body)

    def _policy(self, path: str, body: Document, *, changes: bool) -> Document:
        if changes:
            self.policies[path] = body.get("policy", body)
        return self.policies.get(path, {"version": 1, "etag": "BwY="})

    def _service_usage(self, path: str, body: Document) -> tuple[int, Document]:
        if path.endswith(":batchEnable"):
            self.enabled |= set(body["serviceIds"])
        elif path.endswith(":enable"):
            self.enabled.add(path.rpartition("/")[2].removesuffix(":enable"))
        elif path.endswith("/services"):
            names = [f"projects/{PROJECT_NUMBER}/services/{one}" for one in sorted(self.enabled)]
            return 200, {
                "services": [{"name": n, "config": {"name": n.rpartition("/")[2]}, "state": "ENABLED"} for n in names]
            }
        return 200, {"name": "operations/enabled", "done": True, "response": {}}

    def _image(self, path: str, tag: str) -> Document:
        repository = re.search(r"projects/([^/]+)/locations/([^/]+)/repositories/([^/]+)", path)
        assert repository
        project, location, name = repository.groups()
        uri = f"{location}-docker.pkg.dev/{project}/{name}/executor@{DIGEST}"
        full = f"projects/{project}/locations/{location}/repositories/{name}/dockerImages/executor@{DIGEST}"
        return {
            "name": full,
            "uri": uri,
            "tags": [tag],
            "uploadTime": "2026-01-01T00:00:00Z",
            "updateTime": "2026-01-01T00:00:00Z",
        }

    def _resource(self, method: str, path: str, query: Document, body: Document) -> tuple[int, Document]:
        if method == "POST":
            return 200, self._make(path, query, body)
        if path not in self.resources:
            return 404, {"error": {"code": 404, "message": f"There is no {path}", "status": "NOT_FOUND"}}
        if method == "DELETE":
            del self.resources[path]
            return 200, self._done(path, {})
        if method in ("PATCH", "PUT"):
            self.resources[path] |= body
            return 200, self._done(path, self.resources[path])
        return 200, self.resources[path]

    def _make(self, path: str, query: Document, body: Document) -> Document:
        name = next((query[one] for one in NAME_PARAMETERS if one in query), None) or body.get("name", "made")
        service = path.partition("/")[0]
        found = dict(body)
        stored_at = f"{path}/{name.rpartition('/')[2]}" if "/" in name and service != "logging" else f"{path}/{name}"
        full = stored_at.split("/", 2)[2]
        if service == "iam":
            email = f"{body['accountId']}@{PROJECT}.iam.gserviceaccount.com"
            stored_at, full = f"{path}/{email}", f"projects/{PROJECT}/serviceAccounts/{email}"
            found = body["serviceAccount"] | {"email": email, "uniqueId": "1", "projectId": PROJECT}
        elif service == "run":
            found |= {
                "uri": f"https://{name}-{PROJECT_NUMBER}.{path.split('/')[5]}.run.app",
                "terminalCondition": {"type": "Ready", "state": "CONDITION_SUCCEEDED"},
                "generation": "1",
                "observedGeneration": "1",
            }
        elif service in ("storage", "compute", "logging", "cloudbuild"):
            full = name
            stored_at = f"{path}/1" if service == "cloudbuild" else stored_at
            found |= {"selfLink": f"https://www.googleapis.com/{stored_at}", "id": "1"}
            if service == "storage":
                found["location"] = body["location"].upper()  # as the real one answers
        self.resources[stored_at] = found | {"name": full}
        return self._done(stored_at, self.resources[stored_at])

    def _done(self, path: str, resource: Document) -> Document:
        """Return the answer to a change: an operation that is done, or the resource if the API has no operations."""
        service = path.partition("/")[0]
        if service == "compute":
            return {
                "kind": "compute#operation",
                "name": "over",
                "status": "DONE",
                "selfLink": "over",
                "targetLink": path,
            }
        if service in ("run", "artifactregistry"):
            return {
                "name": f"projects/{PROJECT}/locations/somewhere/operations/over",
                "done": True,
                "response": resource,
            }
        return resource


@contextmanager
def run_fake_google() -> Iterator[tuple[FakeGoogle, dict[str, str]]]:
    """Run the fake; yield its state, and the environment variables that send the provider to it."""
    google = FakeGoogle()
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _handle(self) -> None:
            text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = json.loads(text) if text else {}
            with lock:
                status, document = google.answer(self.command, self.path, body)
            answer = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _handle

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        address = f"http://127.0.0.1:{server.server_port}"
        yield google, {name: f"{address}/{path}" for name, path in ENDPOINTS.items()}
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
