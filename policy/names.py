"""Which bindings a name may mean at the place where a script reads it."""

import ast
import bisect
import builtins

from policy.denials import shortened
from policy.parse import SourceError
from policy.scope import Position, Scope
from policy.script_index import ScriptIndex

BUILTINS = frozenset(dir(builtins)) | {"__builtins__"}
# Each one multiplies what an unbound name may be.
_MAX_STAR_IMPORTS = 64


class Names:
    """The names of one script.

    Attributes:
        stars: the modules of which the script imports everything.
    """

    def __init__(self, index: ScriptIndex) -> None:
        """Collect the star imports.

        Raises:
            SourceError: there are too many.
        """
        self._index = index
        modules = dict.fromkeys(
            node.module
            for node, _ in index.from_imports
            if node.module and not node.level and any(alias.name == "*" for alias in node.names)
        )
        self.stars = [shortened(module) for module in modules]
        if len(self.stars) > _MAX_STAR_IMPORTS:
            raise SourceError("Script has too many star imports to be checked.", index.from_imports[0][0].lineno)
        self._own_uses: list[Position] | None = None

    def owners(self, node: ast.Name, scope: Scope) -> tuple[list[Scope], bool]:
        """Return the scopes whose binding a name may mean, innermost first, and whether it certainly means one."""
        found: list[Scope] = []
        start: Scope | None = scope
        while start is not None and (owner := start.owner(node.id)):
            found.append(owner)
            is_bound = owner.always_binds(node.id, _read_at(node, start, owner))
            if is_bound and not self._runs_early(node.id, start, owner):
                return found, True
            start = owner.parent
            while start is not None and start.kind == "class":
                start = start.parent
        return found, False

    def unbound(self, name: str) -> list[str]:
        """Return the paths that a name may have if the script itself does not bind it."""
        stars = [f"{module}.{shortened(name)}" for module in self.stars]
        return [f"builtins.{name}", *stars] if name in BUILTINS else stars

    def _runs_early(self, name: str, scope: Scope, owner: Scope) -> bool:
        """Return whether a function that reads a builtin's name may run before the module binds that name."""
        if name not in BUILTINS or owner.kind != "module" or scope is owner:
            return False
        while scope.parent is not None and scope.parent is not owner:
            scope = scope.parent
        defined_at = (scope.node.end_lineno, scope.node.end_col_offset)  # type: ignore[attr-defined]
        if self._own_uses is None:
            # Only something of the script's own can call the function: what is imported does not know it.
            self._own_uses = sorted(
                (node.lineno, node.col_offset)
                for node, where, _ in self._index.names
                if where is owner and not all(isinstance(each, str) for each in owner.bindings.get(node.id, ()))
            )
        following = bisect.bisect(self._own_uses, defined_at)
        return following < len(self._own_uses) and self._own_uses[following] < owner.bound_at(name)


def _read_at(node: ast.Name, scope: Scope, owner: Scope) -> Position | None:
    """Return where a name is read, if that is before the owner's body has run; None in functions, which run later."""
    while scope is not owner:
        if scope.kind == "function" or scope.parent is None:
            return None
        scope = scope.parent
    return node.lineno, node.col_offset
