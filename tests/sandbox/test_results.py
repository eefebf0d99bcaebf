"""Results beyond JSON's own types: pandas' labels, iterators, mappings and keys, and hostile values.

As in test_encode, the scripts' own interpreter evaluates each row.
"""

import json
import resource
import subprocess

import pytest

from tests.sandbox.result_rows import BOUNDED, REFUSED, ROWS
from tests.sandbox.test_encode import LIMIT_BYTES, PYTHON, ROOT

# Reads a list of [expression, limit], writes a list of [text or "name of the error: its message", seconds].
DRIVER = """
import argparse, array, asyncio, collections, datetime as dt, decimal, enum, fractions, functools, io, ipaddress
import itertools, json, pathlib, re, sys, time, types, uuid, warnings, zoneinfo
sys.path.insert(0, sys.argv[1])
from jail.encode import encode
del sys.path[0]
import numpy as np, pandas as pd
warnings.simplefilter("error")

frame = pd.DataFrame({"a": list("xxy"), "b": [1, 1, 2]})
Pair = collections.namedtuple("Pair", "left right")
class Color(enum.Enum):
    RED = "red"
    BOTH = (1, 2)
class Plain:
    def __init__(self): self.x = 1
class Slotted:
    __slots__ = ()
class WithToDict:
    def to_dict(self): return {}
class OnlyIterable:
    def __iter__(self): return iter([1])
class SortsWrong(frozenset):
    def __lt__(self, other): raise RuntimeError("no order")
class Sequence(collections.abc.Sequence):
    def __init__(self, length): self.length = length
    def __len__(self): return self.length
    def __getitem__(self, index):
        if index >= 3: raise IndexError
        return index
class EndlessSequence(Sequence):
    def __getitem__(self, index): return index
class BrokenSequence(Sequence):
    def __getitem__(self, index): raise RuntimeError("broken")
class Mapping(collections.abc.Mapping):
    def __init__(self, keys, value=1): self.given, self.value = keys, value
    def __len__(self): return 0
    def __iter__(self): return iter(self.given)
    def __getitem__(self, key): return self.value if self.value is not None else {}[key]
class Evil(Exception):
    def __str__(self): raise RuntimeError
class EvilText(pathlib.PurePosixPath):
    def __fspath__(self): raise Evil
class LyingFraction(fractions.Fraction):
    def __str__(self): return 7
class LyingShape(pd.Series):
    @property
    def shape(self): return (-1, "x")
class LyingLength(pd.DataFrame):
    def __len__(self): return 5
class ShortSeries(pd.Series):
    def tolist(self): return []
class EvilMeta(type):
    @property
    def __mro__(self): raise RuntimeError("no order")
    def __getattr__(self, name): raise RuntimeError("no " + name)
class EvilClass(metaclass=EvilMeta):
    pass
class EvilRepr:
    def __repr__(self): raise RuntimeError
def grow():
    text = "x"
    while True:
        yield text
        text += text
def own_children():
    while True:
        yield own_children()
def yields_itself():
    yield generator
generator = yields_itself()
def laughs(levels):
    value = ()
    for _ in range(levels):
        value = (value, value)
    return value
def deep(levels):
    value = ()
    for _ in range(levels):
        value = (value,)
    return value
def raises():
    yield 1
    raise OSError("while it was read")
async def awaited():
    pass
def coroutine():
    value = awaited()
    coroutines.append(value)
    return value
coroutines = []

answers = []
for expression, limit in json.load(sys.stdin):
    started = time.perf_counter()
    try:
        answer = encode(eval(expression), limit).decode()
    except BaseException as error:
        answer = f"{type(error).__name__}: {error}"
    answers.append([answer, time.perf_counter() - started])
for value in coroutines:
    value.close()
json.dump(answers, sys.stdout)
"""


def ask(questions: list[tuple[str, int]]) -> list[tuple[str, float]]:
    done = subprocess.run(
        [str(PYTHON), "-I", "-c", DRIVER, str(ROOT / "sandbox")],
        input=json.dumps(questions),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30)),
    )
    assert done.returncode == 0, done.stderr
    answers: list[tuple[str, float]] = json.loads(done.stdout)
    return answers


@pytest.fixture(scope="module")
def answers() -> dict[str, tuple[str, float]]:
    questions = [(expression, LIMIT_BYTES) for expression, _ in [*ROWS, *REFUSED]] + [(row, 2**16) for row in BOUNDED]
    return dict(zip((expression for expression, _ in questions), ask(questions), strict=True))


@pytest.mark.parametrize(("expression", "text"), ROWS)
def test_a_result_is_encoded(answers: dict[str, tuple[str, float]], expression: str, text: str) -> None:
    assert answers[expression][0] == text
    json.loads(text)


@pytest.mark.parametrize(("expression", "message"), [row for row in REFUSED if row[1] is not None])
def test_a_refusal_names_the_part_of_the_result(
    answers: dict[str, tuple[str, float]], expression: str, message: str
) -> None:
    assert answers[expression][0] == f"NotSerializable: {message}"


def test_an_error_that_a_generator_raises_is_not_changed(answers: dict[str, tuple[str, float]]) -> None:
    assert answers["raises()"][0] == "OSError: while it was read"


@pytest.mark.parametrize("expression", BOUNDED)
def test_an_endless_result_is_refused_soon(answers: dict[str, tuple[str, float]], expression: str) -> None:
    answer, seconds = answers[expression]
    assert answer == "TooLarge: The result is larger than the 65536 byte limit."
    assert seconds < 3


def test_no_row_is_listed_twice() -> None:
    expressions = [expression for expression, _ in [*ROWS, *REFUSED]] + BOUNDED
    assert len(set(expressions)) == len(expressions)
