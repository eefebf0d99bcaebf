"""Finds the scripts' Python and asks it what a jail has to hold: its files, its packages, the jail-side code for it."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import SandboxUnavailable

_ROOT = Path(__file__).resolve().parents[2]
_JAIL_SOURCES = Path(__file__).resolve().parents[1] / "jail"
_ANSWER_SECONDS = 30

# The functions that are beneath a script's on the stack, by module. A script looks for its callers by
# `traceback.print_stack`, `inspect.stack`, `warnings.warn(stacklevel=2)` or a log's `stack_info`, and finds none: to
# CPython 3.11 a frame is complete, and so one to be shown, from the instruction RESUME on (see _PyFrame_IsIncomplete in
# its pycore_frame.h), and these have none.
_UNSEEN = {
    "jail.zygote": ("begin", "hook", "serve"),
    "jail.supervisor": ("serve", "_make"),
    "jail.spares": ("make",),
    "jail.spare_process": ("become_spare",),
    "jail.script": ("run_script", "_run", "_returned_by_main", "_finish", "_run_event_loop"),
    "jail.surroundings": ("call_main",),
}

# Runs in the scripts' Python, outside any jail, with the jail-side sources on stdin. Code objects differ between
# versions of Python, so it is that Python which compiles them. The address space is measured with everything loaded
# that the supervisor loads. Its arguments are modules that have to be where a jail looks for them.
_DESCRIBE = """
import importlib.machinery, json, marshal, opcode, os, re, sys, sysconfig
sources, unseen = json.load(sys.stdin)

def hide(code):
    text = bytearray(code.co_code)
    for at in range(0, len(text), 2):
        if text[at] == opcode.opmap["RESUME"]:
            text[at : at + 2] = opcode.opmap["NOP"], 0
    return code.replace(co_code=bytes(text))

def compiled(code, names):
    consts = [compiled(one, names) if isinstance(one, type(code)) else one for one in code.co_consts]
    code = code.replace(co_consts=tuple(consts))
    return hide(code) if code.co_name in names else code

bundle = marshal.dumps({
    name: compiled(compile(text, f"<{name}>", "exec", dont_inherit=True), unseen.get(name, ()))
    for name, text in sources.items()
})
boot = {"__name__": "boot", "__spec__": None}
exec(sources["jail.boot"], boot)
boot["load_bundle"](bundle)
libraries = {
    os.path.dirname(os.path.realpath(line.split()[-1]))
    for line in open("/proc/self/maps") if ".so" in line
}
executable = os.path.realpath(sys.executable)
with open(executable, "rb") as binary:
    loader = re.search(rb"/lib[^\\0]*/ld-[^\\0]+", binary.read(4096)).group().decode()
with open("/proc/self/statm") as statm:
    pages = int(statm.read().split()[0])
stdlib = sysconfig.get_path("stdlib", vars={"installed_base": sys.base_prefix})
site_packages = sysconfig.get_path("purelib")
path = [stdlib, stdlib + "/lib-dynload", site_packages]
print(json.dumps({
    "version": sys.version_info[:2],
    "executable": executable,
    "loader": loader,
    "stdlib": stdlib,
    "site_packages": site_packages,
    "not_installed": [
        name for name in sys.argv[1:]
        if name not in sys.builtin_module_names and not importlib.machinery.PathFinder.find_spec(name, path)
    ],
    "libraries": sorted(libraries),
    "address_space_bytes": pages * os.sysconf("SC_PAGESIZE"),
    "bundle": bundle.hex(),
}))
"""


@dataclass(frozen=True, slots=True)
class Interpreter:
    """The scripts' Python.

    Attributes:
        executable: the real path of the binary.
        loader: the dynamic loader, by the path that the binary names.
        stdlib: the folder of the standard library.
        site_packages: the folder of the scripts' packages.
        libraries: the folders of the shared libraries that the interpreter loads.
        address_space_bytes: what it takes of the address space with the supervisor loaded.
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
    """Return the Python of the scripts' environment beside the service; the service's own where there is none."""
    own = _ROOT / ".venv-sandbox" / "bin" / "python"
    return own if own.exists() else Path(sys.executable)


def describe(python: Path, warm_imports: Sequence[str] = ()) -> Interpreter:
    """Ask a Python interpreter what a jail for it has to hold.

    Args:
        python: the interpreter.
        warm_imports: modules that zygotes are to import.

    Raises:
        SandboxUnavailable: it cannot be run, is not version 3.11, or has not all of the modules: a zygote that imports
            them would fail for ever.
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
