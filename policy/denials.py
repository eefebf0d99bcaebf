"""Which rule denies a name, and what the script's author is told."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from policy.rules import MAX_COMPONENT, Rule

# A path keeps its last components, which the rules look at. No target has more.
MAX_COMPONENTS: Final = 12
# Leads from something allowed back to what it is a part of: `multiprocessing.cpu_count.__self__`.
_INNER: Final = ".__"


class Denial(NamedTuple):
    """Why something is denied: the rule's id, and its sentence for the script's author."""

    rule: str
    message: str


class Denials:
    """Everything that the rules deny, to be asked by name or by path. Immutable after construction.

    A path is the qualified name of an object as the script reaches it, from an import or from `builtins`:
    `os.system`, `shutil.os.system`, `builtins.eval`.

    Attributes:
        attributes, methods, formats, keywords: the denials by name, one mapping for each of these kinds of target.
        members: attributes and methods together.
        builtins: the denied builtin names.
        tails: the last components of all paths that are denied. An attribute with another name is not evaluated.
        holder_tails: the last components of modules that have something denied in them, and of the packages above.
        text_tails: the last components of functions that may not be given text.
        text_tops: the top-level packages of these functions.
        looked_up: every name that is denied when it is looked up as a text.
        guarded: the modules that are denied except for what a rule allows in them.
        guarded_tops: the top-level packages of these modules.
    """

    def __init__(self, rules: tuple[Rule, ...]) -> None:
        """Sort the targets of rules that `load_rules` has validated."""
        self.attributes = _by_name(rules, "attributes")
        self.methods = _by_name(rules, "methods")
        self.members = self.attributes | self.methods
        self.formats = _by_name(rules, "formats")
        self.keywords = _by_name(rules, "keywords")
        self.builtins = frozenset(name for rule in rules for name in rule.builtins)
        self._imports = _by_name(rules, "imports")
        self._texts = _by_name(rules, "texts")
        self._objects = _by_name(rules, "calls")
        self._objects |= {f"builtins.{name}": denial for name, denial in _by_name(rules, "builtins").items()}
        self._allowed = frozenset(name for rule in rules for name in rule.allows)
        self._holders: dict[str, dict[str, Denial]] = {}
        for target, denial in [*self._objects.items(), *self._texts.items(), *self._imports.items()]:
            *above, tail = target.split(".")
            for end in range(1, len(above) + 1):
                self._holders.setdefault(".".join(above[:end]), {})[public_name(tail)] = denial
        self.holder_tails = _tails(self._holders)
        self.tails = _tails(self._objects) | _tails(self._imports)
        self.text_tails = _tails(self._texts)
        self.text_tops = frozenset(path.partition(".")[0] for path in self._texts)
        self.looked_up = self.tails | self.text_tails | self.members.keys() | self.builtins
        self.guarded = frozenset(
            package for name in self._allowed for package in _packages(name) if self.path_rule(package) is not None
        )
        self.guarded_tops = frozenset(package.partition(".")[0] for package in self.guarded)

    def path_rule(self, path: str) -> Denial | None:
        """Return the denial of what a path leads to.

        A denied target also counts behind a module that merely imports it (`shutil.os.system`, `tempfile._os.system`).
        Below a class it does not count: `urllib.error.HTTPError.code` is not the module `code`.
        """
        last = path[path.rfind(".") + 1 :]
        if last in self.tails or public_name(last) in self.tails:
            parts = path.split(".")
            in_class = any(part[:1].isupper() for part in parts[:-1])
            for target in _suffixes(parts):
                if denial := self._objects.get(target):
                    return denial
                if not in_class and target not in self._allowed and (denial := self._imports.get(target)):
                    return denial
        return self._module_rule(path)

    def _module_rule(self, module: str) -> Denial | None:
        """Return the denial of importing a module, or a package above it."""
        found = None
        end = -1
        for _ in range(MAX_COMPONENTS):
            end = module.find(".", end + 1)
            prefix = module if end < 0 else module[:end]
            if prefix in self._allowed and _INNER not in module[len(prefix) :]:
                return None
            found = found or self._imports.get(prefix)
            if end < 0:
                break
        return found

    def text_rule(self, path: str) -> Denial | None:
        """Return the denial of giving text to the function at a path."""
        if path[path.rfind(".") + 1 :] not in self.text_tails:
            return None
        return next(filter(None, map(self._texts.get, _suffixes(path.split(".")))), None)

    def is_allowed(self, path: str) -> bool:
        """Return whether a rule allows what a path leads to, or a package above it."""
        return any(above in self._allowed and _INNER not in path[len(above) :] for above in (path, *_packages(path)))

    def guarded_above(self, path: str) -> Iterator[str]:
        """Return the guarded packages above what a path leads to."""
        return (package for package in _packages(path) if package in self.guarded)

    def star_rule(self, module: str) -> tuple[str, Denial] | None:
        """Return the first denied path directly in a module, and its denial; None if the module has none."""
        for path, denial in self._objects.items():
            if path.rpartition(".")[0] == module:
                return path, denial
        return None

    def held_by(self, path: str) -> dict[str, Denial]:
        """Return what is denied in the module at a path and in its submodules, by name."""
        parts = [path, *map(public_name, path.split(".")[1:])]
        parts[0] = path.partition(".")[0]
        for start in range(max(0, len(parts) - MAX_COMPONENTS), len(parts)):
            if members := self._holders.get(".".join(parts[start:])):
                return members
        return {}


def _by_name(rules: tuple[Rule, ...], kind: str) -> dict[str, Denial]:
    return {
        name: Denial(rule.id, rule.instead.get(name, rule.message)) for rule in rules for name in getattr(rule, kind)
    }


def _tails(paths: dict[str, Denial] | dict[str, dict[str, Denial]]) -> frozenset[str]:
    return frozenset(path.rpartition(".")[2] for path in paths)


def _packages(path: str) -> Iterator[str]:
    """Return the packages above a path, outermost first."""
    parts = path.split(".", MAX_COMPONENTS)
    return (".".join(parts[:end]) for end in range(1, len(parts)))


def _suffixes(parts: list[str]) -> Iterator[str]:
    """Return the targets that a path may stand for: longest first, also without the underscores of private imports."""
    last = parts[-1]
    # The first component of a path is never private: it is the very module that is imported.
    public = [part if not number else public_name(part) for number, part in enumerate(parts[-MAX_COMPONENTS:])]
    if len(parts) > MAX_COMPONENTS:
        public[0] = public_name(public[0])
    for start in range(len(public)):
        yield ".".join(public[start:])
        yield ".".join([*public[start:-1], last])


def public_name(name: str) -> str:
    """Return a name without its underscore: standard modules import others privately, as in `tempfile._os`."""
    return name[1:] if name.startswith("_") and not name.startswith("__") else name


def shortened(path: str) -> str:
    """Return a path with each component cut to a length that no target has, so that long names need no memory."""
    if len(path) <= MAX_COMPONENT:
        return path
    parts = path.split(".")
    return ".".join(part if len(part) <= MAX_COMPONENT else f"{part[:MAX_COMPONENT]}…" for part in parts)
