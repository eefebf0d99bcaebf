# ruff: noqa: RUF001 (letters that only look like ASCII are one of the shapes)
"""Scripts that could make the check slow, large, or its answer long: each shape grows to a size in bytes."""

from collections.abc import Callable

Shape = Callable[[int], str]


def _repeat(part: str, size: int, head: str = "", tail: str = "") -> str:
    """Repeat a part between head and tail until the whole has about this size."""
    return head + part * max(1, (size - len((head + tail).encode())) // len(part.encode())) + tail


def _numbered(line: Callable[[int], str], size: int, head: str = "", tail: str = "") -> str:
    """Put numbered lines between head and tail until the whole has about this size."""
    lines, total = [head], len(head) + len(tail)
    while total < size - 40:
        lines.append(line(len(lines)))
        total += len(lines[-1].encode())
    return "".join([*lines, tail])


def _long_imports(size: int) -> str:
    name = "n" * (size // 24)
    imports = ",".join(f"{name}{number}" for number in range(12))
    return _repeat("m.path\n", size, f"import {imports}\n" + "".join(f"m={name}{n}\n" for n in range(12)))


def _long_paths(size: int) -> str:
    name = "n" * (size // 24)
    imports = "".join(f"from {name[:-2]} import {name}{n} as m\n" for n in range(10))
    return _repeat("m.system\n", size, imports)


def _classes(size: int) -> str:
    return "".join(" " * level + f"class A{level}:\n" for level in range(90)) + _repeat(
        "x=eval;", size - 5000, " " * 90
    )


def _scopes(size: int) -> str:
    head = "import os\n" + "".join(" " * level + f"def f{level}():\n" for level in range(90))
    return _repeat("os.system;", size, head + " " * 90)


def _lambdas(size: int) -> str:
    return _repeat("lambda: os.system,", size, "import os\nx = (", ")")


def _runs_early(size: int) -> str:
    return _numbered(lambda n: f"def f{n}(): return eval\nf{n - 1}()\n", size, "def f0(): pass\n", "eval = 1\n")


def _globals(size: int) -> str:
    names = ",".join(f"a{n}" for n in range(size // 40))
    return _numbered(lambda n: f"def f{n}():\n global {names[: size // 200].rpartition(',')[0]}\n", size, "import os\n")


def _star_imports(size: int) -> str:
    return _repeat("system;", size, "".join(f"from m{n} import *\n" for n in range(64)))


def _star_findings(size: int) -> str:
    return _repeat("system;", size, "from os import *\n" * 64)


def _modules_of_a_name(size: int) -> str:
    return _repeat("m.system;", size, "".join(f"import a{n} as m\n" for n in range(60)))


def _imports_of_a_name(size: int) -> str:
    return _repeat("m.system;", size // 2) + "\n" + _numbered(lambda n: f"import a{n} as m\n", size // 2)


def _rebound(size: int) -> str:
    return _numbered(lambda n: f"a{n} = a{n - 1}\n", size, "import os\na0 = os\n", "x = os\n")


def _bound_to_all(size: int) -> str:
    return _numbered(lambda n: f"a = b{n} = a, a\n", size, "import os\na = os\n", "a.system")


def _folded_sum(size: int) -> str:
    return (
        _repeat("+'a'", size, "getattr(x, ", ")")
        if size < 1000
        else _repeat("getattr(x," + "'a'" + "+'a'" * 40 + ");", size, "import os;x=os;")
    )


def _fold_choices(size: int) -> str:
    head = "import os\n" + "".join(f"s = {'a' * 30 + str(n)!r}\n" for n in range(32))
    return _repeat("getattr(os,s+s[1:]);", size, head)


def _fold_products(size: int) -> str:
    head = "import os\n" + "".join(f"s={n}\n" for n in range(5)) + "".join(f"t={n}\n" for n in range(6))
    return _repeat("getattr(os,chr(s+t));", size, head)


def _fold_long(size: int) -> str:
    return _repeat("getattr(os,x.lower().upper());", size, f"import os\nx={'a' * 990!r}\n")


def _fold_tuples(size: int) -> str:
    return _repeat("getattr(os,(*x,'a')[0]);getattr(os,''.join(x));", size, f"import os\nx=[{'1,' * 400}'a']\n")


def _format_fields(size: int) -> str:
    return _repeat("{0.a}", size, "'", "'.format(1)")


def _format_levels(size: int) -> str:
    return _repeat("{0:{1.a}}", size, "'", "'.format(1)")


def _format_many(size: int) -> str:
    return _repeat("t.format(1);", size, "t='" + "{0.a}" * 190 + "'\n")


def _format_denied(size: int) -> str:
    name = "{0." + "a." * (size // 4) + "__class__}"
    return _repeat("t.format(1);", size, f"t='{name}'\n")


def _texts_read_by_name(size: int) -> str:
    return _repeat("f('system');", size, "import os\ng=[getattr,os]\n")


def _many_keys(size: int) -> str:
    return _repeat("'system':1,", size, "import os\ng=[getattr,os]\nd={", "}\nd[d]\nd[d]\nf(d)\nf(d)")


def _calls_of_a_dict(size: int) -> str:
    return _repeat("f(d);", size, "import os\ng=[getattr,os]\nd={" + "'system':1," * 900 + "}\n")


def _calls_of_names(size: int) -> str:
    head = "import os\ng=[getattr,os]\n" + "".join(f"s='system{n}'\n" for n in range(31)) + "s='system'\n"
    return _repeat("f(s,s,s,s);", size, head)


def _nested_tuples(size: int) -> str:
    return _repeat("[['a','b'],['c',['d']]],", size, "import os\nx=[", "]\ngetattr(os,x[0])\ngetattr(os,x[1][0])")


def _patterns(size: int) -> str:
    return _repeat("|C(system=_)", size, "import os\nmatch os:\n case C(a=1)", ":pass")


def _pattern_names(size: int) -> str:
    return _numbered(lambda n: f",a{n}=_", size, "match x:\n case C(b=_", "):pass")


def _pattern_maps(size: int) -> str:
    return _numbered(lambda n: f",'k{n}':_", size, "import os\nf(getattr,os)\nmatch x:\n case {'system':_", "}:pass")


def _unpacked(size: int) -> str:
    return _repeat("(a,*b),", size, "import os\n", "=os,\na.system\nb.system")


def _unpacked_values(size: int) -> str:
    half = size // 4
    return "(" + "a," * half + ")=(" + "b," * half + ")\n"


def _targets(size: int) -> str:
    return _repeat("a=", size, "import os\n", "os\na.system\n")


def _many_values(size: int) -> str:
    return _repeat("a=os\n", size // 2, "import os\n") + _repeat("a.system\n", size // 2)


def _attributes(size: int) -> str:
    return _repeat("x.y.z.w;", size)


def _attribute_chains(size: int) -> str:
    return _repeat("os" + ".path" * 400 + ".system\n", size, "import os\n")


def _denied_chains(size: int) -> str:
    return _repeat("x" + ".__globals__" * 400 + "\n", size)


def _dotted_getter(size: int) -> str:
    return _repeat("a.", size, "from operator import attrgetter\nattrgetter('", "b')")


def _dotted_getters(size: int) -> str:
    return _repeat("attrgetter(n);", size, f"from operator import attrgetter\nn='{'a.' * 490}b'\n")


def _dotted_getters_apart(size: int) -> str:
    return _numbered(lambda n: f"attrgetter('{'a.' * 50}{n}')\n", size, "from operator import attrgetter\n")


def _dotted_import(size: int) -> str:
    return _repeat("a,", size, f"from {'a.' * 99}a import ", "a")


def _dotted_imports(size: int) -> str:
    return _repeat(f"import {'a.' * 99}a\n", size)


def _dotted_imports_apart(size: int) -> str:
    return _numbered(lambda n: f"import {'a.' * 50}a{n}\n", size)


def _imports_apart(size: int) -> str:
    return _numbered(lambda n: f"import a{n}\n", size)


def _long_name_denied(size: int) -> str:
    return _repeat(" , a", size // 2, f"from os.{'a' * (size // 2)} import system") + "\n"


def _long_denied_path(size: int) -> str:
    return _repeat("n.os.system;", size, f"import {'n' * (size // 3)} as n\n")


def _combining(size: int) -> str:
    return _repeat("\u0323\u0307", size, "a")


def _combining_one_kind(size: int) -> str:
    return _repeat("\u0301", size, "a")


def _combining_many(size: int) -> str:
    return _repeat("a" + "\u0323\u0307" * 15 + ";", size)


def _hangul(size: int) -> str:
    return _repeat("\u1112\u1161\u11ab", size)


def _expanding(size: int) -> str:
    return _repeat("\ufdfb", size)


def _wide_names(size: int) -> str:
    return _repeat("ｓｙｓ;", size)


def _combining_in_comment(size: int) -> str:
    return _repeat("\u0323\u0307", size, "# ", "\n")


def _f_strings(size: int) -> str:
    return _repeat("{a}", min(size, 14_000), "f'", "'") + "\n" + "#" * max(0, size - 14_000)


def _f_strings_apart(size: int) -> str:
    return _repeat("f'{a}';", min(size, 34_000)) + "\n" + "1;" * max(0, (size - 34_000) // 2)


def _f_string_parts(size: int) -> str:
    return _repeat("f'{a}' ", min(size, 34_000), "(", ")") + "\n" + "1;" * max(0, (size - 34_000) // 2)


def _f_string_one_long(size: int) -> str:
    return _repeat("a", size - 13_000, "f'" + "{a}" * 4000, "'")


def _texts_joined(size: int) -> str:
    return _repeat("'a'", size, "x = (", ")")


def _sets(size: int) -> str:
    return _repeat("{1},", size, "x=(", ")")


def _empty_calls(size: int) -> str:
    return _repeat("f();", size)


def _calls_in_calls(size: int) -> str:
    return _repeat("f(f(f(f(f(f(f(f(x,1),1),1),1),1),1),1),1);", size, "import os\ng=[getattr,os]\n")


def _getattrs(size: int) -> str:
    return _repeat("getattr(getattr(getattr(os,'path'),'os'),'path');", size, "import os\n")


def _subscripts(size: int) -> str:
    return _repeat("d['a'];", size, "import os\nd=vars(os)\n")


def _comprehensions(size: int) -> str:
    return _repeat("[eval for a in b];", size)


def _comprehension_chain(size: int) -> str:
    return _repeat(" for a in a", size, "import os\nx=[a.system", "]")


def _decorators(size: int) -> str:
    return _repeat("@eval\n", size, "", "def f():pass\n")


def _functions(size: int) -> str:
    return _repeat("def f():eval\n", size)


def _classes_flat(size: int) -> str:
    return _repeat("class A:eval=eval\n", size)


def _arguments(size: int) -> str:
    return _numbered(lambda n: f"a{n}=eval,", size, "def f(", "):pass\n")


def _withs(size: int) -> str:
    return _repeat("a as b,", size, "with ", "c:pass\n")


def _nested_ifs(size: int) -> str:
    part = "".join(" " * level + "if 1:\n" for level in range(90)) + " " * 90 + "eval=1\n"
    return _repeat(part, size, "", "eval\n")


def _nested_withs(size: int) -> str:
    part = "".join(" " * level + "with a:\n" for level in range(19)) + " " * 19 + "eval=1\n"
    return _repeat(part, size, "", "eval\n")


def _elifs(size: int) -> str:
    return _repeat("elif a:eval=1\n", min(size, 6000), "if 1:eval=1\n", "else:eval=1\n") + _repeat("eval;", size - 6000)


def _elifs_many(size: int) -> str:
    return _repeat("if 1:eval=1\n" + "elif a:eval=1\n" * 300 + "else:eval=1\n", size)


def _definite(size: int) -> str:
    return _numbered(lambda n: f"if 1:a{n}=1\nelse:b{n}=1\n", size, "", "eval\neval=1\n")


def _many_targets_read(size: int) -> str:
    return _numbered(lambda n: f"e{n}=eval\n", size)


def _violations(size: int) -> str:
    return _repeat("eval;", size)


def _violations_on_lines(size: int) -> str:
    return _repeat("eval\n", size)


def _violations_behind(size: int) -> str:
    """Violations at the end of one very long line of wide characters."""
    return _repeat("'é';", size - 1000) + "eval;" * 200


def _long_lines_read(size: int) -> str:
    return "\n".join(["'é'" * ((size - 1000) // 400)] * 100 + ["eval"] * 100)


def _numbers(size: int) -> str:
    return _repeat("1,", size, "[", "]")


def _names(size: int) -> str:
    return _repeat("a,", size, "[", "]")


def _names_read(size: int) -> str:
    return _repeat("a;", size)


def _negations(size: int) -> str:
    return _repeat("-a;", size)


def _long_names(size: int) -> str:
    return "a" * size


def _digits(size: int) -> str:
    return _repeat("9", size, "x=")


def _hex_digits(size: int) -> str:
    return _repeat("f", size, "x=0x")


def _digits_many(size: int) -> str:
    return _repeat("9" * 4200 + ";", size)


def _floats(size: int) -> str:
    return _repeat("9" * 40_000 + "e9;", size)


def _underscored(size: int) -> str:
    return _repeat("9_", size, "x=", "9")


def _escapes(size: int) -> str:
    return _repeat("\\N{GREEK SMALL LETTER ALPHA}", size, "x='", "'")


def _bad_escapes(size: int) -> str:
    return _repeat("'\\d';", size)


def _warnings(size: int) -> str:
    return _repeat("1 is 1;", size)


def _octal_escapes(size: int) -> str:
    return _repeat("\\777", size, "x='", "'")


def _quotes(size: int) -> str:
    return _repeat("'''\n", size)


def _brackets(size: int) -> str:
    return _repeat("(" * 190 + ")" * 190 + ";", size)


def _lambda_chain(size: int) -> str:
    return _repeat("lambda:" * 90 + "a\n", size)


def _parser_backtracking(size: int) -> str:
    return _repeat("(((((((((((((((((((a,b)=c", size)


def _parser_backtracking_groups(size: int) -> str:
    return _repeat("[" * 60 + "a" + "]" * 60 + "=1;", size)


def _parser_with_groups(size: int) -> str:
    return _repeat("with " + "(" * 20 + "a" + ")" * 20 + ":pass\n", size)


def _broken_groups(size: int) -> str:
    return _repeat("(" * 25 + "a b" + ")" * 25 + "\n", size)


def _indents(size: int) -> str:
    return _repeat("if 1:\n" + " " * 4000 + "pass\n", size)


def _blank(size: int) -> str:
    return _repeat("\n", size)


def _continued(size: int) -> str:
    return _repeat("\\\n", size)


def _comments(size: int) -> str:
    return _repeat("#\n", size)


def _import_words(size: int) -> str:
    return _repeat("import ", size)


def _from_dots(size: int) -> str:
    return _repeat("from . import a;", size)


def _augmented(size: int) -> str:
    return _repeat("s+='a';", size, "import os\ns='a'\n", "\ngetattr(os,s)")


def _augmented_apart(size: int) -> str:
    return _numbered(lambda n: f"s{n}=s{n - 1}+'a'\n", size, "import os\ns0='a'\n", "getattr(os,s0)\n")


def _walrus(size: int) -> str:
    return _repeat("(a:=os),", size, "import os\nx=(", ")\na.system")


def _if_expressions(size: int) -> str:
    return _repeat("(os if 1 else x).system;", size, "import os\n")


def _big_list_read(size: int) -> str:
    return _repeat("x[0].system;", size // 2, f"import os\nx=[{'os,' * (size // 6)}]\n")


def _big_list_calls(size: int) -> str:
    return _repeat(
        "getattr(os,x[0]);", size // 2, f"import os\nx=[{_numbered(lambda n: repr(str(n)) + ',', size // 2)}]\n"
    )


def _big_list_copies(size: int) -> str:
    names = "".join(f"x{n}=[*x,*x]\ngetattr(os,x{n}[0])\n" for n in range(size // 80))
    return f"import os\nx=[{_numbered(lambda n: repr(str(n)) + ',', size // 3)}]\n{names}"


def _mixed_list(size: int) -> str:
    return _repeat("getattr(os,x);", size // 2, f"import os\nx=[y,{'1,' * (size // 4)}]\n")


def _annotations(size: int) -> str:
    return _repeat("a:eval\n", size)


def _nonlocals(size: int) -> str:
    names = ",".join(f"a{n}" for n in range(size // 60))
    body = _numbered(lambda n: f" def g{n}():\n  nonlocal {names[: size // 100].rpartition(',')[0]}\n", size // 2)
    return f"def f():\n {names.replace(',', '=')}=1\n{body}"


def _globals_of_deep_scopes(size: int) -> str:
    head = "".join(" " * level + f"def f{level}():\n" for level in range(60))
    return _repeat("global a;a=os;a.system;", size, "import os\n" + head + " " * 60)


def _class_reads(size: int) -> str:
    return "".join(" " * level + f"class A{level}:\n{' ' * (level + 1)}eval=1\n" for level in range(60)) + _repeat(
        "[eval for x in y];", size - 8000, " " * 60
    )


def _globals_read(size: int) -> str:
    return _repeat("globals()['os'].system;", size, "import os\n")


def _script_members(size: int) -> str:
    return _repeat("script.os.system;", size, "import os, script\n")


def _vars_of_all(size: int) -> str:
    return _repeat("f(vars(os));", size, "import os\n")


def _timeit_texts(size: int) -> str:
    return _repeat("timeit.timeit(s);", size, f"import timeit\ns={'x' * 900!r}\n")


def _finally_and_returns(size: int) -> str:
    return _repeat("  b()\n", size // 2, "def f():\n try:\n" + "  if a: return 1\n" * (size // 40) + " finally:\n")


def _nested_finally(size: int) -> str:
    def nested(levels: int, indent: str = "") -> str:
        if not levels:
            return indent + "a()\n"
        return f"{indent}try: b()\n{indent}finally:\n{nested(levels - 1, indent + ' ')}"

    return _repeat(nested(18), size)


def _alternatives(size: int) -> str:
    names = ",".join(f"a{n}" for n in range(size // 20))
    return f"match x:\n case [{names}]|[{','.join(reversed(names.split(',')))}]: pass\n"


def _keywords(size: int) -> str:
    return _numbered(lambda n: f"a{n}=1,", size, "f(", ")\n")


def _lambdas_on_lines(size: int) -> str:
    return _repeat("lambda:0\n", size)


def _names_in_scopes(size: int) -> str:
    return "def f():\n " + _numbered(lambda n: f"a{n}=", size // 2, "", "1\n ") + _repeat("lambda:0;", size // 2)


def _type_checking(size: int) -> str:
    return _repeat("if TYPE_CHECKING:import os\n", size, "from typing import TYPE_CHECKING\n")


def _guarded(size: int) -> str:
    return _repeat("m.util.find_spec(m);", size, "import importlib.util as u, importlib as m\n")


def _comprehensions_folded(size: int) -> str:
    return _repeat("getattr(os,''.join(chr(ord(c)+1-1) for c in x));", size, f"import os\nx={'a' * 900!r}\n")


def _comprehensions_nested(size: int) -> str:
    part = "''.join(c for c in "
    return _repeat(f"getattr(os,{part * 15}'abc'{')' * 15});", size, "import os\n")


def _reduced(size: int) -> str:
    part = "getattr(os,functools.reduce(operator.add,x));"
    return _repeat(part, size, f"import os,functools,operator\nx={list('a' * 300)!r}\n")


def _patches(size: int) -> str:
    keywords = ",".join(f"a{n}=1" for n in range(size // 20))
    return _repeat("p.multiple(t);", size, f"from unittest.mock import patch as p\nt='os'\np.multiple(t,{keywords})\n")


def _queries(size: int) -> str:
    return _repeat("a.b ", size, "df.query('", "')")


def _broken(size: int) -> str:
    return _repeat('f\'{a["b"]} ', size, "x = 1 1 ")


def _broken_f_strings(size: int) -> str:
    return _repeat("{{a", min(size, 14_000), 'f"', "") + "x" * max(0, size - 14_000)


def _fenced(size: int) -> str:
    return _repeat("```\n", size, "a b\n")


def _compile_error_in_a_long_name(size: int) -> str:
    return f"def f({'a' * (size // 2)}, {'a' * (size // 2 - 20)}): pass\ndef g({'b' * 9000}, {'b' * 9000}): pass\n"


SHAPES: dict[str, Shape] = {
    name.strip("_"): value
    for name, value in list(globals().items())
    if name.startswith("_") and name not in ("_repeat", "_numbered") and getattr(value, "__module__", "") == __name__
}
