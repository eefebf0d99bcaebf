# expects: refused
# category: neighbours
# control: any
# case list (neighbours): {"act": "list"}
# case create (neighbours): {"act": "create"}
# case make_folder (neighbours): {"act": "make_folder"}
# case link_into (neighbours): {"act": "link_into"}
# case rename (neighbours): {"act": "rename"}
# case mode (neighbours): {"act": "mode"}
# case mode_by_descriptor (neighbours): {"act": "mode_by_descriptor"}
# case times (neighbours): {"act": "times"}
# case lock (neighbours): {"act": "lock"}
"""Reach into the scratch folders of others, which go by the numbers around one's own; what was done is undone."""

import fcntl
import os


def create(folder):
    open(f"{folder}/attack", "x").close()
    os.unlink(f"{folder}/attack")


def make_folder(folder):
    os.mkdir(f"{folder}/attack")
    os.rmdir(f"{folder}/attack")


def link_into(folder):
    os.symlink("attack", f"{folder}/attack")
    os.unlink(f"{folder}/attack")


def times(folder):
    found = os.stat(folder)
    os.utime(folder, ns=(found.st_atime_ns, found.st_mtime_ns))


ACTS = {
    "list": os.listdir,
    "create": create,
    "make_folder": make_folder,
    "link_into": link_into,
    "rename": lambda folder: os.rename(folder, folder),
    "mode": lambda folder: os.chmod(folder, os.stat(folder).st_mode & 0o7777),
    "mode_by_descriptor": lambda folder: os.fchmod(os.open(folder, os.O_RDONLY), os.stat(folder).st_mode & 0o7777),
    "times": times,
    "lock": lambda folder: fcntl.flock(os.open(folder, os.O_RDONLY), fcntl.LOCK_SH | fcntl.LOCK_NB),
}


def main(act, **_):
    above, own = os.path.split(os.getcwd())
    for name in {str(number) for number in range(256)} - {own}:
        try:
            ACTS[act](os.path.join(above, name))
        except OSError:
            continue
        return f"reached {name}"
    return "refused"
