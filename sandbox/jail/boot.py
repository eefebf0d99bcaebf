"""The first code that runs in the jail: it reads the jail-side modules from the control socket and starts the zygote.

Python gets its text by `-c`, and the modules as code objects over the socket: no file of the service is visible in the
jail.
"""

from __future__ import annotations

import marshal
import sys
from _socket import MSG_WAITALL, socket  # the C module alone: `import socket` costs 3 ms

TYPE_CHECKING = False
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import CodeType, ModuleType


class BundleImporter:
    """Imports the package `jail` from code objects."""

    def __init__(self, bundle: dict[str, CodeType]) -> None:
        """Take the code objects by module name."""
        self.bundle = bundle

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """Find a module of the bundle; see importlib.abc.MetaPathFinder."""
        if name not in self.bundle:
            return None
        make_spec: type[ModuleSpec] = type(__spec__ or sys.__spec__)
        return make_spec(name, self, is_package=name == "jail")  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> None:
        """Let Python make the module object."""

    def exec_module(self, module: ModuleType) -> None:
        """Run the module's code."""
        exec(self.bundle[module.__name__], module.__dict__)  # noqa: S102 (the host's own code)


def load_bundle(text: bytes) -> ModuleType:
    """Import the zygote and all that it needs from the bundle, then hide the bundle.

    Scripts must find the service's code neither by import nor in `sys.modules`.
    """
    bundle = marshal.loads(text)  # noqa: S302 (sent by the host, which is trusted here)
    importer = BundleImporter(bundle)
    sys.meta_path.insert(0, importer)
    from jail import zygote  # type: ignore[import-not-found]

    sys.meta_path.remove(importer)
    for name in bundle:
        sys.modules.pop(name, None)
    return zygote  # type: ignore[no-any-return]


def boot() -> None:
    """Load the bundle that comes through the descriptor in the first argument, and serve."""
    control = socket(fileno=int(sys.argv[1]))
    size = int.from_bytes(control.recv(8, MSG_WAITALL), "big")
    load_bundle(control.recv(size, MSG_WAITALL)).begin(control)


if __name__ == "__main__":
    boot()
