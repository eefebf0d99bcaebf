"""Each row is evaluated and encoded by the scripts' own interpreter, which is where `encode` runs."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.jail.encode import NotSerializable, TooLarge, encode

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv-sandbox" / "bin" / "python"
LIMIT_BYTES = 2**20

# Reads a list of [expression, limit], writes a list of the texts or "name of the error: its message".
DRIVER = """
import collections, dataclasses, datetime as dt, decimal, enum, json, sys, uuid, warnings
sys.path.insert(0, sys.argv[1])
from jail.encode import encode
import numpy as np, pandas as pd

class Color(enum.Enum):
    RED = "red"
class Level(enum.IntEnum):
    LOW = 1
class Name(str, enum.Enum):
    A = "a"
@dataclasses.dataclass
class Point:
    x: int
    y: object
    scale: dataclasses.InitVar[int] = 1
@dataclasses.dataclass(slots=True)
class Unset:
    x: int
    def __init__(self): pass
Pair = collections.namedtuple("Pair", "left right")
class LyingStr(str):
    def __str__(self): return "lie"
    def __len__(self): return 0
class LyingInt(int):
    def __repr__(self): return "lie"
class LyingList(list):
    def __iter__(self): raise RuntimeError
class LyingDict(dict):
    def items(self): raise RuntimeError
class Matryoshka(enum.Enum):
    A = 1
    @property
    def value(self): return self
class Endless(list):
    pass
def cyclic():
    value = {"data": [1]}
    value["self"] = value
    return value
def twice():
    shared = [1]
    return [shared, shared]
def cyclic_array():
    value = np.empty(1, dtype=object)
    value[0] = value
    return value
def nested(levels):
    value = 0
    for _ in range(levels):
        value = [value]
    return value
def nested_points(levels):
    value = 0
    for _ in range(levels):
        value = Point(0, value)
    return value
def moved():
    value = collections.OrderedDict(a=1, b=2)
    value.move_to_end("a")
    return value

answers = []
for expression, limit in json.load(sys.stdin):
    try:
        answers.append(encode(eval(expression), limit).decode())
    except Exception as error:
        answers.append(f"{type(error).__name__}: {error}")
json.dump(answers, sys.stdout)
"""

JSON_TYPES = [
    ("None", "null"),
    ("[True, False]", "[true,false]"),
    ("-0.0", "-0.0"),
    ("[1e308, 5e-324, 1e16, 0.1]", "[1e+308,5e-324,1e+16,0.1]"),
    ("[float('nan'), float('inf'), -float('inf')]", "[null,null,null]"),
    ("2**200", str(2**200)),
    ("-10**5000", "-1" + "0" * 5000),
    ("{10**5000: 1}", '{"1' + "0" * 5000 + '":1}'),
    ("'x' * 3000", '"' + "x" * 3000 + '"'),
    ("{'x' * 3000: 1}", '{"' + "x" * 3000 + '":1}'),
    (r"""'"\\\n\x00\x7f\u2028é😀'""", '"\\"\\\\\\n\\u0000\x7f\u2028é😀"'),
    (r"'a\ud800b'", '"a\ufffdb"'),
    (r"['\udc00', '\ud800', 'é']", '["\ufffd","\ufffd","é"]'),
    (r"'\ud83d\ude00'", '"😀"'),
    (r"{'\ud800': 1}", '{"\ufffd":1}'),
    ("[[], {}, (), '', [[]]]", '[[],{},[],"",[[]]]'),
    ("{'a': [1, {'b': (2, 3)}], 'c': None}", '{"a":[1,{"b":[2,3]}],"c":null}'),
    ("twice()", "[[1],[1]]"),
    ("nested(200)", "[" * 200 + "0" + "]" * 200),
]
KEYS = [
    ("{2: 'a', 1: 'b', 1.5: 'c'}", '{"2":"a","1":"b","1.5":"c"}'),
    ("{True: 1, None: 2}", '{"true":1,"null":2}'),
    ("{np.int64(3): 1, np.float64(0.5): 2}", '{"3":1,"0.5":2}'),
    ("{float('nan'): 1}", '{"null":1}'),
    ("{Color.RED: 1, Name.A: 2, Level.LOW: 3}", '{"red":1,"a":2,"1":3}'),
    ("{LyingStr('true'): 1}", '{"true":1}'),
    ("{dt.date(2024, 1, 2): 1, pd.Timestamp(2024, 1, 2): 2}", '{"2024-01-02":1,"2024-01-02T00:00:00":2}'),
]
STANDARD_LIBRARY = [
    ("Pair(1, 'x')", '[1,"x"]'),
    ("[Color.RED, Level.LOW, Name.A]", '["red",1,"a"]'),
    ("Point(1, [Point(2, None)])", '{"x":1,"y":[{"x":2,"y":null}]}'),
    ("nested_points(200)", '{"x":0,"y":' * 200 + "0" + "}" * 200),
    ("dt.datetime(2024, 1, 31, 9, 30)", '"2024-01-31T09:30:00"'),
    ("dt.datetime(2024, 1, 31, 9, 30, 0, 5, tzinfo=dt.UTC)", '"2024-01-31T09:30:00.000005+00:00"'),
    ("[dt.date(2024, 1, 31), dt.time(9, 30)]", '["2024-01-31","09:30:00"]'),
    ("dt.timedelta(days=1, hours=2, minutes=3, seconds=4.5)", '"P1DT2H3M4.5S"'),
    ("[dt.timedelta(0), dt.timedelta(days=2), dt.timedelta(seconds=-1)]", '["PT0S","P2D","-PT1S"]'),
    ("[dt.timedelta(microseconds=1), dt.timedelta(seconds=10)]", '["PT0.000001S","PT10S"]'),
    ("[decimal.Decimal('1.10'), decimal.Decimal('NaN'), decimal.Decimal('-Infinity')]", '["1.10",null,null]'),
    ("uuid.UUID(int=1)", '"00000000-0000-0000-0000-000000000001"'),
    (
        "[moved(), collections.Counter('aab'), collections.defaultdict(list, a=[1])]",
        '[{"b":2,"a":1},{"a":2,"b":1},{"a":[1]}]',
    ),
    ("[LyingStr('truth'), LyingInt(7), LyingList([1]), LyingDict(a=1)]", '["truth",7,[1],{"a":1}]'),
]
NUMPY = [
    ("[np.True_, np.int8(-1), np.uint64(2**64 - 1)]", "[true,-1,18446744073709551615]"),
    ("[np.float16(0.5), np.float32(0.1), np.float64(0.1)]", "[0.5,0.10000000149011612,0.1]"),
    ("[np.float32('nan'), np.float64('inf'), np.longdouble('0.5'), np.longdouble('inf')]", "[null,null,0.5,null]"),
    ("np.str_('x')", '"x"'),
    ("np.arange(6).reshape(1, 2, 3)", "[[[0,1,2],[3,4,5]]]"),
    ("np.array([[1.5, np.nan], [np.inf, 0]])", "[[1.5,null],[null,0.0]]"),
    ("[np.array(5), np.array('x'), np.array({'a': 1}, dtype=object)]", '[5,"x",{"a":1}]'),
    ("[np.array([]), np.empty((2, 0)), np.empty((0, 2))]", "[[],[[],[]],[]]"),
    ("np.array(['a', 'é'])", '["a","é"]'),
    ("np.array([1, 'x', None, dt.date(2024, 1, 2), [np.int8(1)]], dtype=object)", '[1,"x",null,"2024-01-02",[1]]'),
    ("np.array([1, 2], dtype=np.longdouble)", "[1.0,2.0]"),
    (
        "np.array([(1, 2.5, '2024-01-02')], dtype=[('a', 'i4'), ('b', 'f8'), ('c', 'M8[ns]')])",
        '[[1,2.5,"2024-01-02T00:00:00"]]',
    ),
    ("np.array([1, 2]).view(np.recarray)", "[1,2]"),
    ("np.asmatrix([[1, 2]])", "[[1,2]]"),
    ("[np.datetime64('2024-01-02'), np.datetime64('2024-01'), np.datetime64('NaT')]", '["2024-01-02","2024-01",null]'),
    ("np.datetime64('2024-01-02T03:04:05.120000', 'ns')", '"2024-01-02T03:04:05.12"'),
    ("np.array([['2024-01-02', 'NaT']], dtype='M8[ns]')", '[["2024-01-02T00:00:00",null]]'),
    (
        "[np.timedelta64(90, 'm'), np.timedelta64(-1, 'ns'), np.timedelta64('NaT')]",
        '["PT1H30M","-PT0.000000001S",null]',
    ),
    ("np.array([1, 2], dtype='m8[25s]')", '["PT25S","PT50S"]'),
    ("[np.timedelta64(2**62, 'W')]", f'["P{2**62 * 7}D"]'),
    ("np.ma.array([1, 2, 3], mask=[0, 1, 0])", "[1,null,3]"),
    ("np.ma.array(['2024-01-02', '2024-01-03'], mask=[0, 1], dtype='M8[D]')", '["2024-01-02",null]'),
    ("[np.ma.masked, np.ma.array(1, mask=True)]", "[null,null]"),
]
PANDAS = [
    ("[pd.NaT, pd.NA]", "[null,null]"),
    ("pd.Timestamp('2024-01-02 03:04:05', tz='UTC')", '"2024-01-02T03:04:05+00:00"'),
    ("[pd.Timedelta('1D 2h'), pd.Timedelta(1, 'ns'), pd.Timedelta(0)]", '["P1DT2H","PT0.000000001S","PT0S"]'),
    ("[pd.Period('2024-01', 'M'), pd.Interval(0, 5)]", '["2024-01","(0, 5]"]'),
    ("pd.Series([1.5, np.nan])", "[1.5,null]"),
    ("pd.Series([1, None], dtype='Int64')", "[1,null]"),
    ("pd.Series(pd.to_datetime(['2024-01-02', None]))", '["2024-01-02T00:00:00",null]'),
    ("pd.Series(pd.to_timedelta(['1h', None]))", '["PT1H",null]'),
    ("pd.Series(['x', None, {'a': np.int64(1)}])", '["x",null,{"a":1}]'),
    ("pd.Series(pd.arrays.SparseArray([0, 0, 1]))", "[0,0,1]"),
    (
        "[pd.Index(['a', 'b']), pd.RangeIndex(3), pd.MultiIndex.from_tuples([(1, 'x')])]",
        '[["a","b"],[0,1,2],[[1,"x"]]]',
    ),
    ("[pd.Categorical(['a', None, 'a']), pd.array([True, None], dtype='boolean')]", '[["a",null,"a"],[true,null]]'),
    ("pd.date_range('2024-01-02', periods=1)", '["2024-01-02T00:00:00"]'),
    ("pd.DataFrame({'n': [1, 2], 's': ['x', None]})", '[{"n":1,"s":"x"},{"n":2,"s":null}]'),
    ("pd.DataFrame([[1, 2.5]])", '[{"0":1,"1":2.5}]'),
    (
        "pd.DataFrame({'t': pd.to_datetime(['2024-01-02']), 'c': pd.Categorical(['x'])})",
        '[{"t":"2024-01-02T00:00:00","c":"x"}]',
    ),
    ("[pd.DataFrame(), pd.DataFrame(index=[0, 1]), pd.DataFrame(columns=['a'])]", "[[],[{},{}],[]]"),
    ("pd.DataFrame({'k': ['a', 'b', 'a'], 'v': [1, 2, 3]}).groupby('k').sum()['v'].to_dict()", '{"a":4,"b":2}'),
    ("{'deep': [pd.DataFrame({'a': [np.array([1])]})]}", '{"deep":[[{"a":[1]}]]}'),
]
BYTES = (
    "is a bytes, which is not JSON-serializable; "
    "return text, for example value.decode() or base64.b64encode(value).decode()"
)
OBJECT = "is an object, which is not JSON-serializable; return a dict, a list or a text made of it"
COMPLEX = "is a complex, which is not JSON-serializable; return [value.real, value.imag]"
NO_JSON_FORM = [
    ("[0, 1, [object()]]", f"result[2][0] {OBJECT}"),
    ("{'rows': [0, 1, 2, object()]}", f"result['rows'][3] {OBJECT}"),
    ("{'a': (object() for x in [1])}", f"result['a'][0] {OBJECT}"),
    ("[b'x']", f"result[0] {BYTES}"),
    (
        "Point",
        "result is a type, which is not JSON-serializable; return its name, value.__name__, or an instance",
    ),
    ("1j", f"result {COMPLEX}"),
    ("np.array([1j])", f"result[0] {COMPLEX}"),
    ("np.array([b'x'])[0:1]", f"result[0] {BYTES}"),
    ("[np.timedelta64(1, 'M')]", "result[0] is a timedelta64 in the unit 'M', which is no whole number of nanoseconds"),
    ("Point(1, {2: [b'x']})", f"result['y'][2][0] {BYTES}"),
    ("pd.DataFrame({'a': [1, 2], 'b': [3, b'x']})", f"result[1]['b'] {BYTES}"),
    ("cyclic()", "result['self'] contains itself"),
    ("cyclic_array()", "result[0] contains itself"),
    ("nested(201)", "result" + "[0]" * 200 + " is nested too deeply: more than 200 levels"),
    ("Matryoshka.A", "result is still not JSON-serializable after 200 conversions"),
    ("[Unset()]", "result[0] cannot be read: AttributeError: 'Unset' object has no attribute 'x'"),
    (
        "{'a': {frozenset('b'): 3}}",
        "result['a'] has the key frozenset({'b'}), a frozenset, which cannot be a JSON key; "
        "use text, for example str(key)",
    ),
    (
        "{b'x': 1}",
        "result has the key b'x', a bytes, which cannot be a JSON key; use text, for example key.decode()",
    ),
    ("[{1: 'a', '1': 'b'}]", "result[0] has more than one key that is '1' in JSON"),
    ("pd.DataFrame([[1, 2]], columns=['a', 'a'])", "result has more than one key that is 'a' in JSON"),
    ("{'x' * 100: 1j}", "result['" + "x" * 59 + f"…] {COMPLEX}"),
]
# Nothing here may be unrolled before it is refused: most of these would take gigabytes.
TOO_LARGE = [
    "'x' * 1023",
    "['x' * 2**20] * 10**6",
    "{'x' * 2000: 1}",
    "[[]] * 10**6",
    "list(range(1000))",
    "1 << 10**8",
    "{1 << 10**8: 1}",
    "np.broadcast_to(1, (10**12,))",
    "np.empty((10**9, 10**6, 0))",
    "pd.RangeIndex(10**12)",
    "pd.DataFrame(index=range(10**12))",
    "pd.Series(np.broadcast_to(1, (10**9,)), copy=False)",
    "['é' * 512]",
    # An object at the end shows that the end is never looked at.
    "[*range(10**5), object()]",
    "{**dict.fromkeys(range(10**5)), 'last': object()}",
]

NEEDED_BY_ENCODE = {"__future__", "_json", "itertools", "math", "jail"} | {
    f"jail.{name}" for name in ("convert", "durations", "encode", "frames", "refusals", "spell")
}

ENCODED = JSON_TYPES + KEYS + STANDARD_LIBRARY + NUMPY + PANDAS


def ask(questions: list[tuple[str, int]]) -> list[str]:
    driver = [str(PYTHON), "-I", "-c", DRIVER, str(ROOT / "sandbox")]
    done = subprocess.run(driver, input=json.dumps(questions), capture_output=True, text=True, check=True, timeout=60)
    answers: list[str] = json.loads(done.stdout)
    return answers


@pytest.fixture(scope="module")
def answers() -> dict[str, str]:
    questions = [(row[0], LIMIT_BYTES) for row in ENCODED + NO_JSON_FORM] + [(row, 1024) for row in TOO_LARGE]
    return dict(zip((expression for expression, _ in questions), ask(questions), strict=True))


@pytest.mark.parametrize(("expression", "text"), ENCODED)
def test_encodes(answers: dict[str, str], expression: str, text: str) -> None:
    assert answers[expression] == text
    # The host reads the result raw, as a part of the envelope.
    assert bytes(msgspec.json.decode(text, type=msgspec.Raw)) == text.encode()


@pytest.mark.parametrize(("expression", "message"), NO_JSON_FORM)
def test_refuses_with_the_place(answers: dict[str, str], expression: str, message: str) -> None:
    assert answers[expression] == f"NotSerializable: {message}"


@pytest.mark.parametrize("expression", TOO_LARGE)
def test_stops_at_the_limit(answers: dict[str, str], expression: str) -> None:
    assert answers[expression] == "TooLarge: The result is larger than the 1024 byte limit."


def test_no_row_is_there_twice() -> None:
    expressions = [expression for expression, _ in ENCODED + NO_JSON_FORM] + TOO_LARGE
    assert len(set(expressions)) == len(expressions)


@pytest.mark.parametrize(
    "value",
    ["x" * 5000, ["é"] * 3000, list(range(3000)), {str(key): 1 for key in range(3000)}, [], [[[]]] * 2000, 10**5000],
    ids=lambda value: str(type(value).__name__),
)
def test_the_limit_is_exact(value: object) -> None:
    size = len(encode(value, LIMIT_BYTES))
    assert len(encode(value, size)) == size
    with pytest.raises(TooLarge):
        encode(value, size - 1)


def test_the_limit_is_named_in_mb() -> None:
    with pytest.raises(TooLarge, match="The result is larger than the 4 MB limit"):
        encode(["x" * 2**20] * 4, 4 * 2**20)


def test_long_ints_leave_pythons_own_limit_as_it_was() -> None:
    before = sys.get_int_max_str_digits()
    encode(10**5000, LIMIT_BYTES)
    assert sys.get_int_max_str_digits() == before


def test_imports_nothing_heavy() -> None:
    code = f"import sys; sys.path.insert(0, {str(ROOT / 'sandbox')!r}); before = set(sys.modules); import jail.encode;"
    code += "from jail.encode import encode; encode([{'a': 1.5}], 100); print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([PYTHON, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) <= NEEDED_BY_ENCODE


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
any_text = st.text(st.characters())  # surrogates too
scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | any_text | st.binary() | st.dates() | st.timedeltas()
)
any_values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(scalars | st.tuples(scalars, scalars), inner)
        | st.frozensets(scalars)
        | st.iterables(inner, max_size=5)
    ),
    max_leaves=20,
)


@settings(max_examples=150, deadline=None)
@given(json_values)
def test_what_json_has_comes_back_the_same(value: Any) -> None:
    assert json.loads(encode(value, LIMIT_BYTES)) == value


@settings(max_examples=300, deadline=None)
@given(any_values, st.integers(0, 200))
def test_the_text_is_always_valid_and_within_the_limit(value: Any, limit_bytes: int) -> None:
    try:
        text = encode(value, limit_bytes)
    except (NotSerializable, TooLarge):
        return
    assert len(text) <= limit_bytes
    msgspec.json.decode(text)
    text.decode("utf-8")
