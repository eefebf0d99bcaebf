"""`python -m bench.containers`: measures the image in a plain and in a privileged container, side by side."""

import secrets
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from . import measure, results
from .load import find_wrk
from .report import heading
from .servers import ROOT, THREADS, Server, free_port
from .workloads import PANDAS

IMAGE = "python-code-executor:bench"
ROWS = {
    "plain": "plain container",
    "plain cold": "plain container, `SANDBOX_MODE=cold`",
    "privileged": "privileged container",
    "privileged cold": "privileged container, `SANDBOX_MODE=cold`",
}


def main() -> None:
    """Build the image, measure it, and write `CONTAINERS.md`."""
    find_wrk()
    subprocess.run(["docker", "build", "--quiet", "--tag", IMAGE, str(ROOT)], check=True, stdout=subprocess.DEVNULL)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        comparison = measure.compare(Path(folder), measure.THOROUGH, run_containers)
    table = results.comparison_table(comparison, ROWS)
    print(table)
    text = f"# Results of `make bench-image`\n\n{heading()}\n\nMeasured as by `make bench`, in containers.\n\n{table}"
    (ROOT / "bench" / "CONTAINERS.md").write_text(text, "utf-8")


@contextmanager
def run_containers(folder: Path) -> Iterator[dict[str, Server]]:
    """Run a container for each row."""
    with ExitStack() as stack:
        servers = {}
        for row in ROWS:
            flags = ["--privileged"] if row.startswith("privileged") else []
            mode = "cold" if row.endswith("cold") else "warm"
            servers[row] = stack.enter_context(_run_container(folder / row.replace(" ", "-"), mode, flags))
        for server in servers.values():
            server.wait_until_open()
        for kind in ("plain", "privileged"):
            # A warm start shows by taking less than half of a cold one.
            servers[kind].wait_until_warm(servers[f"{kind} cold"].answer_seconds(PANDAS) / 2)
        yield servers


@contextmanager
def _run_container(log: Path, mode: str, flags: list[str]) -> Iterator[Server]:
    port = free_port()
    name = f"bench-{secrets.token_hex(4)}"
    variables = {"PORT": str(port), "THREADS": THREADS, "THREADED_TIMEOUT_ENABLED": "false", "SANDBOX_MODE": mode}
    environment = [part for key, value in variables.items() for part in ("-e", f"{key}={value}")]
    command = ["docker", "run", "--rm", "--name", name, "-p", f"{port}:{port}", *environment, *flags, IMAGE]
    with log.open("wb") as output:
        started = time.monotonic()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        yield Server(port, process, log, started)
    finally:
        subprocess.run(["docker", "stop", name], check=True, stdout=subprocess.DEVNULL)
        process.wait()


if __name__ == "__main__":
    main()
