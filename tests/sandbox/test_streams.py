import os

import pytest

from sandbox.streams import CappedStream, drain


def filled(data: bytes, cap_bytes: int) -> CappedStream:
    read_end, write_end = os.pipe()
    os.write(write_end, data)
    os.close(write_end)
    stream = CappedStream(read_end, cap_bytes)
    drain([stream], lambda: False, 5)
    stream.close()
    return stream


@pytest.mark.parametrize(
    ("data", "cap_bytes", "text", "truncated"),
    [
        (b"", 10, "", False),
        (b"0123456789", 10, "0123456789", False),
        (b"0123456789x", 10, "0123456789", True),
        ("ä".encode() * 5, 10, "äääää", False),
        (b"x" + "ä".encode() * 5, 10, "xääää", True),  # the cap cuts the last one
        (b"x\xff\xfey", 10, "x��y", False),
        ("ä".encode()[:1], 10, "�", False),  # cut by the script itself
    ],
)
def test_text(data: bytes, cap_bytes: int, text: str, truncated: bool) -> None:
    stream = filled(data, cap_bytes)
    assert (stream.text(), stream.truncated, stream.at_end) == (text, truncated, True)


def test_what_is_over_the_cap_is_read_and_dropped() -> None:
    read_end, write_end = os.pipe()
    stream = CappedStream(read_end, 10)
    for _ in range(100):
        os.write(write_end, b"x" * 60_000)  # would block at the second if nobody read
        drain([stream], lambda: False, 0.001)
    os.close(write_end)
    stream.close()
    assert stream.data == b"x" * 10


def test_a_stream_that_never_ends_does_not_hold_the_reader() -> None:
    read_end, write_end = os.pipe()
    stream = CappedStream(read_end, 10)
    drain([stream], lambda: False, 0.05)
    assert not stream.at_end
    os.close(write_end)
    stream.close()


def test_what_was_read_by_another_meanwhile_is_not_waited_for() -> None:
    """A script of the service's user can open its own pipe anew, and take what the host was about to read."""
    read_end, write_end = os.pipe()
    stream = CappedStream(read_end, 100)
    os.write(write_end, b"taken")
    thief = os.open(f"/proc/self/fd/{read_end}", os.O_RDONLY)
    assert os.read(thief, 100) == b"taken"
    stream.read_some()
    assert not stream.data
    assert not stream.at_end
    os.write(write_end, b"left")
    stream.read_some()
    assert stream.data == b"left"
    for fd in (write_end, thief):
        os.close(fd)
    stream.close()
