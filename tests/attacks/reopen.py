# expects: refused
# category: descriptors
# control: any
# case job (descriptors): {"path": "/proc/self/fd/4"}
# case ready (descriptors): {"path": "/proc/self/fd/5"}
# case of_parent (descriptors): {"path": "/proc/PARENT/fd/3"}
# case log_of_parent (descriptors): {"path": "/proc/PARENT/fd/2"}
# case map_of_parent (descriptors): {"path": "/proc/PARENT/map_files"}
"""Open anew a descriptor that was closed before the script began, or one of the parent's."""

import os


def main(path, **_):
    path = path.replace("PARENT", str(os.getppid() or 1))
    try:
        os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return "refused"
    return "reached"
