"""A program for the scripts' Python: prints as JSON what a jail for it holds, and the jail-side code as it compiles it.

It runs outside any jail. Its standard input is JSON: the jail-side sources by module, and by module the functions to
hide from scripts. Its arguments are modules; it tells which of them a jail would not find. `interpreter.py` runs it,
and describes the facts that it prints. It compiles the sources, because code objects differ between versions of Python.
"""

import importlib.machinery
import json
import marshal
import opcode
import os
import re
import sys
import sysconfig
from collections.abc import Collection
from types import CodeType


def hide(code: CodeType) -> CodeType:
    """Return a function's code without the instruction RESUME: its frames are then invisible to scripts."""
    text = bytearray(code.co_code)
    for at in range(0, len(text), 2):
        if text[at] == opcode.opmap["RESUME"]:
            text[at : at + 2] = opcode.opmap["NOP"], 0
    return code.replace(co_code=bytes(text))


def hide_named(code: CodeType, names: Collection[str]) -> CodeType:
    """Return a module's code with the functions of these names hidden."""
    constants = tuple(hide_named(one, names) if isinstance(one, CodeType) else one for one in code.co_consts)
    code = code.replace(co_consts=constants)
    return hide(code) if code.co_name in names else code


def load(sources: dict[str, str], unseen: dict[str, list[str]]) -> bytes:
    """Compile the jail-side modules, load them as the supervisor does, and return them in `marshal` form."""
    bundle = marshal.dumps(
        {
            name: hide_named(compile(text, f"<{name}>", "exec", dont_inherit=True), unseen.get(name, ()))
            for name, text in sources.items()
        }
    )
    boot = {"__name__": "boot", "__spec__": None}
    exec(sources["jail.boot"], boot)  # noqa: S102 (the jail's own code)
    load_bundle = boot["load_bundle"]
    assert callable(load_bundle)
    load_bundle(bundle)
    return bundle


def main() -> None:
    """Print the facts."""
    # First, so that the address space and the libraries are those of a Python with the supervisor loaded.
    bundle = load(*json.load(sys.stdin))
    with open("/proc/self/maps") as maps:
        libraries = {os.path.dirname(os.path.realpath(line.split()[-1])) for line in maps if ".so" in line}
    executable = os.path.realpath(sys.executable)
    with open(executable, "rb") as binary:
        loader = re.search(rb"/lib[^\0]*/ld-[^\0]+", binary.read(4096))
    assert loader
    with open("/proc/self/statm") as statm:
        pages = int(statm.read().split()[0])
    stdlib = sysconfig.get_path("stdlib", vars={"installed_base": sys.base_prefix})
    site_packages = sysconfig.get_path("purelib")
    path = [stdlib, f"{stdlib}/lib-dynload", site_packages]
    facts = {
        "version": sys.version_info[:2],
        "executable": executable,
        "loader": loader.group().decode(),
        "stdlib": stdlib,
        "site_packages": site_packages,
        "not_installed": [
            name
            for name in sys.argv[1:]
            if name not in sys.builtin_module_names and not importlib.machinery.PathFinder.find_spec(name, path)
        ],
        "libraries": sorted(libraries),
        "address_space_bytes": pages * os.sysconf("SC_PAGESIZE"),
        "bundle": bundle.hex(),
    }
    print(json.dumps(facts))


if __name__ == "__main__":
    main()
