"""Results beyond JSON's own types: pandas' labels, iterators, mappings and keys, and those that are hostile.

As in test_encode, each row is evaluated by the scripts' own interpreter.
"""

import json
import resource
import subprocess

import pytest

from tests.sandbox.test_encode import BYTES, LIMIT_BYTES, OBJECT, PYTHON, ROOT

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

SERIES = [
    ("frame['a'].value_counts()", '{"x":2,"y":1}'),
    ("frame.groupby('a')['b'].sum()", '{"x":2,"y":2}'),
    ("frame.iloc[0]", '{"a":"x","b":1}'),
    ("frame.dtypes", '{"a":"str","b":"int64"}'),
    ("frame.groupby(['a', 'b']).size()", "{\"('x', 1)\":2,\"('y', 2)\":1}"),
    ("pd.Series([1, 2], index=[0, 1])", "[1,2]"),
    ("pd.Series([1, 2], index=np.array([0, 1], dtype='uint8'))", "[1,2]"),
    ("pd.Series([1, 2], index=pd.Index([0, 1], dtype='Int64'))", "[1,2]"),
    ("pd.Series([1, 2], index=pd.Index([0, None], dtype='Int64'))", '{"0":1,"null":2}'),
    ("pd.Series([1, 2], index=pd.RangeIndex(1, 3))", '{"1":1,"2":2}'),
    ("pd.Series([1, 2, 3], index=[0, 2, 1])", '{"0":1,"2":2,"1":3}'),
    ("pd.Series([1, 2, 3], index=[0, 2, 2])", '[{"index":0,"value":1},{"index":2,"value":2},{"index":2,"value":3}]'),
    # What groups are called is data, whatever it is; an index without a name is not.
    ("pd.Series([1, 2], index=pd.Index([0, 1], name='k'))", '{"0":1,"1":2}'),
    ("pd.Series([1, 2], index=[0.0, 1.0])", '{"0.0":1,"1.0":2}'),
    ("pd.Series([1, 2], index=[True, False])", '{"true":1,"false":2}'),
    ("pd.Series([1, 2], index=[np.nan, 'x'])", '{"null":1,"x":2}'),
    (
        "pd.Series([1, 2], index=pd.date_range('2024-03-31', periods=2, tz='Europe/Berlin'))",
        '{"2024-03-31T00:00:00+01:00":1,"2024-04-01T00:00:00+02:00":2}',
    ),
    ("pd.Series([1, 2], index=pd.period_range('2024-01', periods=2, freq='M'))", '{"2024-01":1,"2024-02":2}'),
    ("pd.cut(pd.Series([1, 2, 7]), [0, 5, 10]).value_counts()", '{"(0, 5]":2,"(5, 10]":1}'),
    ("pd.Series([1, 2], index=pd.CategoricalIndex(['u', 'v']))", '{"u":1,"v":2}'),
    ("[pd.Series([], dtype=float), frame[:0].groupby('a')['b'].sum()]", "[[],{}]"),
    # Labels that are no unique keys.
    ("pd.Series([1, 2], index=['a', 'a'], name='v')", '[{"index":"a","v":1},{"index":"a","v":2}]'),
    ("pd.Series([1, 2], index=[1, '1'])", '[{"index":1,"value":1},{"index":"1","value":2}]'),
    ("pd.Series([1, 2], index=[None, 'null'])", '[{"index":null,"value":1},{"index":"null","value":2}]'),
    ("pd.Series([1, 2], index=[frozenset('a'), 'x'])", '[{"index":["a"],"value":1},{"index":"x","value":2}]'),
    ("pd.Series([1, 2], index=pd.Index(['a', 'a'], name='v'), name='v')", '[{"index":"a","v":1},{"index":"a","v":2}]'),
    (
        "pd.Series([1, 2], index=pd.MultiIndex.from_tuples([('a', 1)] * 2, names=['k', None]), name=b'x')",
        '[{"k":"a","level_1":1,"value":1},{"k":"a","level_1":1,"value":2}]',
    ),
    ("[frame.index, frame.set_index('a').index, frame.columns]", '[[0,1,2],["x","x","y"],["a","b"]]'),
]
FRAMES = [
    ("frame.groupby('a').sum()", '[{"a":"x","b":2},{"a":"y","b":2}]'),
    ("frame.groupby('b').count()", '[{"b":1,"a":2},{"b":2,"a":1}]'),
    (
        "pd.DataFrame({'v': [1, 2]}, index=pd.Index([0, 1], name='k'))",
        '[{"k":0,"v":1},{"k":1,"v":2}]',
    ),
    ("frame[frame.b < 2]", '[{"a":"x","b":1},{"a":"x","b":1}]'),
    ("frame[frame.b > 1]", '[{"index":2,"a":"y","b":2}]'),
    ("frame.set_index(['a', 'b'])[:1]", '[{"a":"x","b":1}]'),
    ("frame.set_index('a', drop=False)[:1]", '[{"index":"x","a":"x","b":1}]'),
    ("frame.corr(numeric_only=True)", '[{"index":"b","b":1.0}]'),
    ("frame[['b']].T", '[{"index":"b","0":1,"1":1,"2":2}]'),
    ("pd.DataFrame({'index': [1]}, index=['x'])", '[{"level_0":"x","index":1}]'),
    ("pd.DataFrame({'index': [1], 'level_0': [2]}, index=['x'])", '[{"level_1":"x","index":1,"level_0":2}]'),
    ("pd.DataFrame({0: [1]}, index=pd.Index(['x'], name=0))", '[{"index":"x","0":1}]'),
    ("pd.DataFrame({'v': [1]}, index=pd.Index(['x'], name=b'q'))", '[{"index":"x","v":1}]'),
    (
        "pd.DataFrame({'level_1': [1]}, index=pd.MultiIndex.from_tuples([('x', 2)]))",
        '[{"level_0":"x","level_2":2,"level_1":1}]',
    ),
    (
        "pd.DataFrame({'v': [1]}, index=pd.MultiIndex.from_tuples([('x', 2)], names=['n', 'n']))",
        '[{"n":"x","level_1":2,"v":1}]',
    ),
    ("pd.DataFrame(index=['x', 'y'])", '[{"index":"x"},{"index":"y"}]'),
    ("frame[frame.b > 9].set_index('a')", "[]"),
    (
        "frame.groupby('a').agg({'b': ['sum', 'mean']})[:1]",
        "[{\"a\":\"x\",\"('b', 'sum')\":2,\"('b', 'mean')\":1.0}]",
    ),
    (
        "pd.DataFrame([[1, 2]], columns=pd.to_datetime(['2024-01-01', '2024-01-02']))",
        '[{"2024-01-01T00:00:00":1,"2024-01-02T00:00:00":2}]',
    ),
    ("pd.crosstab(frame.a, frame.b)", '[{"a":"x","1":2,"2":0},{"a":"y","1":0,"2":1}]'),
    (
        "[list(frame.groupby('a'))[1], frame.iterrows(), frame.itertuples()]",
        '[["y",[{"index":2,"a":"y","b":2}]],'
        '[[0,{"a":"x","b":1}],[1,{"a":"x","b":1}],[2,{"a":"y","b":2}]],[[0,"x",1],[1,"x",1],[2,"y",2]]]',
    ),
]
VALUES = [
    ("[pathlib.Path('/a/b'), pathlib.PureWindowsPath('a', 'b')]", '["/a/b","a\\\\b"]'),
    ("[fractions.Fraction(1, 3), fractions.Fraction(2)]", '["1/3","2"]'),
    (
        "[ipaddress.ip_address('::1'), ipaddress.ip_network('10.0.0.0/8'), ipaddress.ip_interface('10.0.0.1/8')]",
        '["::1","10.0.0.0/8","10.0.0.1/8"]',
    ),
    ("[np.dtype('int8'), pd.CategoricalDtype(), pd.Int64Dtype()]", '["int8","category","Int64"]'),
    ("[dt.timezone.utc, zoneinfo.ZoneInfo('UTC'), pd.offsets.Day(2)]", '["UTC","UTC","2D"]'),
    ("[types.SimpleNamespace(a=1), argparse.Namespace(b=2)]", '[{"a":1},{"b":2}]'),
    ("[array.array('d', [1.5]), array.array('u', 'é'), memoryview(b'ab')]", '[[1.5],["é"],[97,98]]'),
    ("memoryview(np.arange(4).reshape(2, 2))", "[[0,1],[2,3]]"),
    (
        "[collections.deque([1]), collections.UserList([2]), collections.UserString('x'), range(2)]",
        '[[1],[2],"x",[0,1]]',
    ),
    ("[{'b': 1, 'a': 2}.keys(), {'b': 1}.values(), {'b': 1}.items()]", '[["b","a"],[1],[["b",1]]]'),
    ("[{3, 1, 2}, frozenset('ba'), set(), {(2, 1), (1, 2)}]", '[[1,2,3],["a","b"],[],[[1,2],[2,1]]]'),
    ("[{Color.RED}, {1j.real, 'x'} - {'x'}, {SortsWrong('a')}]", '[["red"],[0.0],[["a"]]]'),
    (
        "[map(str, [1]), zip('ab', [1, 2]), filter(None, [0, 1]), reversed([1, 2])]",
        '[["1"],[["a",1],["b",2]],[1],[2,1]]',
    ),
    ("[itertools.groupby('aab'), itertools.islice(itertools.count(), 2)]", '[[["a",["a","a"]],["b",["b"]]],[0,1]]'),
    ("[np.nditer(np.arange(2)), np.arange(2).flat, (x for x in [])]", "[[0,1],[0,1],[]]"),
    ("[Sequence(10**9), Sequence(-1)]", "[[0,1,2],[0,1,2]]"),
    (
        "[types.MappingProxyType({1: 2}), collections.UserDict(a=1), collections.ChainMap({'a': 1}), Mapping('ab')]",
        '[{"1":2},{"a":1},{"a":1},{"a":1,"b":1}]',
    ),
]
KEYS = [
    ("{(1, 2): 1, (1,): 2, (): 3, ((1, 'a'), None): 4}", '{"(1, 2)":1,"(1,)":2,"()":3,"((1, \'a\'), None)":4}'),
    ("{(np.int64(1), dt.date(2024, 1, 2), Color.RED): 1}", "{\"(1, '2024-01-02', 'red')\":1}"),
    ("{Pair(1, 'x'): 1, Color.BOTH: 2}", '{"(1, \'x\')":1,"(1, 2)":2}'),
    ("{(float('nan'), True, 10**5000): 1}", '{"(nan, True, 1' + "0" * 5000 + ')":1}'),
    (
        "{pathlib.Path('p'): 1, fractions.Fraction(1, 2): 2, decimal.Decimal('1.50'): 3, uuid.UUID(int=1): 4}",
        '{"p":1,"1/2":2,"1.50":3,"00000000-0000-0000-0000-000000000001":4}',
    ),
    ("{dt.timedelta(1): 1, np.datetime64('2024'): 2, pd.Period('2024-01'): 3}", '{"P1D":1,"2024":2,"2024-01":3}'),
    ("{np.dtype('int8'): 1, ipaddress.ip_address('::1'): 2}", '{"int8":1,"::1":2}'),
]
VARS = "which is not JSON-serializable; return a dict of what you need of it, for example vars(value)"
AGGREGATE = "which is not JSON-serializable; return an aggregate of it, for example value.sum()"
NO_KEY = "which cannot be a JSON key; use text, for example str(key)"
REFUSED = [
    ("{int: 1}", f"result has the key <class 'int'>, a type, {NO_KEY}"),
    ("[{frozenset(): 1}]", f"result[0] has the key frozenset(), a frozenset, {NO_KEY}"),
    ("{(int, 1): 1}", f"result has the key (<class 'int'>, 1), a tuple, {NO_KEY}"),
    ("{1j: 1}", f"result has the key 1j, a complex, {NO_KEY}"),
    (
        "{EvilText('x'): 1}",
        "result has the key EvilText('x'), an EvilText, which cannot be read: Evil: <exception str() failed>",
    ),
    ("{(1, 2): 1, '(1, 2)': 2}", "result has more than one key that is '(1, 2)' in JSON"),
    ("Mapping([deep(300)])", "result has the key ((((…),),),), a tuple, " + NO_KEY),
    (
        "Mapping([(int, laughs(100))])",
        "result has the key (<class 'int'>, (((…), (…)), ((…), (…)))), a tuple, " + NO_KEY,
    ),
    ("Mapping(['a', 'a'])", "result has more than one key that is 'a' in JSON"),
    ("Mapping([1, '1'])", "result has more than one key that is '1' in JSON"),
    ("[Mapping(['a'], None)]", "result[0] cannot be read: KeyError: 'a'"),
    ("[Mapping(None)]", "result[0] cannot be read: TypeError: 'NoneType' object is not iterable"),
    ("Mapping(['a'], b'x')", f"result['a'] {BYTES}"),
    ("{'a': BrokenSequence(1)}", "result['a'] cannot be read: RuntimeError: broken"),
    ("{'a': map(len, [1])}", "result['a'] cannot be read: TypeError: object of type 'int' has no len()"),
    ("[EvilText('x')]", "result[0] cannot be read: Evil: <exception str() failed>"),
    ("[LyingFraction(1)]", "result[0] cannot be read: TypeError: __str__ returned non-string (type int)"),
    ("[LyingShape([1])]", "result[0] cannot be read: it has no shape that an array can have"),
    ("[LyingLength({'a': [1]})]", "result[0] cannot be read: not all of it has 5 rows"),
    ("[ShortSeries([1], index=['a'])]", "result[0] cannot be read: not all of it has 1 rows"),
    ("pd.Series({'x': [object()]})", f"result['x'][0] {OBJECT}"),
    ("generator", "result[0] contains itself"),
    ("own_children()", "result" + "[0]" * 200 + " is nested too deeply: more than 200 levels"),
    ("raises()", None),
    (
        "Plain()",
        "result is a Plain, " + VARS,
    ),
    (
        "[Slotted()]",
        "result[0] is a Slotted, which is not JSON-serializable; return a dict, a list or a text made of it",
    ),
    ("WithToDict()", "result is a WithToDict, which is not JSON-serializable; return value.to_dict()"),
    ("OnlyIterable()", "result is an OnlyIterable, which is not JSON-serializable; return list(value)"),
    (
        "[EvilRepr()]",
        "result[0] is an EvilRepr, " + VARS,
    ),
    ("[EvilClass()]", "result[0] cannot be read: RuntimeError: no __dataclass_fields__"),
    ("[len]", "result[0] is a builtin_function_or_method, which is not JSON-serializable; call it"),
    ("{'f': lambda: 1}", "result['f'] is a function, which is not JSON-serializable; call it"),
    ("functools.partial(len)", "result is a partial, which is not JSON-serializable; call it"),
    ("re", "result is a module, which is not JSON-serializable; return something of what is in it"),
    ("[coroutine()]", "result[0] is a coroutine, which is not JSON-serializable; await it"),
    ("ValueError('x')", "result is a ValueError, which is not JSON-serializable; return str(value), or raise it"),
    (
        "re.finditer('a', 'a')",
        "result[0] is a Match, which is not JSON-serializable; return value.group() or value.groupdict()",
    ),
    ("io.StringIO('x')", "result is a StringIO, which is not JSON-serializable; return value.getvalue()"),
    ("bytearray(b'x')", f"result {BYTES.replace('bytes', 'bytearray')}"),
    ("memoryview(b'a').cast('c')", f"result[0] {BYTES}"),
    (
        "frame.groupby('a')",
        "result is a DataFrameGroupBy, " + AGGREGATE,
    ),
    (
        "frame['b'].rolling(2)",
        "result is a Rolling, " + AGGREGATE,
    ),
]
# Each is without an end, or would take gigabytes before it had one.
BOUNDED = [
    "itertools.count()",
    "itertools.repeat([])",
    "[itertools.repeat('x' * 10**5)]",
    "(x for x in itertools.count())",
    "grow()",
    "range(10**12)",
    "collections.deque([[]] * 10**5)",
    "EndlessSequence(1)",
    "Mapping(itertools.count())",
    "Mapping('x', itertools.count())",
    "set(range(10**6))",
    "memoryview(np.broadcast_to(1, (10**6, 10**6)))",
    "pd.Series(0, index=range(1, 10**6))",
    "pd.Series(0, index=pd.date_range('2024', periods=300_000, freq='s'))",
    "pd.Series(0, index=['a'] * 10**6)",
    "pd.DataFrame(index=range(1, 10**12))",
    "pd.DataFrame({'x' * 1000: range(10**5)})",
    "Mapping([laughs(100)])",
    "{('x' * 10**6,) * 10**5: 1}",
    "{(10**10**6,): 1}",
    "Mapping([deep(150) * 10**5])",
]

ROWS = SERIES + FRAMES + VALUES + KEYS


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
def test_encodes(answers: dict[str, tuple[str, float]], expression: str, text: str) -> None:
    assert answers[expression][0] == text
    json.loads(text)


@pytest.mark.parametrize(("expression", "message"), [row for row in REFUSED if row[1] is not None])
def test_refuses_with_the_place(answers: dict[str, tuple[str, float]], expression: str, message: str) -> None:
    assert answers[expression][0] == f"NotSerializable: {message}"


def test_what_a_generator_raises_is_the_scripts_own(answers: dict[str, tuple[str, float]]) -> None:
    assert answers["raises()"][0] == "OSError: while it was read"


@pytest.mark.parametrize("expression", BOUNDED)
def test_what_has_no_end_ends_soon(answers: dict[str, tuple[str, float]], expression: str) -> None:
    answer, seconds = answers[expression]
    assert answer == "TooLarge: The result is larger than the 65536 byte limit."
    assert seconds < 3


def test_no_row_is_there_twice() -> None:
    expressions = [expression for expression, _ in [*ROWS, *REFUSED]] + BOUNDED
    assert len(set(expressions)) == len(expressions)
