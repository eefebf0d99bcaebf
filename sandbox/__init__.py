"""Runs untrusted Python in nsjail: the boundary between a script and everything else.

Read `sandbox.py` first: it follows one script from its slot to its outcome. The folders are the sides of the wall:

- `host/` starts one jail: what this host has, the command line, the spawn broker, the handle of a jail.
- `pool/` serves scripts from jails: zygotes, spares, and the judge of how a script ended.
- `self_test/` proves that a jail holds.
- `jail/` runs inside a jail. It uses the standard library only, and sees nothing of the rest.

`protocol.py` has the messages that cross the wall. `proven.py` finds the isolation that works on this host.
"""

from .errors import Overloaded, SandboxError, SandboxUnavailable
from .isolation import Health, IsolationLevel
from .limits import Limits
from .outcome import End, Outcome, Usage
from .sandbox import Sandbox
from .warm_start import WarmStart, most_open_files

__all__ = [
    "End",
    "Health",
    "IsolationLevel",
    "Limits",
    "Outcome",
    "Overloaded",
    "Sandbox",
    "SandboxError",
    "SandboxUnavailable",
    "Usage",
    "WarmStart",
    "most_open_files",
]
