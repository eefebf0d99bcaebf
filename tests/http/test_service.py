"""The server as a process: how it starts, what it logs, how it bears load and how it stops."""

import hashlib
import json
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.conftest import Serve, Server, free_port, start_server

SECRET = "7f3a-nobody-may-log-this"
SLEEP = "import time\ndef main(seconds):\n    time.sleep(seconds)\n    return 'slept'\n"


def failed_start(folder: Path, open_files: str = "", **environment: str) -> str:
    """Start a server that cannot start; return what it said."""
    process = start_server(folder, {"PORT": str(free_port()), **environment}, open_files=open_files)
    assert process.wait(30) == 1
    return (folder / "log").read_text()


def test_wrong_settings_stop_the_start_with_one_message(tmp_path: Path) -> None:
    said = failed_start(tmp_path, SANDBOX_MEMORY_MB="lots", SANDBOX_TIMEOUT="5", LOG_FORMAT="xml")
    assert said.splitlines() == [
        "Wrong settings:",
        "SANDBOX_TIMEOUT='5': there is no such setting; did you mean SANDBOX_TIMEOUT_SECONDS?",
        "SANDBOX_MEMORY_MB='lots': expected a whole number from 16 to 65536: with less an interpreter cannot get ready "
        "for a script, or not say what went wrong in it",
        "LOG_FORMAT='xml': expected one of json, text",
    ]


def test_more_scripts_than_open_files_stop_the_start_with_one_message(tmp_path: Path) -> None:
    said = failed_start(tmp_path, open_files="512", SANDBOX_CONCURRENCY="32")
    assert said.splitlines()[0] == "Wrong settings:"
    assert "this process may have 512" in said
    assert "Traceback" not in said


def test_open_files_are_raised_to_what_the_settings_need(new_server: Serve) -> None:
    server = new_server(open_files="128:4096", SANDBOX_CONCURRENCY="32")
    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(lambda _: server.post(SLEEP, args={"seconds": 1}).json().get("result"), range(32)))
    assert answers == ["slept"] * 32


def test_wrong_policy_stops_the_start_with_one_message(tmp_path: Path) -> None:
    policy_file = tmp_path / "rules.yaml"
    policy_file.write_text("version: nonsense\n")
    said = failed_start(tmp_path, POLICY_FILE=str(policy_file))
    assert said.startswith(f"Wrong policy: POLICY_FILE={policy_file}: ")
    assert "Traceback" not in said


def test_start_names_the_policy_file_and_whether_it_denies_anything(tmp_path: Path, new_server: Serve) -> None:
    policy_file = tmp_path / "rules.yaml"
    for text, number in (("version: 1\nextends: default\nwithout: [debugger]\n", 9), ("version: 1\n", 0)):
        policy_file.write_text(text)
        server = new_server(POLICY_FILE=str(policy_file))
        assert f"Policy: POLICY_FILE={policy_file}, {number} rules" in server.log_text()
        assert ("no script is refused" in server.log_text()) == (number == 0)
        server.stop()


def test_start_opens_nothing_under_home(server: Server) -> None:
    assert [path.name for path in server.log.parent.iterdir()] == ["log"]


def test_start_logs_the_level(server: Server) -> None:
    level = requests.get(f"{server.url}/health", timeout=30).json()["isolation"]
    lines = [line for line in server.log_lines() if line["message"].startswith("Isolation level: ")]
    assert [(line["severity"], line["message"]) for line in lines] == [("INFO", f"Isolation level: {level}")]


def said_at_start(server: Server) -> str:
    return "\n".join(line["message"] for line in server.log_lines() if "httpRequest" not in line)


def test_start_logs_why_no_script_can_run(serve: Serve) -> None:
    server = serve(SANDBOX_MIN_ISOLATION="namespaces", NSJAIL="/bin/false")
    deadline = time.monotonic() + 10
    # The start goes on beside the first answers.
    while "No script can be run" not in said_at_start(server) and time.monotonic() < deadline:
        time.sleep(0.05)
    (line,) = [line for line in server.log_lines() if line["message"].startswith("No script can be run")]
    assert line["severity"] == "ERROR"
    document = requests.get(f"{server.url}/health", timeout=30).json()
    assert document["reason"] in line["message"]
    # One reason for every way that was tried, said once in all.
    assert said_at_start(server).count("it exited before a spare was ready") == 1
    assert json.dumps(document).count("it exited before a spare was ready") == 1


def test_a_reason_is_listed_once_however_many_ways_it_stops(serve: Serve) -> None:
    server = serve(NSJAIL="/bin/false")
    document = requests.get(f"{server.url}/health", timeout=30).json()
    assert (document["status"], document["isolation"]) == ("healthy", "process")
    assert [layer for layer in document["missing"] if "jail failed" in layer] == [
        "namespaces and seccomp: The jail failed: it exited before a spare was ready."
    ]
    deadline = time.monotonic() + 10
    while "Missing: " not in said_at_start(server) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert said_at_start(server).count("it exited before a spare was ready") == 1


def test_request_is_logged_without_what_is_the_clients(server: Server) -> None:
    script = f"import sys\ndef main(s):\n    # {SECRET}\n    print(s, file=sys.stderr)\n    print(s)\n    return s\n"
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    body = json.dumps({"script": script, "args": {"s": SECRET}})
    headers = {"Content-Type": "application/json", "traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
    url = f"{server.url}/execute?secret={SECRET}"
    answer = requests.post(url, data=body, headers=headers, timeout=30)
    assert answer.json()["result"] == SECRET
    digest = hashlib.sha256(script.encode()).hexdigest()
    (line,) = [line for line in server.log_lines() if line.get("script_sha256") == digest]
    assert line["severity"] == "INFO"
    assert line["code"] == "returned"
    assert line["logging.googleapis.com/trace"] == trace
    assert {name: line[name] for name in answer.json()["usage"]} == answer.json()["usage"]
    assert line["isolation"] == requests.get(f"{server.url}/health", timeout=30).json()["isolation"]
    request = line["httpRequest"]
    assert (request["requestMethod"], request["requestUrl"], request["status"]) == ("POST", "/execute", 200)
    assert (request["requestSize"], request["responseSize"]) == (str(len(body)), str(len(answer.content)))
    assert SECRET not in server.log_text()


def test_exceptions_of_a_script_are_not_logged(server: Server) -> None:
    answer = server.post(f"def main():\n    raise ValueError('{SECRET}')\n    return 1\n")
    assert SECRET in answer.text
    assert SECRET not in server.log_text()


def test_invalid_http_is_logged_as_json(server: Server) -> None:
    before = len(server.log_lines())
    server.exchange(b"GARBAGE \r\nX\r\n\r\n")
    (line,) = server.log_lines()[before:]
    assert (line["code"], line["httpRequest"]["status"]) == ("invalid_request", 400)


def test_text_log_has_one_line_per_request(serve: Serve) -> None:
    server = serve(LOG_FORMAT="text", CORS_ORIGINS="https://other.example,https://app.example")
    before = len(server.log_text().splitlines())
    requests.get(f"{server.url}/a%0aERROR%20forged", timeout=30)
    (line,) = server.log_text().splitlines()[before:]
    assert " INFO GET /a%0AERROR%20forged 404 not_found " in line


def together(count: int, call: Any) -> list[Any]:
    with ThreadPoolExecutor(count) as pool:
        return [future.result() for future in [pool.submit(call) for _ in range(count)]]


def test_overload_is_a_429_that_says_when_to_come_back(serve: Serve) -> None:
    server = serve(SANDBOX_CONCURRENCY="1", SANDBOX_TIMEOUT_SECONDS="1")
    answers = together(40, lambda: server.post(SLEEP, args={"seconds": 0.8}))
    assert {answer.status_code for answer in answers} == {200, 429}
    for answer in answers:
        if answer.status_code == 429:
            assert answer.json()["code"] == "overloaded"
            assert answer.headers["Retry-After"].isdecimal()
            assert int(answer.headers["Retry-After"]) >= 1
    # Nothing is stuck once they are gone.
    assert server.post(SLEEP, args={"seconds": 0}).status_code == 200


def test_health_answers_under_load(serve: Serve) -> None:
    server = serve(SANDBOX_CONCURRENCY="1", SANDBOX_TIMEOUT_SECONDS="1")
    load = threading.Thread(target=together, args=(20, lambda: server.post(SLEEP, args={"seconds": 0.8})))
    load.start()
    time.sleep(0.3)
    started = time.monotonic()
    assert requests.get(f"{server.url}/health", timeout=30).status_code == 200
    assert time.monotonic() - started < 0.5
    load.join()


def test_stop_lets_scripts_finish_and_leaves_no_process(new_server: Serve) -> None:
    server = new_server()
    with ThreadPoolExecutor() as pool, server.connect(), requests.Session() as kept:
        kept.get(f"{server.url}/health", timeout=30)
        running = [pool.submit(server.post, SLEEP, args={"seconds": 2}) for _ in range(2)]
        time.sleep(1)
        stopping = pool.submit(server.stop)
        time.sleep(0.3)
        with pytest.raises(requests.ConnectionError):
            requests.get(f"{server.url}/health", timeout=30)
        assert [future.result().json()["result"] for future in running] == ["slept", "slept"]
        # Neither a connection that is kept nor one that says nothing holds the stop up for long.
        assert stopping.result() < 8


def test_stop_ends_a_script_at_its_limit(new_server: Serve) -> None:
    server = new_server(SANDBOX_TIMEOUT_SECONDS="2")
    with ThreadPoolExecutor() as pool:
        running = pool.submit(server.post, SLEEP, args={"seconds": 60})
        time.sleep(1)
        assert server.stop() < 6
        assert running.result().json()["code"] == "timeout"


def test_worker_that_is_replaced_runs_scripts(new_server: Serve) -> None:
    server = new_server()
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
    (first,) = children.read_text().split()
    subprocess.run(["kill", "-TERM", first], check=True)
    deadline = time.monotonic() + 20
    while children.read_text().split() in ([], [first]):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert server.post("def main():\n    return 1\n").json()["result"] == 1
    assert server.log_text().count("Isolation level: ") == 2
    server.stop()


@pytest.mark.needs_root
def test_ordinary_user_is_served_too(serve: Serve) -> None:
    server = serve(user=65534)
    answer = server.post("def main():\n    return 1\n")
    assert answer.json()["result"] == 1


def test_fault_of_the_service_is_a_500_with_an_id_that_is_in_the_log(new_server: Serve, tmp_path: Path) -> None:
    source = tmp_path / "broken.py"
    source.write_text(
        "import main\n"
        "class Broken:\n"
        "    failure = ''\n"
        "    def start(self): pass\n"
        "    def refresh(self): pass\n"
        "    def close(self): pass\n"
        "    def check(self, script, sha256):\n"
        f"        raise RuntimeError('{SECRET}')\n"
        "main._endpoints._checkers = main.checkers = Broken()\n"
        "app = main.app\n"
    )
    server = new_server(FUNCTION_SOURCE=str(source))
    answer = server.post("def main():\n    return 1\n")
    document = answer.json()
    assert (answer.status_code, document["code"]) == (500, "internal_error")
    assert SECRET not in answer.text
    (line,) = [line for line in server.log_lines() if "stack_trace" in line]
    assert document["id"] in line["message"]
    assert SECRET in line["stack_trace"]
    assert server.log_lines()[-1]["error_id"] == document["id"]
    server.stop()
