import contextlib
import os
import time
from pathlib import Path

import pytest

from sandbox.jail import scratch

LIMIT_BYTES = 100_000


def is_over(path: str, limit_bytes: int) -> bool:
    walk = scratch.Walk(path, limit_bytes)
    assert walk.go_on(60)
    return bool(walk.over)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "scratch"
    scratch.make(str(path), None)
    return path


def test_the_folder_is_its_owners_alone(folder: Path) -> None:
    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.needs_root
def test_the_folder_belongs_to_the_script(tmp_path: Path) -> None:
    scratch.make(str(tmp_path / "owned"), 100_001)
    assert (tmp_path / "owned").stat().st_uid == 100_001


def test_an_empty_folder_is_not_over(folder: Path) -> None:
    assert not is_over(str(folder), LIMIT_BYTES)


def test_all_files_count_together(folder: Path) -> None:
    (folder / "one").write_bytes(b"x" * (LIMIT_BYTES // 2 - 10_000))
    assert not is_over(str(folder), LIMIT_BYTES)
    (folder / "deeper").mkdir()
    (folder / "deeper" / "two").write_bytes(b"x" * (LIMIT_BYTES // 2 + 10_000))
    assert is_over(str(folder), LIMIT_BYTES)


def test_a_hole_in_a_file_takes_no_space(folder: Path) -> None:
    with (folder / "sparse").open("wb") as file:
        file.truncate(100 * LIMIT_BYTES)
    assert not is_over(str(folder), LIMIT_BYTES)


def test_too_many_files_are_over(folder: Path) -> None:
    for number in range(scratch.MAX_INODES + 1):
        (folder / str(number)).touch()
    assert is_over(str(folder), 2**40)


def test_files_of_several_folders_count_together(folder: Path) -> None:
    for name in ("one", "two"):
        (folder / name).mkdir()
        for number in range(scratch.MAX_INODES // 2 + 1):
            (folder / name / str(number)).touch()
    assert is_over(str(folder), 2**40)


def test_too_deep_a_tree_is_over(folder: Path) -> None:
    deepest = folder
    for _ in range(scratch.MAX_DEPTH):
        deepest = deepest / "d"
        deepest.mkdir()
    assert not is_over(str(folder), 2**40)
    (deepest / "d").mkdir()
    assert is_over(str(folder), 2**40)


def test_links_are_not_followed(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "large").write_bytes(b"x" * 2 * LIMIT_BYTES)
    (folder / "link").symlink_to(tmp_path / "elsewhere")
    assert not is_over(str(folder), LIMIT_BYTES)
    scratch.remove(str(folder))
    assert (tmp_path / "elsewhere" / "large").exists()


def test_no_descriptor_is_left_open(folder: Path) -> None:
    (folder / "a" / "b").mkdir(parents=True)
    before = len(os.listdir("/proc/self/fd"))
    is_over(str(folder), LIMIT_BYTES)
    scratch.remove(str(folder))
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_tree_deeper_than_any_path_is_removed(folder: Path) -> None:
    depth = 3000  # with names of 2 characters: longer than PATH_MAX
    here = os.open(folder, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("dd", dir_fd=here)
        deeper = os.open("dd", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = deeper
    os.close(here)
    scratch.remove(str(folder))
    assert not folder.exists()


def test_folders_closed_to_their_owner_are_removed(folder: Path) -> None:
    (folder / "a" / "b").mkdir(parents=True)
    (folder / "a" / "b" / "file").touch(mode=0)
    (folder / "a" / "b").chmod(0)
    (folder / "a").chmod(0)
    folder.chmod(0)
    scratch.remove(str(folder))
    assert not folder.exists()


@pytest.mark.needs_root
def test_what_an_ordinary_user_hides_is_over_and_is_removed(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    for parent in tmp_path.parents:
        if parent != Path("/tmp") and parent.is_relative_to("/tmp"):
            parent.chmod(0o711)
    child = os.fork()
    if child == 0:
        os.setresuid(12345, 12345, 12345)
        try:
            folder = tmp_path / "scratch"
            scratch.make(str(folder), None)
            (folder / "a" / "b" / "c").mkdir(parents=True)
            for closed in ("a/b/c", "a/b", "a"):
                (folder / closed).chmod(0)
            hidden = is_over(str(folder), LIMIT_BYTES)
            scratch.remove(str(folder))
            os._exit(0 if hidden and not folder.exists() else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_what_takes_long_to_remove_is_told_from_what_does_not(folder: Path) -> None:
    assert not scratch.holds_much(str(folder))
    (folder / "file").write_bytes(b"x" * LIMIT_BYTES)
    assert not scratch.holds_much(str(folder))
    (folder / "link").symlink_to("/")
    assert not scratch.holds_much(str(folder))
    (folder / "folder").mkdir()
    assert scratch.holds_much(str(folder))
    (folder / "folder").rmdir()
    for number in range(100):
        (folder / str(number)).touch()
    folder.chmod(0)
    assert scratch.holds_much(str(folder))


def test_a_long_walk_is_done_in_turns_and_rests_in_proportion(folder: Path) -> None:
    for number in range(scratch.MAX_INODES - 1):
        (folder / str(number)).mkdir()
    watch = scratch.Watch(str(folder), 2**40)
    turns, started, first_due = 0, time.monotonic(), watch.due
    while watch.due == first_due:
        assert not watch.look(0.001)
        turns += 1
    took = time.monotonic() - started
    assert turns > 5
    assert 0.5 * min(20 * took, 1) < watch.due - time.monotonic() <= 1
    watch.close()


def test_a_short_walk_is_due_again_soon(folder: Path) -> None:
    (folder / "file").write_bytes(b"x" * 5000)
    watch = scratch.Watch(str(folder), LIMIT_BYTES)
    assert not watch.look(1)
    assert 0 < watch.due - time.monotonic() < 0.5
    (folder / "file").write_bytes(b"x" * 2 * LIMIT_BYTES)
    assert watch.look(1)


def test_what_moves_between_two_turns_is_counted_once_and_does_not_end_the_walk(folder: Path) -> None:
    for name in ("one", "two", "three"):
        (folder / name).mkdir()
        (folder / name / "file").write_bytes(b"x" * (LIMIT_BYTES // 4))
    walk = scratch.Walk(str(folder), LIMIT_BYTES)
    turns = 0
    while not walk.go_on(0):
        turns += 1
        for number, name in enumerate(("one", "two", "three")):
            with contextlib.suppress(FileNotFoundError):
                (folder / name / "file").rename(folder / name / f"moved{turns}")
            if turns == number + 1:
                (folder / name).rename(folder / f"moved{name}")
    assert turns > 3
    assert not walk.over


def test_a_hard_link_takes_no_space(folder: Path) -> None:
    (folder / "file").write_bytes(b"x" * (LIMIT_BYTES // 2))
    for number in range(10):
        (folder / str(number)).hardlink_to(folder / "file")
    assert not is_over(str(folder), LIMIT_BYTES)


def test_a_walk_that_is_given_up_leaves_no_descriptor_open(folder: Path) -> None:
    (folder / "a" / "b" / "c").mkdir(parents=True)
    before = len(os.listdir("/proc/self/fd"))
    watch = scratch.Watch(str(folder), LIMIT_BYTES)
    for _ in range(3):
        watch.look(0)
    assert len(os.listdir("/proc/self/fd")) > before
    watch.close()
    assert len(os.listdir("/proc/self/fd")) == before
