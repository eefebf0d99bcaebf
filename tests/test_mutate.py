"""The table of mutations fits the code, and a mutation that its tests do not notice is reported."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.mutate import TABLE, Mutation, TableError, copy_to, read_table, try_mutation


def table(folder: Path, *rows: str) -> Path:
    file = folder / "table.toml"
    file.write_text("".join(f"[[mutation]]\n{row}\n" for row in rows))
    return file


def row(name: str = "one", file: str = "file", text: str = "a", replacement: str = "b", tests: str = '["t"]') -> str:
    change = f'file = "{file}"\ntext = "{text}"\nreplacement = "{replacement}"'
    return f'name = "{name}"\nremoves = "x"\n{change}\ntests = {tests}'


def test_the_table_fits_the_code() -> None:
    assert len(read_table()) > 40


def test_every_test_of_the_table_exists() -> None:
    tests = sorted({test for mutation in read_table() for test in mutation.tests})
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *tests]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([row(text="z")], "one: its text stands 0 times in file, and not once"),
        ([row(text="c")], "one: its text stands 2 times in file, and not once"),
        ([row(file="none")], "one: its text stands 0 times in none, and not once"),
        ([row(replacement="a")], "one: it changes nothing"),
        ([row(tests="[]")], "one: it names no test"),
        ([row(), row()], "one: the name stands 2 times"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(rows: list[str], said: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a c c")
    with pytest.raises(TableError) as error:
        read_table(table(tmp_path, *rows), tmp_path)
    assert str(error.value) == said


@pytest.mark.parametrize(("test", "killed"), [("test_it_counts", True), ("test_it_knows_nothing", False)])
def test_a_mutation_is_killed_only_by_a_test_that_notices_it(test: str, killed: bool, tmp_path: Path) -> None:
    folder = copy_to(tmp_path / "copy")
    tests = (
        "import code_of_test\n\ndef test_it_counts():\n    assert code_of_test.ONE == 1\n\n"
        "def test_it_knows_nothing():\n    pass\n"
    )
    (folder / "code_of_test.py").write_text("ONE = 1\n")
    (folder / "tests" / "test_code.py").write_text(tests)
    mutation = Mutation("m", "it", "code_of_test.py", "ONE = 1", "ONE = 2", [f"tests/test_code.py::{test}"])
    assert try_mutation(mutation, folder).killed == killed
    assert (folder / "code_of_test.py").read_text() == "ONE = 1\n"


def test_the_report_names_what_is_unknown() -> None:
    command = [sys.executable, "-m", "tests.mutate", "no_such_mutation"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "The table has no mutation no_such_mutation.\n")
    assert TABLE.exists()
