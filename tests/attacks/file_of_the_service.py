# expects: refused
# category: files
# control: any
# case mode (files): {"act": "mode"}
# case mode_by_descriptor (files): {"act": "mode_by_descriptor"}
# case times (files): {"act": "times"}
# case length (files): {"act": "length"}
"""Change a library or the interpreter for others, as who owns a file may; each gets what it has."""

import json
import os
import sys

PATHS = (os.__file__, json.__file__, os.path.realpath(sys.executable), "/tmp", "/var/tmp", "/dev/null", "/")


def times(path):
    found = os.stat(path)
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))


ACTS = {
    "mode": lambda path: os.chmod(path, os.stat(path).st_mode & 0o7777),
    "mode_by_descriptor": lambda path: os.fchmod(os.open(path, os.O_RDONLY), os.stat(path).st_mode & 0o7777),
    "times": times,
    "length": lambda path: os.truncate(path, os.stat(path).st_size),
}


def main(act, **_):
    paths = [*PATHS, *sys.path]
    for path in paths:
        if not path or os.path.realpath(path) == os.getcwd():
            continue
        try:
            ACTS[act](path)
        except OSError:
            continue
        return f"reached {path}"
    return "refused"
