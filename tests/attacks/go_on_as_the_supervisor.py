# expects: timeout or script_exited
# category: results
# control: any
"""Walk up to the frames of the code around the script, and call what they hold: to fork, to speak, to order."""

import sys


def main(**_):
    frame, tried = sys._getframe(), 0
    while (frame := frame.f_back) is not None:
        for value in [*frame.f_locals.values(), *frame.f_globals.values()]:
            for name in ("_make", "_announce", "_check_scratch", "fork", "serve", "close", "detach"):
                method = getattr(value, name, None)
                if callable(method) and not isinstance(value, type):
                    try:
                        method({"number": 1, "address_space_bytes": 2**40, "tasks": 1000}) if name == "_make" else method()
                    except BaseException:
                        tried += 1
    raise SystemExit(tried)
    return "went on"
