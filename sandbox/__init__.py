"""Runs untrusted Python in nsjail: the boundary between a script and everything else.

Read `sandbox.py` first: it follows one script from its slot to its outcome. `jail/` is what runs on the other side.
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
