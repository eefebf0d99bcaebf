"""The jail's first process: it imports what scripts use, once, and forks a spare for each order of the host.

No script runs in it. A cold jail has no zygote: its first process supervises its one spare.
"""

from __future__ import annotations

import gc
import sys
from _json import encode_basestring_ascii  # the C function alone: `import json` costs 10 ms

from . import isolate, kernel, spare_process, surroundings
from .orders import receive_setup
from .supervisor import Supervisor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket
    from typing import NoReturn

    from sandbox.protocol import Setup

# Modules that many scripts use, or that run them: arguments and tracebacks.
_COMMON = ("datetime", "json", "random", "re", "traceback")

# numpy and pandas load parts of themselves at first use. This uses them, so that no script waits for it.
_TOUCH = {
    "numpy": "import numpy.random, numpy.linalg; numpy.random.default_rng()",
    "pandas": """
import pandas
when = pandas.to_datetime(["2020-01-01", "2020-01-02"])
frame = pandas.DataFrame({"key": ["a", "b"], "number": [1, 2.5], "when": when})
frame.groupby("key").agg({"number": ["mean", "sum"]})
frame.merge(frame, on="key").sort_values("number_x").to_dict("records")
frame.pivot_table(index="key", values="number").describe()
frame.set_index("when").resample("D").mean(numeric_only=True)
repr(frame), frame.to_csv(), frame.to_json(), pandas.read_csv(__import__("io").StringIO("a,b\\n1,2"))
""",
}


def begin(control: socket) -> NoReturn:
    """Leave the caller's frames by an exception, and have `serve` called by the hook for exceptions.

    Python calls the hook beneath all frames, so a script finds no frame beneath its own.
    """

    def hook(*_: object) -> None:
        sys.excepthook = sys.__excepthook__
        del sys.last_type, sys.last_value, sys.last_traceback
        try:
            serve(control)
        except BaseException as error:
            sys.__excepthook__(type(error), error, error.__traceback__)

    sys.excepthook = hook
    raise _Begun


class _Begun(Exception):
    """The jail's first code is done."""


def serve(control: socket) -> None:
    """Serve the host until it closes the control socket.

    Args:
        control: the jail's control socket.
    """
    setup: Setup = receive_setup(control)
    if not setup["own_namespaces"]:
        # With namespaces of its own no script can name this process, and setns(2) needs it dumpable.
        kernel.hide_from_neighbours()
    isolate.open_standard_streams()
    surroundings.settle_zygote(setup["site_packages"])
    if setup["own_namespaces"]:
        surroundings.settle_folder(setup["scratch"])
    spare_process.say_where_on_signals()
    if setup["zygote"]:
        failure = warm_up(setup["warm_imports"])
        said = b'"failure":%b' % encode_basestring_ascii(failure).encode() if failure else b""
        control.sendall(b"{%b}\n" % said)
    Supervisor(control, setup).serve()


def warm_up(names: list[str]) -> str:
    """Import common modules and `names`, and load the parts of them that load at first use.

    Returns:
        which module cannot be imported, and why; empty if all can.
    """
    for name in (*_COMMON, *names):
        try:
            __import__(name)
            exec(_TOUCH.get(name, ""), {})  # noqa: S102 (the text above)
        except BaseException as error:
            return f"{name} cannot be imported: {type(error).__name__}: {error}"
    # The first call makes the classes of syntax trees, in 2 ms.
    compile("0", "", "exec")
    # A later collection would copy the pages of these objects in every fork; frozen objects take no part in it.
    gc.collect()
    gc.freeze()
    return ""
