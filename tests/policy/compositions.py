"""Random scripts that reach for something denied, put together from `evasions`, and whether they do reach it."""

import importlib
import random
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from policy.rules import SHIPPED, load_rules
from tests.policy import evasions

_HELPERS = (
    "asyncio", "base64", "codecs", "collections", "contextlib", "copy", "dataclasses", "functools", "inspect",
    "itertools", "operator", "pickle", "string", "types",
)  # fmt: skip
# Denied attributes, and the objects with them that every script can make. The other attributes need a frame, which is
# denied itself, or a running coroutine.
_OWNERS: dict[str, tuple[str, ...]] = {
    "__globals__": ("(lambda: 0)", "helper"),
    "__code__": ("(lambda: 0)", "helper"),
    "__closure__": ("(lambda v: lambda: v)(1)",),
    "__builtins__": ("(lambda: 0)", "helper"),
    "__subclasses__": ("int", "type(1)"),
    "__mro__": ("int", "ValueError"),
    "__bases__": ("int", "bool"),
    "__base__": ("bool", "type(True)"),
    "gi_frame": ("(v for v in '1')",),
    "gi_code": ("(v for v in '1')",),
}


@dataclass(frozen=True)
class Target:
    """Something denied: a member of a module, an attribute of an object, or (without a holder) a builtin."""

    holder: str
    name: str
    in_module: bool = False


@dataclass
class Composition:
    """One script; its `main` returns what it reaches for.

    Attributes:
        target: what the script reaches for.
        evasions: what the script is put together from.
        decided: whether the checker has to see through the script.
        lines: the statements before the value is returned.
    """

    target: Target
    random: random.Random
    evasions: list[str] = field(default_factory=list)
    decided: bool = True
    lines: list[str] = field(default_factory=list)
    source: str = ""

    def fill(self, template: str, **parts: str) -> str:
        """Fill in a template: add its statements to the lines, and return the expression for its value."""
        value = f"n{len(self.lines)}_{self.random.randrange(1000)}"
        parts |= {"X": value, "Y": f"{value}y", "N": self.target.name, "W": _wide(self.target.name)}
        parts["L"] = repr(self.target.name)
        if "«T»" in template:
            parts["T"] = self.spell(self.target.name)
        is_statement = "«X»" in template
        for name, text in parts.items():
            template = template.replace(f"«{name}»", text)
        if is_statement:
            self.lines += template.split("\n")
        return value if is_statement else template

    def choose(self, kind: str, seen: Mapping[str, str], left: Mapping[str, str] | None = None) -> str:
        """Choose an evasion: one that the checker has to see through or, seldom, one that is left to the jail."""
        table = left if left and self.random.random() < 0.05 else seen
        name = self.random.choice(list(table))
        self.evasions.append(f"{kind} {name}")
        self.decided = self.decided and table is seen
        return table[name]

    def spell(self, text: str) -> str:
        """Spell a text."""
        seen = {name: evasion(text) for name, evasion in evasions.TEXTS.items()}
        left = {name: evasion(text) for name, evasion in evasions.LEFT_TO_THE_JAIL_TEXTS.items()}
        expression = self.choose("text", seen, left)
        return self.hand_on(expression, evasions.TEXT_PASSED) if self.random.random() < 0.2 else expression

    def hand_on(self, expression: str, table: Mapping[str, str]) -> str:
        """Hand a value on."""
        return self.fill(self.choose("passed", table), E=expression)


def _wide(name: str) -> str:
    """Spell an identifier with a letter that the parser turns into the ASCII one."""
    place = next(place for place, letter in enumerate(name) if letter.isalpha())
    return name[:place] + chr(ord(name[place]) + 0xFEE0) + name[place + 1 :]


def _exists(path: str) -> bool:
    holder, _, name = path.rpartition(".")
    try:
        return hasattr(importlib.import_module(holder), name)
    except ModuleNotFoundError:  # a package that only the scripts' Python has
        return False


def targets() -> list[Target]:
    """Return what the shipped rules deny, as far as the evasions lead to it."""
    rules = load_rules(SHIPPED)
    found = [Target("", name) for rule in rules for name in rule.builtins if name.isalpha() or name == "__import__"]
    # os.startfile exists on Windows only, the others since Python 3.12.
    found += [
        Target(*path.rpartition(".")[::2], in_module=True) for rule in rules for path in rule.calls if _exists(path)
    ]
    return found + [Target(owner, name) for name, owners in _OWNERS.items() for owner in owners]


def compose(choice: random.Random, among: Collection[Target]) -> Composition:
    """Make one script."""
    composition = Composition(choice.choice(list(among)), choice)
    target = composition.target
    if not target.holder:
        value = composition.fill(composition.choose("builtin", evasions.BUILTINS))
    elif target.in_module:
        package, _, child = target.holder.rpartition(".")
        # `import a.b` makes the name `a`.
        table = {name: evasion for name, evasion in evasions.MODULES.items() if package or name != "import_from"}
        if package:
            table.pop("globals")
        parts = {"M": target.holder, "P": package, "C": child, "A": target.holder}
        left = evasions.LEFT_TO_THE_JAIL_MODULES if target.holder == "os" else None
        value = composition.fill(composition.choose("module", table, left), **parts)
        for _ in range(choice.choice((0, 0, 1, 2))):
            value = composition.hand_on(value, evasions.PASSED)
        table = evasions.MEMBERS | evasions.NAMESPACE_MEMBERS
        value = composition.fill(composition.choose("member", table, evasions.LEFT_TO_THE_JAIL_MEMBERS), E=value)
    else:
        value = target.holder
        for _ in range(choice.choice((0, 0, 1))):
            value = composition.hand_on(value, evasions.PASSED)
        value = composition.fill(composition.choose("member", evasions.MEMBERS), E=value)
    in_module = composition.evasions[0].removeprefix("builtin ") in evasions.BUILTINS_OF_THE_MODULE
    composition.source = _source(composition.lines, value, "module" if in_module else choice.choice(_PLACES))
    return composition


_PLACES = ("module", "main", "if", "try")


def _source(lines: list[str], value: str, place: str) -> str:
    """Put the statements into the module, into a block in the module, or into `main`."""
    text = "\n".join([*lines, value])
    imports = [f"import {name}" for name in _HELPERS if f"{name}." in text]
    helper = ["def helper(): pass"]
    inner = [f"    {line}" for line in lines]
    if place == "main":
        return "\n".join([*imports, *helper, "def main():", *inner, f"    return {value}", ""])
    if place == "module":
        inner = lines
    blocks = {"module": ([], []), "if": (["if True:"], ["    pass"]), "try": (["try:"], ["    pass", "finally: pass"])}
    head, tail = blocks[place]
    return "\n".join([*imports, *helper, *head, *inner, *tail, "def main():", f"    return {value}", ""])


# Runs in the jail, without the policy: says of each script whether its `main` returned the denied thing itself.
JUDGE = """
import builtins, contextlib, importlib, io, sys, types

def is_reached(value, holder, name, in_module, module):
    if in_module:
        return value is getattr(importlib.import_module(holder), name)
    if not holder:
        return value is getattr(builtins, name)
    owner = eval(holder, module.__dict__)
    if name in ("gi_frame", "gi_code", "__code__", "__closure__"):
        return type(value) is type(getattr(owner, name))
    return value is not None and value == getattr(owner, name)

def run(source, holder, name, in_module):
    module = sys.modules["script"] = types.ModuleType("script")
    module.__builtins__ = builtins
    try:
        exec(compile(source, "script.py", "exec"), module.__dict__)
        return "reached" if is_reached(module.main(), holder, name, in_module, module) else "something else"
    except BaseException as error:
        return repr(error)

def main(scripts):
    with contextlib.redirect_stdout(io.StringIO()):
        return [run(*each) for each in scripts]
"""
