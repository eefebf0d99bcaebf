"""`make mutate`: takes away one protection at a time, and runs the tests that must notice it.

`tests/mutations.toml` lists the mutations: each replaces an exact piece of text in one file, and names its tests. A
mutation is killed if one of its tests fails. The report names every survivor, and the exit status tells whether there
is one. First all the named tests run without any mutation, since a test that always fails kills everything.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

import msgspec

from tests.conftest import ROOT, copy_of_repository

TABLE = ROOT / "tests" / "mutations.toml"
# How long the tests of one mutation may take: a mutation may well make one of them wait for ever.
_TIMEOUT_SECONDS = 300
_ENVIRONMENTS = (".venv", ".venv-sandbox")
_PASSED, _FAILED = 0, 1  # the exit codes of pytest


class TableError(Exception):
    """The table does not fit the repository; the message lists everything that does not."""


class Mutation(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One change such as a careless hand makes.

    Attributes:
        name: its name, which SECURITY.md may use.
        removes: what is lost by it, in words.
        file: the file to change, relative to the repository.
        text: the text to replace, which stands in the file once.
        replacement: the text in its place.
        tests: the tests of which at least one must fail, as pytest names them.
    """

    name: str
    removes: str
    file: str
    text: str
    replacement: str
    tests: list[str]


@dataclass(frozen=True)
class Result:
    """What the tests of one mutation found.

    Attributes:
        mutation: the mutation.
        killed: whether a test failed.
        seconds: how long the tests took.
    """

    mutation: Mutation
    killed: bool
    seconds: float


def read_table(path: Path = TABLE, root: Path = ROOT) -> list[Mutation]:
    """Return the mutations of a table.

    Raises:
        TableError: a name stands twice, or a text does not stand exactly once in its file.
    """
    mutations = msgspec.convert(tomllib.loads(path.read_text())["mutation"], list[Mutation])
    wrong = []
    names = [mutation.name for mutation in mutations]
    wrong += [
        f"{name}: the name stands {names.count(name)} times" for name in sorted(set(names)) if names.count(name) > 1
    ]
    for mutation in mutations:
        file = root / mutation.file
        count = file.read_text().count(mutation.text) if file.exists() else 0
        if count != 1:
            wrong.append(f"{mutation.name}: its text stands {count} times in {mutation.file}, and not once")
        if mutation.text == mutation.replacement:
            wrong.append(f"{mutation.name}: it changes nothing")
        if not mutation.tests:
            wrong.append(f"{mutation.name}: it names no test")
    if wrong:
        raise TableError("\n".join(wrong))
    return mutations


def run_tests(folder: Path, tests: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run some tests of a copy, up to the first that fails; a run that takes too long has failed."""
    base = folder.with_name(f"{folder.name}-tests")
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", f"--basetemp={base}/run", *tests]
    base.mkdir(mode=0o755, exist_ok=True)
    environment = os.environ | {"PYTHONPATH": str(folder), "TESTS_MUST_RUN": "1"}
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=_TIMEOUT_SECONDS)
        status = process.returncode
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        output, _ = process.communicate()
        status = _FAILED
    finally:
        shutil.rmtree(base, ignore_errors=True)
    return subprocess.CompletedProcess(command, status, output)


def copy_to(folder: Path) -> Path:
    """Copy the repository, with links to its environments."""
    folder.mkdir(mode=0o755)
    copy_of_repository(folder)
    for name in _ENVIRONMENTS:
        (folder / name).symlink_to((ROOT / name).resolve())
    return folder


def try_mutation(mutation: Mutation, folder: Path) -> Result:
    """Change a copy, run the tests of a mutation in it, and undo the change.

    Raises:
        RuntimeError: pytest could not run the tests.
    """
    file = folder / mutation.file
    before = file.read_text()
    file.write_text(before.replace(mutation.text, mutation.replacement))
    started = time.monotonic()
    try:
        done = run_tests(folder, mutation.tests)
    finally:
        file.write_text(before)
    if done.returncode not in (_PASSED, _FAILED):
        raise RuntimeError(f"{mutation.name}: pytest ended with {done.returncode}:\n{done.stdout[-2000:]}")
    return Result(mutation, done.returncode == _FAILED, time.monotonic() - started)


def main() -> int:
    """Try the mutations that the command line names, or all; return the exit status."""
    parser = argparse.ArgumentParser(prog="make mutate", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", help="the mutations to try; all if none is named")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="how many run side by side")
    arguments = parser.parse_args()
    try:
        table = read_table()
    except TableError as error:
        print(error, file=sys.stderr)
        return 2
    if unknown := set(arguments.names) - {mutation.name for mutation in table}:
        print(f"The table has no mutation {', '.join(sorted(unknown))}.", file=sys.stderr)
        return 2
    chosen = [mutation for mutation in table if not arguments.names or mutation.name in arguments.names]
    with tempfile.TemporaryDirectory(prefix="mutate-", dir="/var/tmp") as name:
        Path(name).chmod(0o755)
        copies: SimpleQueue[Path] = SimpleQueue()
        for number in range(arguments.jobs):
            copies.put(copy_to(Path(name) / str(number)))

        def attempt(mutation: Mutation) -> Result:
            folder = copies.get()
            try:
                result = try_mutation(mutation, folder)
            finally:
                copies.put(folder)
            print(f"{'killed  ' if result.killed else 'SURVIVED'} {result.seconds:5.1f} s  {mutation.name}", flush=True)
            return result

        tests = sorted({test for mutation in chosen for test in mutation.tests})
        print(f"{len(tests)} tests without a mutation ...", flush=True)
        first = copies.get()
        unchanged = run_tests(first, tests)
        copies.put(first)
        if unchanged.returncode != _PASSED:
            print(f"Without a mutation the tests do not pass:\n{unchanged.stdout[-4000:]}", file=sys.stderr)
            return 2
        with ThreadPoolExecutor(arguments.jobs) as pool:
            results = list(pool.map(attempt, chosen))
    survivors = [result.mutation for result in results if not result.killed]
    print(f"{len(results) - len(survivors)} of {len(results)} mutations killed.")
    for mutation in survivors:
        print(f"SURVIVED {mutation.name}: {mutation.removes} ({mutation.file}; {' '.join(mutation.tests)})")
    return 1 if survivors else 0


if __name__ == "__main__":
    raise SystemExit(main())
