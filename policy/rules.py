"""The policy file: its schema, its loader, and the index that the checker asks."""

import re
from collections.abc import Hashable, Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec
import yaml

SHIPPED = Path(__file__).with_name("rules.yaml")

_NAME = re.compile(r"[^\W\d]\w*")
_DOTTED = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
_QUALIFIED = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)+")
_TARGETS = {
    "imports": (_DOTTED, "a dotted module name"),
    "calls": (_QUALIFIED, "a qualified name such as os.system"),
    "attributes": (_NAME, "a single name"),
    "builtins": (_NAME, "a single name"),
    "formats": (_NAME, "a single name"),
}


class PolicyFileError(Exception):
    """The policy file cannot be used; the message names the file, the rule, and what was expected."""


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One rule of the file; `rules.yaml` documents every field."""

    id: str
    message: str
    imports: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()
    builtins: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()


class _PolicyFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: Literal[1]
    rules: list[dict[str, Any]] = []


class _UniqueKeyLoader(yaml.CSafeLoader):
    """PyYAML keeps the last of two equal keys in silence, which would lose targets."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"key {key.value!r} stands twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def load_rules(path: Path) -> tuple[Rule, ...]:
    """Read and validate a policy file.

    Raises:
        PolicyFileError: it cannot be read, is not YAML, or does not fit the schema.
    """
    try:
        document = _UniqueKeyLoader(path.read_text(encoding="utf-8")).get_single_data()
    except OSError as error:
        raise PolicyFileError(f"{path}: cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise PolicyFileError(f"{path}: is not YAML: {' '.join(str(error).split())}") from error
    try:
        content = msgspec.convert(document, _PolicyFile)
    except msgspec.ValidationError as error:
        raise PolicyFileError(f"{path}: {error}") from error
    rules: list[Rule] = []
    for number, entry in enumerate(content.rules, start=1):
        label = f"rule {entry['id']!r}" if entry.get("id") else f"rule number {number}, which has no id,"
        try:
            rule = msgspec.convert(entry, Rule)
        except msgspec.ValidationError as error:
            raise PolicyFileError(f"{path}: {label}: {error}") from error
        for problem in _problems(rule, rules):
            raise PolicyFileError(f"{path}: {label}: {problem}")
        rules.append(rule)
    return tuple(rules)


def _problems(rule: Rule, earlier: list[Rule]) -> Iterator[str]:
    if not rule.id.strip():
        yield "expected an id that is not empty"
    if any(rule.id == other.id for other in earlier):
        yield "expected an id of its own, but an earlier rule has the same one"
    if not rule.message.strip():
        yield "expected a message that is not empty"
    if not any(getattr(rule, kind) for kind in _TARGETS):
        yield f"expected at least one target in {', '.join(_TARGETS)}"
    for kind, (pattern, expected) in _TARGETS.items():
        targets: tuple[str, ...] = getattr(rule, kind)
        for position, target in enumerate(targets):
            if not pattern.fullmatch(target):
                yield f"{kind} holds {target!r}: expected {expected}"
            if target in targets[:position]:
                yield f"{kind} holds {target!r} twice"
            for other in earlier:
                if target in getattr(other, kind):
                    yield f"{kind} holds {target!r}: rule {other.id!r} already denies it"


class RuleIndex:
    """Which rule, if any, denies a name. Immutable after construction.

    A path is the qualified name of an object as the script reaches it, from an import or from `builtins`:
    `os.system`, `shutil.os.system`, `builtins.eval`.

    Attributes:
        attributes, formats: rule by attribute name; by last attribute name of a replacement field.
        builtins: the denied builtin names.
        tails: last components of everything that is denied by path: an attribute with another name needs no resolving.
        holders: modules (and the packages above them) that have something denied in them: the public forms
            of the names in them that are.
    """

    def __init__(self, rules: tuple[Rule, ...]) -> None:
        """Index rules that `load_rules` has validated."""
        self.attributes = {name: rule for rule in rules for name in rule.attributes}
        self.formats = {name: rule for rule in rules for name in rule.formats}
        self.builtins = frozenset(name for rule in rules for name in rule.builtins)
        self._imports = {name: rule for rule in rules for name in rule.imports}
        self._objects = {name: rule for rule in rules for name in rule.calls}
        self._objects |= {f"builtins.{name}": rule for rule in rules for name in rule.builtins}
        self.holders: dict[str, dict[str, Rule]] = {}
        for target, rule in [*self._objects.items(), *self._imports.items()]:
            *above, tail = target.split(".")
            for end in range(1, len(above) + 1):
                self.holders.setdefault(".".join(above[:end]), {})[public_name(tail)] = rule
        self.holder_tails = frozenset(name.rpartition(".")[2] for name in self.holders)
        self.tails = frozenset(name.rpartition(".")[2] for name in (*self._objects, *self._imports))

    def path_rule(self, path: str) -> Rule | None:
        """The rule that denies what a path leads to.

        A denied target also counts behind a module that merely happens to have it (`shutil.os.system`,
        `tempfile._os.system`). Below a class it does not: `urllib.error.HTTPError.code` is not the module `code`.
        """
        parts = _components(path)
        in_class = any(part[:1].isupper() for part in parts[:-1])
        last = path.rpartition(".")[2]
        for start in range(len(parts)):
            for target in (".".join(parts[start:]), ".".join([*parts[start:-1], last])):
                if rule := self._objects.get(target):
                    return rule
                if not in_class and (rule := self._imports.get(target)):
                    return rule
        return self._module_rule(path)

    def _module_rule(self, module: str) -> Rule | None:
        """The rule that denies importing a dotted module, by itself or by a package above it."""
        parts = module.split(".")
        for end in range(1, len(parts) + 1):
            if rule := self._imports.get(".".join(parts[:end])):
                return rule
        return None

    def star_rule(self, module: str) -> tuple[str, Rule] | None:
        """For a module that has something denied directly in it: the first such path, and its rule."""
        for path, rule in self._objects.items():
            if path.rpartition(".")[0] == module:
                return path, rule
        return None

    def held_by(self, path: str) -> dict[str, Rule]:
        """The names in the module at a path, or in its submodules, that are denied."""
        parts = _components(path)
        for start in range(len(parts)):
            if members := self.holders.get(".".join(parts[start:])):
                return members
        return {}


def _components(path: str) -> list[str]:
    first, *rest = path.split(".")
    return [first, *map(public_name, rest)]


def public_name(name: str) -> str:
    """A name without its underscore: standard modules import others privately, as in `tempfile._os`."""
    return name[1:] if name.startswith("_") and not name.startswith("__") else name
