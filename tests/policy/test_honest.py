"""Scripts that the shipped rules accept: scope and binding decide, not spelling."""

import pytest

from bench.policy import SCRIPT
from policy import load_policy

POLICY = load_policy()

LINES: list[str] = [
    # Methods and attributes that share a name with something denied.
    "import pandas as pd\ndf = pd.DataFrame()\ndf.eval('a + b')",
    "import pandas as pd\npd.eval('1 + 1')",
    "import pandas as pd\npd.DataFrame().query('a > 1')",
    "import re\nre.compile('a')",
    "from re import compile\ncompile('a')",
    "from re import compile as c\nc('a')",
    "model = object()\nmodel.eval()",
    "class A:\n    def system(self, x): return x\nA().system('x')",
    "class A:\n    def system(self, x): return x\n    def g(self): return self.system('x')",
    "class A:\n    def fork(self): return A()\nfork = A().fork()",
    "class Pool:\n    def kill(self): pass\np = Pool()\np.kill()",
    "class A:\n    os = None\n    def f(self): return self.os.system('x')",
    "import os\nclass A:\n    def system(self): return os.getcwd()\nA().system()",
    "import platform\nplatform.system()",
    "from platform import system\nsystem()",
    "import sqlite3\nc = sqlite3.connect(':memory:')\nc.execute('select 1')",
    "def f(response): return response.code",
    "import urllib.error\nx = urllib.error.HTTPError.code",
    "import numpy as np\nnp.select([np.array([True])], [1])",
    "class Chain:\n    modules = ()\nfor m in Chain().modules: print(m)",
    "def f(obj): return obj.run, obj.call, obj.spawn, obj.popen, obj.exec, obj.compile",
    # Names that the script binds itself.
    "def compile(x): return x\ncompile(1)",
    "def eval(x): return x\neval(1)",
    "def exec(x): return x\nexec(1)",
    "def use(): return compile(1)\ndef compile(x): return x\nuse()",
    "compile = len\ncompile('a')",
    "eval, exec = len, str\neval(exec(1))",
    "eval: object = len\neval('a')",
    "class compile: pass\ncompile()",
    "try:\n    from re import compile\nexcept ImportError:\n    def compile(x): return x\ncompile('a')",
    "if 1:\n    eval = len\nelse:\n    eval = str\neval('a')",
    "import contextlib\nwith contextlib.suppress(Exception):\n    eval = len\neval('a')",
    "def f(eval): return eval(1)",
    "def f(*exec, **compile): return exec, compile",
    "def f(*, eval=None): return eval",
    "f = lambda eval: eval(1)",
    "def f():\n    compile = 1\n    return compile",
    "def f():\n    for eval in [1]: print(eval)",
    "def f():\n    with open('a') as exec: return exec",
    "def f():\n    try: pass\n    except ValueError as eval: print(eval)",
    "def f():\n    import re as compile\n    return compile",
    "def f():\n    if (eval := 1): return eval",
    "def f():\n    match [1]:\n        case [eval]: return eval",
    "def f():\n    match {}:\n        case {**exec}: return exec",
    "def f():\n    def g(): return eval\n    eval = 1\n    return g()",
    "def f():\n    eval = 1\n    def g():\n        nonlocal eval\n        eval = 2\n    return eval",
    "def f():\n    eval = 1\n    class A:\n        x = eval\n    return A",
    "[eval for eval in range(3)]",
    "{exec: 1 for exec in range(3)}",
    "class A:\n    eval = 1\n    x = eval",
    "class A:\n    def compile(self): return 1\n    y = compile",
    "def f(vars, globals, getattr): return vars['__builtins__'], globals['a'], getattr(1, '__code__')",
    "print(dict(eval=1, exec=2))",
    "def f(**options): return options\nf(eval=1, compile=2, __globals__=3)",
    "system = 1\nfork = system",
    "def open(x): return x\nopen(1)",
    "def input(): return 'x'\ninput()",
    "def use(): return compile(1)\nimport re\nTOKEN = re.findall('a', 'b')\ndef compile(x): return x\nuse()",
    "class Node: pass\ndef eval(node: Node): return eval(node)\neval(Node())",
    "from math import *\nprint(sqrt(2), len('a'), ValueError)",
    "from dataclasses import *\n@dataclass\nclass A:\n    code: int = 1\nprint(A().code)",
    # Ordinary code that looks like a walk to the interpreter's inside.
    "class A(dict):\n    def __init__(self): super().__init__()",
    "print(type(1).__name__)",
    "class A:\n    def __repr__(self): return self.__class__.__name__",
    "class A:\n    def __repr__(self): return f'{self.__class__.__qualname__}()'",
    "class A:\n    def copy(self): return self.__class__()",
    "class A:\n    def __eq__(self, other): return self.__class__ is other.__class__",
    "class A:\n    def f(self): return self.__dict__, vars(self)",
    "class A:\n    def f(self): return self.__dict__['system'], vars(self)['modules']",
    "class A:\n    def f(self, state): self.__dict__.update(state)",
    "class A:\n    def __getattribute__(self, name): return object.__getattribute__(self, name)",
    "class A:\n    def __init_subclass__(cls, **k): super().__init_subclass__(**k)",
    "class A:\n    def __class_getitem__(cls, item): return cls",
    "class A:\n    def __getattr__(self, name): return getattr(self.inner, name)",
    "class A:\n    __slots__ = ('a',)\n    def __set_name__(self, owner, name): self.a = name",
    "class A:\n    def __reduce__(self): return (A, ())",
    "class A:\n    def __init__(self): object.__setattr__(self, 'a', 1)",
    "def f(obj, name): return getattr(obj, name)",
    "def f(obj): return getattr(obj, 'system', None)",
    "def f(obj): return getattr(obj, 'value'), setattr(obj, 'value', 1), hasattr(obj, 'fork')",
    "def f(g): return g.__name__, g.__doc__, g.__module__, g.__defaults__, g.__wrapped__, g.__annotations__",
    "def f(e): return e.__traceback__.tb_lineno, e.__cause__, e.__context__",
    "def f(method): return method.__self__.name",
    "class A:\n    def __call__(self): return self.__call__",
    "def f(cls): return cls.mro()",
    "x = 'a.__class__'\ny = {'__globals__': 1}['__globals__']",
    "d = {'system': 1, 'eval': 2}\nd['system'], d['eval'], d.get('system'), d.pop('eval')",
    "d = {'modules': 1}\nfor key in ('modules',): d[key]",
    "globals()['main']",
    "x = 1\nglobals()['x'], locals()['x'], vars()['x']",
    # Readers of names, and modules, that are handed on for honest ends.
    "list(map(getattr, [1, 2], ['real', 'imag']))",
    "import functools\nfunctools.reduce(getattr, 'a.b.c'.split('.'), object())",
    "import os\nprint(hasattr(os, 'fork'), dir(os))\nprint(os)\nclass A:\n    def kill(self): self.kill()",
    "import os\ndef f(obj): return vars(obj).items(), hasattr(obj, 'system')\nf(os)",
    "import timeit\ntimeit.timeit(print, globals=globals())\nd = {'system': 1}\nd['system']",
    "class A:\n    def f(self): return {**vars(self)}['system'], dict(self.__dict__).get('modules')",
    "import numpy as np\nfor name in ['a', 'b'] * 40: getattr(np, name)(1)",
    "getattr(1, 'real'.upper().lower().strip()[:4].replace('x', 'y'))",
    "'{:>{w}}'.format('a', w=10 ** 9), '%999999999s' % 'a', 'a' * 10 ** 9",
    # Blocks that only a type checker reads.
    "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import socket\n    import subprocess as s",
    "import typing\nif typing.TYPE_CHECKING:\n    from multiprocessing import Pool\n    from os import system",
    "import typing as t\nif t.TYPE_CHECKING:\n    import socket\nelse:\n    socket = None",
    "from typing import TYPE_CHECKING as CHECKING, Any\nfrom typing import TYPE_CHECKING\nif 0: pass\n"
    "elif TYPE_CHECKING:\n    import socket\n    x: socket.socket = eval('1')",
    "from __future__ import annotations\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import socket\n"
    "def f(s: socket.socket) -> socket.socket: return s",
    "def f():\n    from typing import TYPE_CHECKING\n    if TYPE_CHECKING:\n        import socket",
    # Functions that only tell something, in modules that do more.
    "import importlib.metadata\nimportlib.metadata.version('numpy')",
    "import importlib.metadata as m\ntry: m.version('x')\nexcept m.PackageNotFoundError: pass",
    "from importlib.metadata import version, PackageNotFoundError\nversion('numpy')",
    "from importlib import metadata\nsorted(d.name for d in metadata.distributions())",
    "import importlib.util\nif importlib.util.find_spec('scipy') is None: print('no scipy')",
    "import importlib\nimportlib.util.find_spec('scipy')",
    "from importlib.util import find_spec\nfound = {name: find_spec(name) is not None for name in ('numpy', 'os')}",
    "from importlib import resources\nresources.files('pandas').joinpath('py.typed').read_text()",
    "def f():\n    import importlib.util as u\n    return u.find_spec('x')",
    "import sys\nprint('numpy' in sys.modules, 'x' not in sys.modules)",
    "import sys as s\nif 'pytest' in s.modules: pass",
    "import multiprocessing\nmultiprocessing.cpu_count()",
    "import multiprocessing as mp, os\nworkers = min(4, mp.cpu_count(), os.cpu_count())",
    "from multiprocessing import cpu_count, current_process\nprint(cpu_count(), current_process().name)",
    "import numpy, pandas as pd\nprint(numpy.__version__, pd.__version__)",
    # Functions given to what may also take text.
    "import timeit\ntimeit.timeit(print, number=10), timeit.repeat(lambda: 1, repeat=2, number=3)",
    "from timeit import timeit, default_timer\ndef f(g): return timeit(g, number=5, timer=default_timer)",
    "import timeit\ntimer = timeit.Timer(print)\ntimer.timeit(5), timer.repeat(), timer.autorange()",
    "import cProfile, pstats\nwith cProfile.Profile() as p: print()\np.runcall(print, 'x'), pstats.Stats(p)",
    "def f(runner, code): return runner.run(code), runner.timeit('x'), runner.repeat('y')",
    "import numpy as np\nnp.trace(np.eye(2)), np.repeat('a', 3), np.testing.assert_allclose(1, 1)",
    "import trace_of_x\nclass A:\n    trace = 1\nA().trace",
    "from typing import *\nx: Optional[List[int]] = None",
    "import inspect\ninspect.signature(print), inspect.signature(print, eval_str=False)",
    "import dataclasses\ndef f(c): return c.__annotations__, [field.type for field in dataclasses.fields(c)]",
    "class Tree:\n    def _evaluate(self, node): return self._evaluate(node.left)",
    "class Plugins:\n    def load_module(self, name): return name\nPlugins().load_module('a')",
    "from unittest.mock import patch, MagicMock\n@patch('builtins.print')\ndef f(m): m.assert_called_once()",
    "from unittest.mock import patch\nwith patch('builtins.input', return_value='1'), patch('time.sleep'): input()",
    "from unittest import mock\nimport random\nmock.patch.object(random, 'random', return_value=1)",
    "from unittest.mock import patch\npatch.dict('os.environ', {'A': 'b'}), patch.multiple('math', pi=3)",
    "df.query('a.str.len() > 1 and b.dt.year == 2024'), df.eval('c = a.abs() + b'), pd.eval('a.b + 1')",
    "import logging, logging.handlers\nlogging.basicConfig(level='INFO')\nlogging.getLogger().addHandler(None)",
    "getattr(1, ''.join(c for c in 'real')), getattr(1, f\"{'re'}al\")",
    # Format strings.
    "'{0.real}'.format(1j)",
    "'{:.2f}'.format(1.0)",
    "'{0.__class__.__name__}'.format(1)",
    "'{0[__class__]}'.format({'__class__': 1})",
    "'{0[a.__globals__]}'.format({'a.__globals__': 1})",
    "'{{0.__class__}}'.format(1)",
    "'{} {x}'.format(1, x=2)",
    "'{0.__class__'.replace('{', '')",
    "print('{0.__class__} is only text')",
    "f'{1!r} {2:>{3}} {(4).real}'",
    "'%s.__class__' % 1",
    "import string\nstring.Template('$a').substitute(a=1)",
    "import string\nstring.Formatter().format('{0.real}', 1)",
    "import datetime\nf'{datetime.date(2024, 1, 1):%Y-%m}'",
    "str.format('{0}', 1)",
    "'a'.join(['x']).format()",
    # Ordinary uses of the standard library.
    "import os\nos.path.join('a', 'b'), os.environ.get('A'), os.getcwd(), os.listdir('.'), os.sep",
    "import os.path\nos.path.exists('a')",
    "from os import path, environ, makedirs\npath.join('a'), environ['A']",
    "import os\ngetattr(os, 'sep')\nos.__name__\nvars(os)['sep']",
    "import os\ndef walk(top, os=os): return os.walk(top)",
    "from os.path import *\njoin('a', 'b')",
    "import sys\nsys.version, sys.maxsize, sys.setrecursionlimit(2000), sys.stdout.write('a'), sys.argv, sys.path",
    "import sys\nsys.exit(0)",
    "import asyncio\nasyncio.run(asyncio.sleep(0))\nasyncio.gather, asyncio.Queue, asyncio.create_task",
    "import threading\nt = threading.Thread(target=print)\nt.start()\nt.join()",
    "from concurrent.futures import ThreadPoolExecutor, as_completed\nThreadPoolExecutor(4)",
    "import concurrent.futures\nconcurrent.futures.ThreadPoolExecutor()",
    "import tempfile\ntempfile.TemporaryDirectory(), tempfile.NamedTemporaryFile()",
    "import ast\nast.literal_eval('[1]'), ast.parse('1'), ast.walk(ast.parse('1'))",
    "import inspect\ninspect.signature(print), inspect.getmembers, inspect.isfunction(print)",
    "import shutil\nshutil.copy('a', 'b'), shutil.rmtree('c'), shutil.make_archive('a', 'zip')",
    "import pickle, copy, json, csv, gzip, zipfile\npickle.loads(pickle.dumps(1)), copy.deepcopy({})",
    "import types\ntypes.SimpleNamespace(a=1), types.MappingProxyType({}), isinstance(print, types.FunctionType)",
    "import operator\noperator.itemgetter('system'), operator.attrgetter('a.b'), operator.methodcaller('eval', 'a')",
    "from operator import attrgetter\nsorted([], key=attrgetter('__class__.__name__'))",
    "from operator import methodcaller\nmethodcaller('get', 'system')({})",
    "import gc\ngc.collect()",
    "import signal\nsignal.signal(signal.SIGALRM, print)",
    "import resource\nresource.getrusage(resource.RUSAGE_SELF).ru_maxrss",
    "from http import HTTPStatus\nHTTPStatus.OK",
    "import http\nhttp.HTTPStatus(404)",
    "from urllib.parse import urlencode, urlparse\nurlencode({})",
    "import requests\nrequests.get",
    "import cProfile\ncProfile.Profile()",
    "import traceback\ntraceback.format_exc()",
    "import timeit, time\ntimeit.default_timer(), time.perf_counter()",
    "import unittest\nclass T(unittest.TestCase):\n    def test(self): self.assertEqual(1, 1)",
    "from unittest import mock\nmock.patch('os.getcwd')",
    "import logging\nlogging.getLogger(__name__).info('%s', 1)\nlogging.basicConfig()",
    "from __future__ import annotations\nfrom typing import NamedTuple\nclass P(NamedTuple):\n    x: int",
    "import abc, enum\nclass E(enum.Enum):\n    A = 1\nclass B(abc.ABC):\n  @abc.abstractmethod\n  def f(self): ...",
    "import collections, itertools, functools, contextlib\n@functools.lru_cache\ndef f(): return 1",
    "import decimal, random, statistics, string, textwrap, hashlib, hmac, secrets, uuid, datetime, zoneinfo",
    "import io, pathlib, glob, struct, array, fractions, cmath, math, heapq, bisect, queue, sched, html, email, base64",
    "import warnings, weakref, difflib, calendar, locale, platform, xml.etree.ElementTree, select, doctest",
    "import numpy as np\nnp.linalg.inv(np.eye(2))\nnp.random.default_rng(1).normal(size=3)",
    "import numpy as np\nnp.frombuffer(b'abcd', dtype=np.uint8)\nnp.memmap",
    "import code_of_conduct, subprocesses, socketlike, ctypes_free",
    "from mypackage import system, fork, modules",
    "import math\nfor name in ('sin', 'cos'): getattr(math, name)(1)",
    "open('a.txt', 'w').write('x')",
    "print(help, id, input, memoryview, __name__, __file__, __doc__, __debug__)",
    "def f(x: 'eval') -> 'os.system': ...",
]

ANALYSIS = """
import numpy as np
import pandas as pd

def load():
    rng = np.random.default_rng(42)
    days = pd.date_range("2024-01-01", periods=90, freq="D")
    return pd.DataFrame({
        "day": np.tile(days, 3),
        "shop": np.repeat(["north", "south", "east"], len(days)),
        "sales": rng.gamma(3.0, 40.0, size=3 * len(days)).round(2),
        "system": rng.choice(["web", "till"], size=3 * len(days)),
    })

def clean(df):
    df = df.assign(month=df["day"].dt.strftime("%Y-%m"), weekday=df.day.dt.day_name())
    df.eval("net = sales * 0.8", inplace=True)
    low, high = df["sales"].quantile([0.01, 0.99])
    return df.query("@low <= sales <= @high").reset_index(drop=True)

def main():
    df = clean(load())
    by_month = df.pivot_table(index="month", columns="shop", values="net", aggfunc="sum")
    best = df.groupby("weekday")["net"].mean().sort_values(ascending=False)
    print(f"{len(df)} rows, {df.system.nunique()} systems, best day {best.index[0]}")
    return {
        "by_month": by_month.round(1).to_dict(orient="index"),
        "best": {name: round(value, 2) for name, value in best.items()},
        "systems": df["system"].value_counts().to_dict(),
        "describe": df.describe().loc["mean"].to_dict(),
    }
"""

CLASSES = """
from __future__ import annotations
import functools
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass, field, fields, replace
from typing import ClassVar, Generic, Protocol, TypeVar

T = TypeVar("T")

class Shape(ABC):
    registry: ClassVar[dict[str, type[Shape]]] = {}

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        Shape.registry[cls.__name__] = cls

    @abstractmethod
    def area(self) -> float: ...

    def __lt__(self, other):
        return NotImplemented if not isinstance(other, Shape) else self.area() < other.area()

    def __repr__(self):
        values = ", ".join(f"{key}={value!r}" for key, value in vars(self).items())
        return f"{self.__class__.__name__}({values})"

@dataclass(frozen=True, eq=True, repr=False)
class Square(Shape):
    side: float
    tags: tuple[str, ...] = field(default=())

    def __post_init__(self):
        object.__setattr__(self, "tags", tuple(sorted(self.tags)))

    def area(self):
        return self.side**2

class Cached(Generic[T]):
    def __set_name__(self, owner, name):
        self.name = "_" + name

    def __get__(self, instance, owner=None):
        if instance is None:
            return self
        return instance.__dict__.setdefault(self.name, 0)

def logged(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        print(function.__name__, args, kwargs)
        return function(*args, **kwargs)
    return wrapper

@logged
def main():
    squares = [Square(2.0, ("b", "a")), replace(Square(1.0), side=3.0)]
    names = [f.name for f in fields(Square)]
    return {"shapes": [asdict(s) for s in sorted(squares)], "names": names, "all": list(Shape.registry)}
"""

CONCURRENT = """
import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

lock = threading.Lock()
counts = {}

@asynccontextmanager
async def timed(name):
    loop = asyncio.get_running_loop()
    start = loop.time()
    try:
        yield start
    finally:
        print(name, loop.time() - start > 0)

def count(word):
    with lock:
        counts[word] = counts.get(word, 0) + 1
    return len(word)

async def worker(queue, results):
    while (word := await queue.get()) is not None:
        results.append(await asyncio.get_running_loop().run_in_executor(None, count, word))
        queue.task_done()

async def main():
    queue, results = asyncio.Queue(), []
    for word in "to be or not to be".split():
        queue.put_nowait(word)
    async with timed("work"):
        tasks = [asyncio.create_task(worker(queue, results)) for _ in range(3)]
        await queue.join()
        for task in tasks:
            task.cancel()
    with ThreadPoolExecutor(max_workers=4) as pool:
        squares = list(pool.map(lambda x: x * x, range(5)))
    return {"results": sorted(results), "counts": counts, "squares": squares}
"""

DATABASE = """
import csv, io, json, os, sqlite3, sys, tempfile
from pathlib import Path

SCHEMA = "create table event (id integer primary key, kind text, system text, at text)"

class Store:
    def __init__(self, path):
        self.connection = sqlite3.connect(path)
        self.connection.row_factory = sqlite3.Row

    def __enter__(self):
        self.connection.execute(SCHEMA)
        return self

    def __exit__(self, *details):
        self.connection.close()

    def exec(self, statement, *values):
        return self.connection.execute(statement, values).fetchall()

def main(kinds=("fork", "kill", "system")):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "events.db")
        with Store(path) as store:
            for number, kind in enumerate(kinds):
                store.exec("insert into event (kind, system, at) values (?, ?, date('now'))", kind, f"s{number}")
            rows = [dict(row) for row in store.exec("select kind, system from event order by kind")]
        out = io.StringIO()
        writer = csv.DictWriter(out, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
        Path(folder, "events.json").write_text(json.dumps(rows))
        print(out.getvalue(), file=sys.stderr)
        size = os.stat(path).st_size
        return {"rows": rows, "files": sorted(os.listdir(folder)), "size": size > 0, "row": rows[0]["system"]}
"""

INTERPRETER = """
import ast
import operator
import re
from enum import Enum, auto

class Kind(Enum):
    NUMBER = auto()
    NAME = auto()
    SIGN = auto()

TOKEN = re.compile(r"\\s*(?:(\\d+)|([a-z]+)|(.))")
OPERATORS = {ast.Add: operator.add, ast.Mult: operator.mul, ast.Sub: operator.sub}

def tokens(text):
    for number, name, sign in TOKEN.findall(text):
        yield (Kind.NUMBER, int(number)) if number else (Kind.NAME, name) if name else (Kind.SIGN, sign)

def eval(node, names):
    match node:
        case ast.Expression(body=body):
            return eval(body, names)
        case ast.Constant(value=int() as value):
            return value
        case ast.Name(id=name):
            return names[name]
        case ast.BinOp(left=left, op=op, right=right):
            return OPERATORS[type(op)](eval(left, names), eval(right, names))
    raise ValueError(f"unexpected {type(node).__name__}")

class Machine:
    def __init__(self, names):
        self.names, self.log = names, []

    def compile(self, text):
        return ast.parse(text, mode="eval")

    def exec(self, text):
        result = eval(self.compile(text), self.names)
        self.log.append("{0} = {1}".format(text, result))
        return result

def main():
    machine = Machine({"x": 2, "y": 5})
    return [machine.exec("x * y + 1"), machine.log, [kind.name for kind, _ in tokens("x * 12")]]
"""


@pytest.mark.parametrize("source", LINES, ids=LINES)
def test_line_is_accepted(source: str) -> None:
    report = POLICY.check(f"{source}\n\ndef main():\n    return 1\n")

    assert report.violations == ()
    assert (report.code, report.error) == (None, "")


@pytest.mark.parametrize(
    ("source", "imports"),
    [
        (ANALYSIS, {"numpy", "pandas"}),
        (CLASSES, {"__future__", "abc", "dataclasses", "functools", "typing"}),
        (CONCURRENT, {"asyncio", "concurrent", "contextlib", "threading"}),
        (DATABASE, {"csv", "io", "json", "os", "pathlib", "sqlite3", "sys", "tempfile"}),
        (INTERPRETER, {"ast", "enum", "operator", "re"}),
    ],
    ids=["analysis", "classes", "concurrent", "database", "interpreter"],
)
def test_whole_script_is_accepted(source: str, imports: set[str]) -> None:
    report = POLICY.check(source)

    assert report.violations == ()
    assert (report.code, report.error, report.imports) == (None, "", frozenset(imports))


def test_script_that_the_bench_checks_is_accepted() -> None:
    assert POLICY.check(SCRIPT.read_text("utf-8")).code is None
