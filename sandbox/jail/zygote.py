"""The jail's first process: imports what scripts will want, once, and forks a spare for each of the host's orders.

No script ever runs in it. A jail for a single script has no use for a zygote: its first process supervises the one
spare.
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

# What many scripts use, or the way they are run: arguments and tracebacks.
_COMMON = ("datetime", "json", "random", "re", "traceback")

# What pandas and numpy load only when it is first used: done here once, a script does not wait for it.
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
    """Have `serve` called when the caller's frames have gone, and leave them by an exception.

    A hook for exceptions is called from below every frame: so none is beneath a script's, for it to find.
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
    """The jail's first code has done its work."""


def serve(control: socket) -> None:
    """Do what the host asks for until it goes away.

    Args:
        control: the jail's control socket.
    """
    setup: Setup = receive_setup(control)
    if not setup["own_namespaces"]:
        # Where they are, no script can so much as name this process; and setns(2) asks that it be dumpable.
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
    """Import what many scripts use and the modules named, and load what those load only when they are first used.

    Returns:
        which module cannot be imported, and why; nothing where all can.
    """
    for name in (*_COMMON, *names):
        try:
            __import__(name)
            exec(_TOUCH.get(name, ""), {})  # noqa: S102 (the text above)
        except BaseException as error:
            return f"{name} cannot be imported: {type(error).__name__}: {error}"
    # The first call makes the classes of syntax trees, which takes 2 ms.
    compile("0", "", "exec")
    # Objects that are there before the fork stay out of every later collection, which would copy their pages.
    gc.collect()
    gc.freeze()
    return ""
