# expects: refused
# category: neighbours
# control: reached
"""Read the list of mappings of another process, or of a thread by another name: only one's own is granted."""

import os


def main(**_):
    own = os.getpid()
    others = (set(range(max(own - 100, 1), own + 100)) | {os.getppid() or 1}) - {own}
    paths = [f"/proc/{pid}/maps" for pid in others]
    paths += ["/proc/thread-self/maps", f"/proc/self/task/{own}/maps", f"/proc/{own}/map_files", f"/proc/{own}/mem"]
    for path in paths:
        try:
            os.close(os.open(path, os.O_RDONLY))
        except OSError:
            continue
        return "reached"
    return "refused"
