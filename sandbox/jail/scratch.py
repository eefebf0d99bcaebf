"""Makes, measures and removes a scratch folder that no file system bounds, by file descriptors.

The script that owns the folder is hostile, and may rename, replace or deepen anything in it meanwhile. So no path is
followed twice: every step opens one name beneath a descriptor, without following links.
"""

from __future__ import annotations

import os
import stat
from itertools import islice
from time import monotonic

# The tmpfs of a script at the level `namespaces` has the same bound.
MAX_INODES = 4096
# A name can have 255 bytes and a path 4096; deeper folders are made only to break programs that walk them.
MAX_DEPTH = 64

_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_BLOCK_BYTES = 512
# The rest between two walks is this many times as long as the walk: a script may hide a lot. It is a second at most, in
# which a script may write a lot.
_REST = 20
_SHORTEST_REST_SECONDS = 0.05
_LONGEST_REST_SECONDS = 1.0
# Up to this many files are removed in a moment, however large they are.
_FEW = 64


def make(path: str, uid: int | None) -> None:
    """Make the folder at `path`, for its owner alone; `uid` is its owner and group, None means the caller's.

    Raises:
        OSError: the folder cannot be made, and does not exist.
    """
    os.mkdir(path, 0o700)
    if uid is not None:
        try:
            os.chown(path, uid, uid)
        except OSError:
            os.rmdir(path)
            raise


class Walk:
    """One walk through a folder that counts what it holds, in turns.

    Between two turns it holds a descriptor for each level, so that no move leads it astray. It may miss what is moved
    meanwhile, or meet it twice; then its bytes count once. It does not see files that were unlinked while open.

    Attributes:
        over: why the folder holds too much; empty if it does not, as far as the walk has come.
    """

    def __init__(self, path: str, limit_bytes: int) -> None:
        """Take the folder, and how many bytes it may hold."""
        self.over = ""
        self._path = path
        self._limit_bytes = limit_bytes
        self._used = self._inodes = 0
        self._counted: set[int] = set()
        self._begun = False
        # From the top down: a folder, and the names in it that the walk has not counted yet.
        self._levels: list[tuple[int, list[str]]] = []

    def go_on(self, seconds: float) -> bool:
        """Walk on for `seconds`; return whether the walk is at its end, and its descriptors closed."""
        until = monotonic() + seconds
        try:
            if not self._begun:
                self._begun = True
                self._go_down(os.open(self._path, _OPEN_FOLDER))
            while self._levels and not self.over:
                folder, names = self._levels[-1]
                if names:
                    self._count(names.pop(), folder)
                else:
                    os.close(self._levels.pop()[0])
                if monotonic() >= until:
                    break
        except PermissionError:
            self.over = "it hides what it holds"
        except OSError:
            self.close()  # the host has run out of something; the next walk may succeed
        if self.over:
            self.close()
        return not self._levels

    def close(self) -> None:
        """Close the descriptors."""
        while self._levels:
            os.close(self._levels.pop()[0])

    def _go_down(self, folder: int) -> None:
        names: list[str] = []
        self._levels.append((folder, names))
        with os.scandir(folder) as entries:
            names += [entry.name for entry in islice(entries, MAX_INODES + 1)]
        if len(names) > MAX_INODES:
            self.over = "it holds too many files"

    def _count(self, name: str, folder: int) -> None:
        """Count one name, and go down if it is a folder."""
        try:
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
            self._inodes += 1
            if status.st_ino not in self._counted:
                self._counted.add(status.st_ino)
                self._used += status.st_blocks * _BLOCK_BYTES
            if self._used > self._limit_bytes:
                self.over = "its files are too large"
            elif self._inodes > MAX_INODES:
                self.over = "it holds too many files"
            elif len(self._levels) > MAX_DEPTH:
                self.over = "it is too deep"
            elif stat.S_ISDIR(status.st_mode):
                self._go_down(os.open(name, _OPEN_FOLDER, dir_fd=folder))
        except (FileNotFoundError, NotADirectoryError):
            pass  # the script has removed or replaced it


class Watch:
    """Walks through a folder again and again, in a bounded share of the time.

    Attributes:
        due: when the next walk begins, on the monotonic clock; it stays the same until a walk is at its end.
    """

    def __init__(self, path: str, limit_bytes: int) -> None:
        """Take the folder, and how many bytes it may hold."""
        self.due = 0.0
        self._path = path
        self._limit_bytes = limit_bytes
        self._walk = Walk(path, limit_bytes)
        self._took_seconds = 0.0

    def look(self, seconds: float) -> str:
        """Walk on for `seconds`; return why the folder holds too much, or nothing."""
        started = monotonic()
        at_end = self._walk.go_on(seconds)
        ended = monotonic()
        over = self._walk.over
        self._took_seconds += ended - started
        if at_end:
            self.due = ended + min(max(_SHORTEST_REST_SECONDS, _REST * self._took_seconds), _LONGEST_REST_SECONDS)
            self._walk = Walk(self._path, self._limit_bytes)
            self._took_seconds = 0.0
        return over

    def close(self) -> None:
        """Close the descriptors."""
        self._walk.close()


def holds_much(path: str) -> bool:
    """Return whether the folder of a dead script may take long to remove: it holds folders, or many files."""
    os.chmod(path, 0o700)
    names = os.listdir(path)
    return len(names) > _FEW or any(_is_folder(f"{path}/{name}", None) for name in names)


def remove(path: str) -> None:
    """Remove the folder and all that it holds, whatever its depth and modes; the script must be dead.

    Two descriptors are enough at any depth: what lies deeper is moved up into the top folder first.

    Raises:
        OSError: something cannot be removed.
    """
    os.chmod(path, 0o700)
    top = os.open(path, _OPEN_FOLDER)
    # Random, since a script that guesses these names could make folders of them, and the moves would fail.
    prefix = os.urandom(8).hex()
    try:
        pending = os.listdir(top)
        moved = 0
        while pending:
            name = pending.pop()
            if _is_folder(name, top):
                os.chmod(name, 0o700, dir_fd=top)
                folder = os.open(name, _OPEN_FOLDER, dir_fd=top)
                try:
                    for child in os.listdir(folder):
                        moved += 1
                        if _is_folder(child, folder):
                            os.chmod(child, 0o700, dir_fd=folder)  # rename(2) writes the new parent into it
                        os.rename(child, f"{prefix}{moved}", src_dir_fd=folder, dst_dir_fd=top)
                        pending.append(f"{prefix}{moved}")
                finally:
                    os.close(folder)
                os.rmdir(name, dir_fd=top)
            else:
                os.unlink(name, dir_fd=top)
    finally:
        os.close(top)
    os.rmdir(path)


def _is_folder(name: str, folder: int | None) -> bool:
    return stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
