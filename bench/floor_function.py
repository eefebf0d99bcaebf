"""The row `floor`, a function for functions-framework: each script in a fork of a warm interpreter, without a jail.

The interpreters are `bench/unjailed.py` behind the sockets `FLOOR_BARE` and `FLOOR_WARM`.
"""

import os
import socket

import flask

_BARE = os.environ["FLOOR_BARE"]
_WARM = os.environ["FLOOR_WARM"]


def app(request: flask.Request) -> flask.Response:
    """Answer one request; a script that names pandas goes to the interpreter that has it, as in the service."""
    script: str = request.get_json()["script"]
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(_WARM if "import pandas" in script else _BARE)
        connection.sendall(script.encode())
        connection.shutdown(socket.SHUT_WR)
        body = b"".join(iter(lambda: connection.recv(65536), b""))
    return flask.Response(body, 200 if body.startswith(b'{"result":') else 500, mimetype="application/json")
