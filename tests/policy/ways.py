"""Ways to reach for something: how a text is spelled, a value handed on, a member or a module taken.

Each is a template, by name. In it `«E»` stands for the expression it starts from, `«T»` for an expression that spells
the member's name and `«N»` for the name itself, `«X»` for a name that has the value afterwards, `«Y»` for another.
Through the ways in the tables called `LEFT_TO_THE_JAIL_*` a thing is reached without the checker seeing it.
"""

import codecs
from collections.abc import Callable

Text = Callable[[str], str]


def _codes(text: str) -> list[int]:
    return [ord(character) for character in text]


TEXTS: dict[str, Text] = {
    "literal": repr,
    "plus": lambda t: f"({t[:2]!r} + {t[2:]!r})",
    "adjacent": lambda t: f"({t[:2]!r} {t[2:]!r})",
    "join": lambda t: f"''.join([{t[:2]!r}, {t[2:]!r}])",
    "join_tuple": lambda t: f"''.join(({t[:2]!r}, {t[2:]!r}))",
    "join_text": lambda t: f"''.join({t!r})",
    "join_split": lambda t: f"''.join({'-'.join(t)!r}.split('-'))",
    "join_reversed": lambda t: f"''.join(reversed({t[::-1]!r}))",
    "reversed": lambda t: f"{t[::-1]!r}[::-1]",
    "sliced": lambda t: f"{'x' + t + 'yz'!r}[1:-2]",
    "stepped": lambda t: f"{'-'.join(t)!r}[::2]",
    "replaced": lambda t: f"{t.replace(t[-1], '~')!r}.replace('~', {t[-1]!r})",
    "stripped": lambda t: f"{'  ' + t!r}.strip()",
    "lowered": lambda t: f"{t.upper()!r}.lower()" if t.lower() == t else repr(t),
    "swapped": lambda t: f"{t.swapcase()!r}.swapcase()",
    "without_prefix": lambda t: f"{'ab' + t!r}.removeprefix('ab')",
    "split": lambda t: f"{'a ' + t!r}.split()[1]",
    "partitioned": lambda t: f"{'a:' + t!r}.partition(':')[2]",
    "in_list": lambda t: f"['x', {t!r}][1]",
    "in_dict": lambda t: f"{{'a': {t!r}}}['a']",
    "percent": lambda t: f"'%s%s' % ({t[:2]!r}, {t[2:]!r})",
    "percent_one": lambda t: f"('%s' % {t!r})",
    "formatted": lambda t: f"'{{}}{{}}'.format({t[:3]!r}, {t[3:]!r})",
    "formatted_by_name": lambda t: f"'{{a}}{{b}}'.format(b={t[1:]!r}, a={t[:1]!r})",
    "f_string": lambda t: f"f'{{{t[:2]!r}!s}}{t[2:]}'".replace("{'", '{"').replace("'!s}", '"!s}'),
    "characters": lambda t: "''.join([" + ", ".join(f"chr({code})" for code in _codes(t)) + "])",
    "characters_added": lambda t: "(" + " + ".join(f"chr({code})" for code in _codes(t)) + ")",
    "characters_mapped": lambda t: f"''.join(map(chr, {_codes(t)}))",
    "bytes_decoded": lambda t: f"{t.encode()!r}.decode()",
    "bytes_as_text": lambda t: f"str({t.encode()!r}, 'ascii')",
    "bytes_listed": lambda t: f"bytes({_codes(t)}).decode()",
    "hexadecimal": lambda t: f"bytes.fromhex({t.encode().hex()!r}).decode()",
    "encoded": lambda t: f"{t!r}.encode().decode()",
    "as_text": lambda t: f"str({t!r})",
    "times": lambda t: f"({t!r} * 1)",
    "conditional": lambda t: f"({t!r} if 1 else 'x')",
    "either": lambda t: f"('' or {t!r})",
    "walrus": lambda t: f"(w := {t!r})",
}
LEFT_TO_THE_JAIL_TEXTS: dict[str, Text] = {
    "codec": lambda t: f"codecs.decode({codecs.encode(t, 'rot13')!r}, 'rot13')",
    "comprehension": lambda t: f"''.join(c for c in {t!r})",
    "arithmetic": lambda t: f"''.join(chr(c - 1) for c in {[code + 1 for code in _codes(t)]})",
    "own_function": lambda t: f"(lambda a, b: a + b)({t[:2]!r}, {t[2:]!r})",
    "own_attribute": lambda t: f"type('A', (), {{'a': {t!r}}}).a",
    "reduced": lambda t: f"functools.reduce(lambda a, b: a + b, {list(t)!r})",
    "in_bits": lambda t: f"(~{~int.from_bytes(t.encode(), 'big')}).to_bytes({len(t)}, 'big').decode()",
}

PASSED: dict[str, str] = {
    "bare": "«E»",
    "called": "(lambda: «E»)()",
    "argument": "(lambda v: v)(«E»)",
    "keyword": "(lambda v: v)(v=«E»)",
    "default": "(lambda v=«E»: v)()",
    "in_list": "[«E»][0]",
    "in_tuple": "(0, «E»)[-1]",
    "in_dict": "{'k': «E»}['k']",
    "got": "{'k': «E»}.get('k')",
    "dict_call": "dict(k=«E»)['k']",
    "next": "next(iter([«E»]))",
    "looped": "[v for v in [«E»]][0]",
    "looped_twice": "[w for v in [[«E»]] for w in v][0]",
    "in_dict_comprehension": "{0: v for v in [«E»]}[0]",
    "generated": "next(v for v in [«E»])",
    "walrus": "(w := «E»)",
    "conditional": "(«E» if True else None)",
    "either": "(None or «E»)",
    "both": "(True and «E»)",
    "starred": "[*[«E»]][0]",
    "double_starred": "{**{'k': «E»}}['k']",
    "greatest": "max([«E»], key=id)",
    "partial": "functools.partial((lambda v: v), «E»)()",
    "reduced": "functools.reduce(lambda a, b: b, [0, «E»])",
    "namespace": "types.SimpleNamespace(a=«E»).a",
    "mapped": "list(map(lambda v: v, [«E»]))[0]",
    "made_class": "type('A', (), {'a': [«E»]}).a[0]",
    "named_tuple": "collections.namedtuple('P', 'a')(«E»).a",
    "chained": "list(itertools.chain([«E»]))[0]",
    "zipped": "list(zip([«E»]))[0][0]",
    "popped": "[«E»].pop()",
    "assigned": "«X» = «E»",
    "assigned_twice": "«Y» = «X» = «E»",
    "annotated": "«X»: object = «E»",
    "unpacked": "«X», «Y» = «E», 1",
    "unpacked_nested": "«Y», («X», _) = 1, («E», 2)",
    "unpacked_rest": "*_, «X» = 1, 2, «E»",
    "for": "for «X» in [«E»]: pass",
    "with": "with contextlib.nullcontext(«E») as «X»: pass",
    "match": "match «E»:\n    case «X»: pass",
    "match_sequence": "match [«E»]:\n    case [«X»]: pass",
    "match_mapping": "match {'k': «E»}:\n    case {'k': «X»}: pass",
    "function": "def «Y»(): return «E»\n«X» = «Y»()",
    "default_argument": "def «Y»(v=«E»): return v\n«X» = «Y»()",
    "keyword_default": "def «Y»(*, v=«E»): return v\n«X» = «Y»()",
    "closure": "def «Y»():\n    v = «E»\n    def g(): return v\n    return g()\n«X» = «Y»()",
    "generator": "def «Y»(): yield «E»\n[«X»] = «Y»()",
    "class_body": "class «Y»:\n    a = [«E»]\n[«X»] = «Y».a",
    "instance": "class «Y»:\n    def __init__(self, v): self.a = v\n«X» = «Y»(«E»).a",
    "property": "class «Y»:\n    @property\n    def a(self): return «E»\n«X» = «Y»().a",
    "decorator": "@lambda f: «E»\ndef «X»(): pass",
    "class_decorator": "@lambda f: «E»\nclass «X»: pass",
    "exception": "try: raise ValueError(«E»)\nexcept ValueError as e: «X» = e.args[0]",
    "global": "def «Y»():\n    global «X»g\n    «X»g = «E»\n«Y»()\n«X» = globals()['«X»g']",
    "nonlocal": "def «Y»():\n  v = 1\n  def g():\n    nonlocal v\n    v = «E»\n  g()\n  return v\n«X» = «Y»()",
    "item": "«Y» = {}\n«Y»['k'] = «E»\n«X» = «Y»['k']",
    "appended": "«Y» = []\n«Y».append(«E»)\n«X» = «Y»[0]",
    "set_attribute": "class «Y»: pass\nsetattr(«Y», 'a', [«E»])\n«X» = «Y».a[0]",
    "while": "while True:\n    «X» = «E»\n    break",
    "handler": "try:\n    1 / 0\nexcept ZeroDivisionError:\n    «X» = «E»",
    "bound_twice": "«X» = itertools.chain\n«X» = (lambda v: v)(«E»)",
    "either_of_two": "((lambda v: v)(«E») if 1 else itertools.chain)",
    "dataclass": "@dataclasses.dataclass\nclass «Y»:\n    a: object\n«X» = «Y»(«E»).a",
    "coroutine": "async def «Y»(): return «E»\n«X» = asyncio.run(«Y»())",
}

MEMBERS: dict[str, str] = {
    "attribute": "(«E»).«N»",
    "wide_letters": "(«E»).«W»",
    "getattr": "getattr(«E», «T»)",
    "getattr_default": "getattr(«E», «T», None)",
    "getattr_starred": "getattr(*[«E», «T»])",
    "getattr_half_starred": "getattr(«E», *(«T»,))",
    "getattr_partial": "functools.partial(getattr, «E»)(«T»)",
    "getattr_mapped": "next(map(getattr, [«E»], [«T»]))",
    "getattr_mapped_by_star": "next(itertools.starmap(getattr, [(«E», «T»)]))",
    "getattr_reduced": "functools.reduce(getattr, [«T»], «E»)",
    "getattr_handed_on": "(lambda g: g(«E», «T»))(getattr)",
    "getattr_in_list": "[getattr][0](«E», «T»)",
    "getattr_in_dict": "{'g': getattr}['g'](«E», «T»)",
    "getattr_called": "getattr.__call__(«E», «T»)",
    "getattribute": "(«E»).__getattribute__(«T»)",
    "object_getattribute": "object.__getattribute__(«E», «T»)",
    "attrgetter": "operator.attrgetter(«T»)(«E»)",
    "attrgetter_of_two": "operator.attrgetter('__doc__', «T»)(«E»)[1]",
    "attrgetter_mapped": "next(map(operator.attrgetter(«T»), [«E»]))",
    "methodcaller": "operator.methodcaller('__getattribute__', «T»)(«E»)",
    "static": "inspect.getattr_static(«E», «T»)",
    "match_class": "match «E»:\n    case object(«N»=«X»): pass",
}
NAMESPACE_MEMBERS: dict[str, str] = {
    "vars": "vars(«E»)[«T»]",
    "vars_get": "vars(«E»).get(«T»)",
    "vars_getitem": "vars(«E»).__getitem__(«T»)",
    "dict": "(«E»).__dict__[«T»]",
    "dict_get": "(«E»).__dict__.get(«T»)",
    "dict_by_getattr": "getattr(«E», '__dict__')[«T»]",
    "dict_called": "dict(vars(«E»))[«T»]",
    "dict_unpacked": "{**vars(«E»)}[«T»]",
    "dict_merged": "(vars(«E») | {})[«T»]",
    "dict_copied": "vars(«E»).copy()[«T»]",
    "copied": "copy.copy(vars(«E»))[«T»]",
    "chain_map": "collections.ChainMap(vars(«E»))[«T»]",
    "getitem": "operator.getitem(vars(«E»), «T»)",
    "itemgetter": "operator.itemgetter(«T»)(vars(«E»))",
    "unbound_get": "dict.get(vars(«E»), «T»)",
    "unbound_getitem": "dict.__getitem__(vars(«E»), «T»)",
    "vars_handed_on": "(lambda d: d[«T»])(vars(«E»))",
    "get_mapped": "list(map(vars(«E»).get, [«T»]))[0]",
    "vars_looped": "[d[«T»] for d in [vars(«E»)]][0]",
    "vars_matched": "match vars(«E»):\n    case {«L»: «X»}: pass",
}
LEFT_TO_THE_JAIL_MEMBERS: dict[str, str] = {
    "getmembers": "dict(inspect.getmembers(«E»))[«T»]",
    "searched": "[getattr(«E», k) for k in dir(«E») if k == «T»][0]",
    "pickle": "pickle.loads(b'c' + («E»).__name__.encode() + b'\\n' + «T».encode() + b'\\n.')",
}

MODULES: dict[str, str] = {
    "import": "import «M»\n«X» = «M»",
    "import_as": "import «M» as «X»",
    "import_from": "from «P» import «C» as «X»",
    "globals": "global «A»\nimport «M»\n«X» = globals()['«A»']",
    "in_function": "def «Y»():\n    import «M» as m\n    return m\n«X» = «Y»()",
    "in_class": "class «Y»:\n    import «M» as m\n«X» = «Y».m",
    "tried": "try:\n    import «M» as «X»\nexcept ImportError:\n    «X» = None",
}
LEFT_TO_THE_JAIL_MODULES: dict[str, str] = {
    "member_of_argument": "import shutil\ndef «Y»(m): return m.«M»\n«X» = «Y»(shutil)",
    "searched": "import shutil\n«X» = [v for v in vars(shutil).values() if str(v).startswith(\"<module '«M»'\")][0]",
}
BUILTINS: dict[str, str] = {
    "name": "«N»",
    "wide_letters": "«W»",
    "read_before": "def «Y»(): return «N»\n«X» = «Y»()",
    "bound_in_vain": "for «N» in []: pass\n«X» = «N»",
    "bound_if": "if 0:\n    «N» = 1\n«X» = «N»",
    "bound_try": "try:\n    «N» = 1 / 0\nexcept Exception: pass\n«X» = «N»",
    "bound_with": "with contextlib.suppress(Exception):\n    1 / 0\n    «N» = 1\n«X» = «N»",
    "deleted": "«N» = 1\ndel «N»\n«X» = «N»",
    "deleted_by_handler": "«N» = 1\ntry: 1 / 0\nexcept Exception as «N»: pass\n«X» = «N»",
    "bound_later": "def «Y»(): return «N»\n«X» = «Y»()\n«N» = 1",
    "deleted_in_function": "«N» = 1\ndef «Y»():\n    global «N»\n    del «N»\n«Y»()\n«X» = «N»",
    "in_class": "class «Y»:\n    «N» = [«N»]\n«X» = «Y».«N»[0]",
    "class_skipped": "class «Y»:\n    «N» = 1\n    def f(self): return «N»\n«X» = «Y»().f()",
    "only_annotated": "«N»: object\n«X» = «N»",
    "by_self": "print.__self__.«N»",
    "by_self_getattr": "getattr(len.__self__, «T»)",
    "by_globals": "getattr(globals()['__builtins__'], «T»)",
    "by_getattr_self": "getattr(getattr(print, '__self__'), «T»)",
    "by_bltns": "import enum\n«X» = enum.bltns.«N»",
}
# These rebind a name that `main` would make its own.
BUILTINS_OF_THE_MODULE = {
    name for name, way in BUILTINS.items() if "«N» = " in way or "for «N»" in way or "object" in way
}
# The ways along which the checker follows a text.
TEXT_PASSED = {
    name: PASSED[name]
    for name in ("assigned", "annotated", "unpacked", "for", "walrus", "conditional", "in_list", "in_dict", "got")
}
