"""Asks the scripts' Python what a jail for it holds: its files, its packages, and the jail-side code compiled by it."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import SandboxUnavailable

_ROOT = Path(__file__).resolve().parents[2]
_JAIL_SOURCES = Path(__file__).resolve().parents[1] / "jail"
_DESCRIBE = Path(__file__).with_name("describe_python.py").read_text("utf-8")
_ANSWER_SECONDS = 30

# The functions beneath a script on the stack, by module. A script that looks for its callers, by
# `traceback.print_stack`, `inspect.stack`, `warnings.warn(stacklevel=2)` or a log's `stack_info`, does not find them:
# CPython 3.11 shows a frame only once it has run the instruction RESUME (see _PyFrame_IsIncomplete in its
# pycore_frame.h), and these functions are compiled without it.
_UNSEEN = {
    "jail.zygote": ("begin", "hook", "serve"),
    "jail.supervisor": ("serve", "_make"),
    "jail.spares": ("make",),
    "jail.spare_process": ("become_spare",),
    "jail.script": ("run_script", "_run", "_returned_by_main", "_finish", "_run_event_loop"),
    "jail.surroundings": ("call_main",),
}


@dataclass(frozen=True, slots=True)
class Interpreter:
    """The scripts' Python.

    Attributes:
        executable: the real path of the binary.
        loader: the dynamic loader, by the path in the binary.
        stdlib: the folder of the standard library.
        site_packages: the folder of the scripts' packages.
        libraries: the folders of the shared libraries that the interpreter loads.
        address_space_bytes: how much address space it takes with the supervisor loaded.
        bundle: the jail-side modules as it compiled them, in `marshal` form.
        own_environment: whether the scripts' packages are apart from the service's.
    """

    executable: str
    loader: str
    stdlib: str
    site_packages: str
    libraries: tuple[str, ...]
    address_space_bytes: int
    bundle: bytes
    own_environment: bool


def default_python() -> Path:
    """Return the Python of the scripts' environment beside the service; the service's own if there is none."""
    own = _ROOT / ".venv-sandbox" / "bin" / "python"
    return own if own.exists() else Path(sys.executable)


def describe(python: Path, warm_imports: Sequence[str] = ()) -> Interpreter:
    """Ask a Python interpreter what a jail for it holds.

    Args:
        python: the interpreter.
        warm_imports: modules that zygotes import.

    Raises:
        SandboxUnavailable: the interpreter cannot be run, is not version 3.11, or lacks one of the modules: a zygote
            that imports it would fail for ever.
    """
    packages = [name.partition(".")[0] for name in warm_imports]
    sources = {"jail": ""} | {f"jail.{file.stem}": file.read_text("utf-8") for file in _JAIL_SOURCES.glob("[!_]*.py")}
    try:
        answer = subprocess.run(
            [python, "-I", "-c", _DESCRIBE, *packages],
            input=json.dumps([sources, _UNSEEN]).encode(),
            capture_output=True,
            check=True,
            timeout=_ANSWER_SECONDS,
            env={"LANG": "C.UTF-8"},
        )
    except subprocess.CalledProcessError as error:
        message = error.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise SandboxUnavailable(f"The scripts' Python {python} does not work: {' '.join(message)}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SandboxUnavailable(f"The scripts' Python {python} cannot be run: {error}") from error
    facts = json.loads(answer.stdout)
    if facts.pop("version") != [3, 11]:
        raise SandboxUnavailable(f"The scripts' Python {python} is not Python 3.11; set SANDBOX_PYTHON to one that is.")
    if absent := facts.pop("not_installed"):
        raise SandboxUnavailable(
            f"SANDBOX_WARM_IMPORTS: {' and '.join(absent)} {'is' if len(absent) == 1 else 'are'} not installed for "
            f"scripts (in {facts['site_packages']}); install what is named, or name less."
        )
    facts["libraries"] = tuple(facts["libraries"])
    facts["bundle"] = bytes.fromhex(facts["bundle"])
    return Interpreter(**facts, own_environment=Path(facts["site_packages"]) not in map(Path, sys.path))
