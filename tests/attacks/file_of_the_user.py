# expects: refused
# category: files
# control: any
# case mode (files): {"act": "mode"}
# case times (files): {"act": "times"}
# case length (files): {"act": "length"}
"""Change a file of the user that the service runs as; it gets what it has."""

import os


def times(path):
    found = os.stat(path)
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))


ACTS = {
    "mode": lambda path: os.chmod(path, os.stat(path).st_mode & 0o7777),
    "times": times,
    "length": lambda path: os.truncate(path, os.stat(path).st_size),
}


def main(file_of_user, act, **_):
    try:
        ACTS[act](file_of_user)
    except OSError:
        return "refused"
    return "reached"
