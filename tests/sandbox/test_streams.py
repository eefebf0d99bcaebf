import os
import threading
import time

import pytest

from sandbox.host.streams import _LITTLE_BYTES, _SHORTEST_REST_SECONDS, CappedStream, drain


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
        ("ä".encode()[:1], 10, "�", False),  # the script itself cut it
    ],
)
def test_text_is_decoded_and_cut_at_the_cap(data: bytes, cap_bytes: int, text: str, truncated: bool) -> None:
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
    """A script that runs as the service's user can reopen its own pipe, and take what the host was about to read."""
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


class CountedStream(CappedStream):
    """Counts how often it is read."""

    reads = 0

    def read_some(self) -> int:
        self.reads += 1
        return super().read_some()


def flooded(size: int, cap_bytes: int, seconds: float) -> tuple[CountedStream, int]:
    """Drain a stream for `seconds` while a thread writes pieces of `size` bytes; return it, and the bytes written."""
    read_end, write_end = os.pipe()
    stream = CountedStream(read_end, cap_bytes, may_rest=True)
    written = 0
    over = threading.Event()

    def write() -> None:
        nonlocal written
        while not over.is_set():
            written += os.write(write_end, b"x" * size)

    writer = threading.Thread(target=write)
    writer.start()
    drain([stream], lambda: False, seconds)
    over.set()
    while writer.is_alive():
        CappedStream.read_some(stream)  # these reads do not count
    os.close(write_end)
    stream.close()
    return stream, written


@pytest.mark.parametrize("cap_bytes", [10, 2**30], ids=["over its cap", "below its cap"])
def test_what_comes_in_drops_is_read_together(cap_bytes: int) -> None:
    seconds = 0.5
    stream, written = flooded(1, cap_bytes, seconds)
    assert written > 5000
    # After each read that gave little the stream rests, at least for the shortest time.
    assert stream.reads < seconds / _SHORTEST_REST_SECONDS + written / _LITTLE_BYTES


def test_a_flood_over_the_cap_is_read_seldom_and_flows_on() -> None:
    stream, written = flooded(2**16, 10, 0.5)
    assert stream.reads < 100
    assert written > 10 * 2**20
    assert stream.data == b"x" * 10


def test_a_flood_below_the_cap_is_read_without_a_rest() -> None:
    _, written = flooded(2**16, 2**30, 0.5)
    assert written > 100 * 2**20


def test_a_resting_stream_is_read_soon_and_delays_no_end() -> None:
    read_end, write_end = os.pipe()
    control_read_end, control_write_end = os.pipe()
    stream, control = CappedStream(read_end, 10, may_rest=True), CappedStream(control_read_end, 10)
    for _ in range(20):  # it rests ever longer
        os.write(write_end, b"x")
        drain([stream], lambda: False, 0.001)
    os.write(write_end, b"y")
    before = stream.data.copy()
    drain([stream], lambda: stream.data != before or stream.truncated, 0.05)
    assert stream.truncated
    os.write(control_write_end, b"end")
    started = time.monotonic()
    drain([stream, control], lambda: bool(control.data), 5)
    assert time.monotonic() - started < 0.5
    for fd in (write_end, control_write_end):
        os.close(fd)
    stream.close()
    control.close()


def test_data_that_is_there_is_read_after_the_deadline() -> None:
    """This happens after a pause of the whole container."""
    read_end, write_end = os.pipe()
    stream = CappedStream(read_end, 10)
    os.write(write_end, b"x")
    drain([stream], lambda: False, -1)
    assert stream.data == b"x"
    os.close(write_end)
    stream.close()
