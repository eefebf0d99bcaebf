"""The policy file: its schema and its loader."""

import difflib
import re
from collections.abc import Hashable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import msgspec
import yaml

from policy.doubts import doubt

SHIPPED = Path(__file__).with_name("rules.yaml")
# The only value of `extends`: there is one set of rules to start from.
_SHIPPED_NAME = "default"
# These keys have only one possible value.
_ONLY = {"version": 1, "extends": _SHIPPED_NAME}

# The longest component that a target may have. The checker cuts longer ones in scripts, which then match nothing.
MAX_COMPONENT: Final = 100
_MAX_MESSAGE = 1000

_NAME = re.compile(r"[^\W\d]\w*")
_DOTTED = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*){,11}")
_QUALIFIED = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*){1,11}")
_TARGETS = {
    "imports": (_DOTTED, "a dotted module name"),
    "calls": (_QUALIFIED, "a qualified name such as os.system"),
    "texts": (_QUALIFIED, "a qualified name such as timeit.timeit"),
    "attributes": (_NAME, "a single name"),
    "methods": (_NAME, "a single name"),
    "builtins": (_NAME, "a single name"),
    "formats": (_NAME, "a single name"),
    "keywords": (_NAME, "a single name"),
}


class PolicyFileError(Exception):
    """The policy file cannot be used; the message has a line for each problem, with the rule and what is expected.

    Attributes:
        path: the file.
        problems: one sentence each.
    """

    def __init__(self, path: Path, problems: Sequence[str]) -> None:
        """Make the message of the problems."""
        self.path = path
        self.problems = tuple(problems)
        super().__init__("\n".join(f"{path}: {problem}" for problem in problems))


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One rule of the file; `rules.yaml` documents every field."""

    id: str
    message: str
    imports: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    builtins: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    allows: tuple[str, ...] = ()
    instead: dict[str, str] = {}
    replace: bool = False


class PolicyFile(NamedTuple):
    """The content of a policy file.

    Attributes:
        rules: the rules of the file, and the rules that it extends.
        warnings: probable mistakes, one sentence each.
    """

    rules: tuple[Rule, ...]
    warnings: tuple[str, ...]


class _Content(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: Literal[1]
    extends: Literal["default"] | None = None
    without: list[str] = []
    rules: list[Any] = []


class _UniqueKeyLoader(yaml.CSafeLoader):
    """Refuses a key that is there twice. PyYAML itself keeps the last one without a word, which would lose targets."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"key {key.value!r} stands twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def load_rules(path: Path) -> tuple[Rule, ...]:
    """Read and validate a policy file, and return its rules alone (see `load_policy_file`)."""
    return load_policy_file(path).rules


def load_policy_file(path: Path) -> PolicyFile:
    """Read and validate a policy file.

    Raises:
        PolicyFileError: the file cannot be read, is not YAML, or does not fit the schema. It names every problem.
    """
    document = _read(path)
    problems = list(_unknown_keys(document, _Content))
    content = _Content(version=1)
    for key, value in document.items():
        # One field at a time, so that every wrong one is named.
        if key in _Content.__struct_fields__:
            try:
                content = msgspec.convert({**msgspec.to_builtins(content), key: value}, _Content)
            except msgspec.ValidationError as error:
                only = f"; expected `{key}: {_ONLY[key]}`" if key in _ONLY else ""
                problems.append(f"{error}{only}")
    if "version" not in document:
        problems.append("Object missing required field `version`")
    inherited = load_rules(SHIPPED) if content.extends else ()
    problems += _wrong_extension(content, inherited)
    inherited = tuple(rule for rule in inherited if rule.id not in content.without)
    rules = list(inherited)
    warnings: list[str] = []
    for number, entry in enumerate(content.rules, start=1):
        named = isinstance(entry, dict) and entry.get("id")
        label = f"rule {entry['id']!r}" if named else f"rule number {number}, which has no id,"
        rule, wrong = _rule(entry, number)
        if rule is not None:
            rules, more = _placed(rule, rules, inherited)
            wrong += more
            warnings += [f"{path}: {label}: {doubt}" for doubt in _doubts(rule)] if path != SHIPPED else []
        problems += [f"{label}: {problem}" for problem in wrong]
    if problems:
        raise PolicyFileError(path, problems)
    return PolicyFile(tuple(rules), tuple(warnings))


def _read(path: Path) -> dict[Any, Any]:
    try:
        document = _UniqueKeyLoader(path.read_text(encoding="utf-8")).get_single_data()
    except OSError as error:
        raise PolicyFileError(path, [f"cannot be read: {error.strerror}"]) from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise PolicyFileError(path, [f"is not YAML: {' '.join(str(error).split())}"]) from error
    if not isinstance(document, dict):
        kind = {type(None): "null", list: "array"}.get(type(document), type(document).__name__)
        raise PolicyFileError(path, [f"Expected `object`, got `{kind}`"])
    return document


def _unknown_keys(entry: dict[Any, Any], kind: type[msgspec.Struct]) -> Iterator[str]:
    for key in entry:
        if key not in kind.__struct_fields__:
            yield f"Object contains unknown field `{key}`{did_you_mean(str(key), kind.__struct_fields__)}"


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """Return the end of a sentence about an unknown word: which of the known ones is probably meant."""
    close = difflib.get_close_matches(word[:MAX_COMPONENT], known, n=1)
    return f": did you mean `{close[0]}`?" if close else f"; known are {', '.join(known)}"


def _wrong_extension(content: _Content, inherited: tuple[Rule, ...]) -> Iterator[str]:
    ids = [rule.id for rule in inherited]
    if content.without and not content.extends:
        yield f"`without` drops rules of the file that is extended; write `extends: {_SHIPPED_NAME}` too"
        return
    for name in content.without:
        if name not in ids:
            yield f"`without` holds {name!r}, which no rule has as its id{did_you_mean(name, ids)}"


def _rule(entry: Any, number: int) -> tuple[Rule | None, list[str]]:
    """Make a rule of an entry of the file; None if a field is missing or has the wrong type."""
    if not isinstance(entry, dict):
        return None, [f"Expected `object`, got `{type(entry).__name__}` - at `$.rules[{number - 1}]`"]
    problems = list(_unknown_keys(entry, Rule))
    valid: dict[str, Any] = {"id": "", "message": ""}
    for field in Rule.__struct_fields__:
        if field in entry:
            try:
                msgspec.convert(valid | {field: entry[field]}, Rule)
                valid[field] = entry[field]
            except msgspec.ValidationError as error:
                problems.append(str(error))
        elif field in valid:
            problems.append(f"Object missing required field `{field}`")
    rule = msgspec.convert(valid, Rule)
    return (None, problems) if problems else (rule, list(_problems(rule)))


def _problems(rule: Rule) -> Iterator[str]:
    if not rule.id.strip():
        yield "expected an id that is not empty"
    if not rule.message.strip():
        yield "expected a message that is not empty"
    if max(map(len, (rule.id, rule.message, *rule.instead.values()))) > _MAX_MESSAGE:
        yield f"expected an id and messages of at most {_MAX_MESSAGE} characters"
    if not any(getattr(rule, kind) for kind in _TARGETS):
        yield f"expected at least one target in {', '.join(_TARGETS)}"
    for kind, pattern, expected in [
        *((kind, *form) for kind, form in _TARGETS.items()),
        ("allows", *_TARGETS["calls"]),
    ]:
        targets: tuple[str, ...] = getattr(rule, kind)
        for position, target in enumerate(targets):
            if not pattern.fullmatch(target) or max(map(len, target.split("."))) > MAX_COMPONENT:
                yield f"{kind} holds {target[: 2 * MAX_COMPONENT]!r}: expected {expected}"
            if target in targets[:position]:
                yield f"{kind} holds {target!r} twice"
    for name in rule.allows:
        if not any(name.startswith(f"{package}.") for package in rule.imports):
            yield f"allows holds {name!r}: expected something in a module that is among the rule's imports"
    all_targets = [target for kind in _TARGETS for target in getattr(rule, kind)]
    for target in rule.instead:
        if target not in all_targets:
            yield f"instead holds {target!r}, which is no target of the rule{did_you_mean(target, all_targets)}"


def _placed(rule: Rule, rules: list[Rule], inherited: tuple[Rule, ...]) -> tuple[list[Rule], list[str]]:
    """Add a rule to the others: at the end, or instead of the inherited one that it replaces."""
    same = next((other for other in rules if other.id == rule.id), None)
    problems = []
    others = [other for other in rules if other is not same]
    if rule.replace:
        if same not in inherited:
            ids = [other.id for other in inherited]
            problems.append(
                f"`replace` needs a rule to replace, and no inherited one has this id{did_you_mean(rule.id, ids)}"
            )
    elif same in inherited and same is not None:
        problems.append("the file that is extended has a rule with this id: write `replace: true` to replace it")
    elif same is not None:
        problems.append("expected an id of its own, but an earlier rule has the same one")
    for kind in _TARGETS:
        for target in getattr(rule, kind):
            problems += [
                f"{kind} holds {target!r}: rule {other.id!r} already denies it"
                for other in others
                if target in getattr(other, kind)
            ]
    return [rule if other is same else other for other in rules] if rule.replace and same else [*rules, rule], problems


def _doubts(rule: Rule) -> Iterator[str]:
    """Return which targets of a rule seem to name nothing. Targets of the shipped rules are known to be right."""
    doubted = [
        (kind, target, why)
        for kind in ("imports", "calls", "texts", "builtins")
        for target in getattr(rule, kind)
        if (why := doubt(f"builtins.{target}" if kind == "builtins" else target))
    ]
    if doubted:
        shipped = load_rules(SHIPPED)
        known = {name for each in shipped for name in (*each.imports, *each.calls, *each.texts, *each.builtins)}
        for kind, target, why in doubted:
            if target not in known:
                yield f"{kind} holds {target!r}: {why}"
