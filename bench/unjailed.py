"""Runs scripts without a jail, with the product's own code for running one; the scripts' Python runs this file.

`once` reads a script from stdin and writes the response's body to stdout. `serve SOCKET [MODULE…]` imports the modules
as a zygote does, and then forks for every connection to the Unix socket, which carries the script and the body.
"""

import io
import os
import sys
from _json import encode_basestring_ascii  # the C function alone: `import json` costs 10 ms
from contextlib import redirect_stdout

sys.path.append(os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "sandbox"))

from jail.script import make_reserve, run_script  # type: ignore[import-not-found]

_LIMITS = {"memory_bytes": 512 * 2**20, "result_bytes": 4 * 2**20}
_RETURNED = b'{"end":"returned",'


def answer(source: str) -> bytes:
    """Run a script and return the response's body; if it did not return, its envelope."""
    printed = io.StringIO()
    with redirect_stdout(printed):
        envelope: bytes = run_script(source, "{}", _LIMITS, make_reserve())
    if not envelope.startswith(_RETURNED):
        return envelope
    result = envelope.removeprefix(_RETURNED).removesuffix(b"}")
    return b'{%b,"stdout":%b,"stderr":""}' % (result, encode_basestring_ascii(printed.getvalue()).encode())


def serve(path: str, imports: list[str]) -> None:
    """Fork for every script that comes over a Unix socket, single-threaded and for ever."""
    import signal  # noqa: PLC0415 (`once` does not need it, and must not be slower for it)
    import socket  # noqa: PLC0415

    from jail import zygote  # type: ignore[import-not-found]  # noqa: PLC0415

    zygote.warm_up(imports)
    answer("def main():\n    return {}")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps the children
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(128)
        while True:
            connection, _ = listener.accept()
            if os.fork() == 0:
                try:
                    with connection.makefile("rb") as stream:
                        source = stream.read().decode()
                    connection.sendall(answer(source))
                finally:
                    os._exit(0)
            connection.close()


if __name__ == "__main__":
    os.chdir("/tmp")  # noqa: S108 (a script's own file is written into its working folder)
    if sys.argv[1] == "once":
        os.write(1, answer(sys.stdin.read()))
        os._exit(0)  # as in the jail; the end of an interpreter with pandas takes 60 ms
    else:
        serve(sys.argv[2], sys.argv[3:])
