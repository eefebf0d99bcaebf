"""What `tests/sandbox/test_results.py` asks for: expressions, and the text or the refusal that comes of each."""

from tests.sandbox.test_encode import BYTES, OBJECT

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
