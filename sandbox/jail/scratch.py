"""A scratch folder where there is no file system to bound it: made, measured and removed by file descriptor.

The script that owns the folder is hostile and may rename, replace or deepen anything in it meanwhile, so no path is
ever followed twice: every step opens one name beneath a descriptor, without following links.
"""

from __future__ import annotations

import os
import stat

# The tmpfs that a script has at the level `namespaces` is bounded to the same number (nsjail/namespaces.cfg).
MAX_INODES = 4096
# A name can be 255 bytes and a path 4096; deeper folders are only ever made to break the ones who walk them.
MAX_DEPTH = 64

_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_BLOCK_BYTES = 512
# Files that are removed in a moment, however large.
_FEW = 64


def make(path: str, uid: int | None) -> None:
    """Make the folder at `path`, for its owner alone; `uid` is its owner and group, None for the caller's own.

    Raises:
        OSError: it cannot be made, and is not there.
    """
    os.mkdir(path, 0o700)
    if uid is not None:
        try:
            os.chown(path, uid, uid)
        except OSError:
            os.rmdir(path)
            raise


def is_over(path: str, limit_bytes: int) -> bool:
    """Return whether the folder holds more than `limit_bytes`, too many files, or something that cannot be looked into.

    Files that were unlinked while open are not seen.
    """
    used = inodes = 0
    walk: list[tuple[int, list[str]]] = []
    try:
        top = os.open(path, _OPEN_FOLDER)
        walk.append((top, os.listdir(top)))
        while walk:
            folder, names = walk[-1]
            if not names:
                os.close(walk.pop()[0])
                continue
            try:
                name = names.pop()
                status = os.stat(name, dir_fd=folder, follow_symlinks=False)
                used += status.st_blocks * _BLOCK_BYTES
                inodes += 1
                if used > limit_bytes or inodes > MAX_INODES or len(walk) > MAX_DEPTH:
                    return True
                if stat.S_ISDIR(status.st_mode):
                    child = os.open(name, _OPEN_FOLDER, dir_fd=folder)
                    walk.append((child, []))
                    walk[-1][1].extend(os.listdir(child))
            except (FileNotFoundError, NotADirectoryError):
                continue  # the script was quicker
    except PermissionError:
        return True  # it hides what it holds
    finally:
        for folder, _ in walk:
            os.close(folder)
    return False


def holds_much(path: str) -> bool:
    """Return whether it may take long to remove the folder, whose script is dead: it holds folders, or many files."""
    os.chmod(path, 0o700)
    names = os.listdir(path)
    return len(names) > _FEW or any(_is_folder(f"{path}/{name}", None) for name in names)


def remove(path: str) -> None:
    """Remove the folder and all it holds, whatever its depth and modes; the script must be dead.

    Two descriptors are enough at any depth: what is nested deeper is moved up into the top folder first.

    Raises:
        OSError: something could not be removed.
    """
    os.chmod(path, 0o700)
    top = os.open(path, _OPEN_FOLDER)
    # Not to be guessed: the script could have made folders of these names to have the move refused.
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
