# expects: refused
# category: neighbours
# control: any
# case list (neighbours): {"act": "list"}
# case mode (neighbours): {"act": "mode"}
# case times (neighbours): {"act": "times"}
# case create (neighbours): {"act": "create"}
"""Change the folders that the scratch folders of all are in; what was done is undone."""

import os


def create(folder):
    os.mkdir(f"{folder}/attack")
    os.rmdir(f"{folder}/attack")


def times(folder):
    found = os.stat(folder)
    os.utime(folder, ns=(found.st_atime_ns, found.st_mtime_ns))


ACTS = {
    "list": os.listdir,
    "mode": lambda folder: os.chmod(folder, os.stat(folder).st_mode & 0o7777),
    "times": times,
    "create": create,
}


def main(act, **_):
    folder = os.getcwd()
    while folder != "/":
        folder = os.path.dirname(folder)
        try:
            ACTS[act](folder)
        except OSError:
            continue
        return f"reached {folder}"
    return "refused"
