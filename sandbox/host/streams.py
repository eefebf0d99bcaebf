"""Reads from a hostile process: to the end of the stream, in bytes, up to a cap, and at a small cost."""

import codecs
import contextlib
import fcntl
import os
import select
import time
from collections.abc import Callable, Iterable

_READ_BYTES = 64 * 1024
# More reads than the largest pipe takes (proc(5), pipe-max-size).
_MOST_READS = 64
# A stream that gave fewer bytes than this rests before the next look: many small writes are then read together.
_LITTLE_BYTES = 4096
_SHORTEST_REST_SECONDS = 0.001
_LONGEST_REST_SECONDS = 0.016
# Bytes over the cap are dropped in large pieces, with a rest between them.
_DROP_REST_SECONDS = 0.01
_DROP_BYTES = 2**20
_dropped = bytearray(_DROP_BYTES)


class CappedStream:
    """What came out of a descriptor, up to a cap; bytes over it are read and dropped, so that no writer blocks.

    Attributes:
        fd: the descriptor, which this object owns.
        data: what was kept.
        truncated: whether something was dropped.
        at_end: whether the stream has ended.
    """

    def __init__(self, fd: int, cap_bytes: int, *, may_rest: bool = False) -> None:
        """Take over a descriptor.

        Args:
            fd: the descriptor.
            cap_bytes: how much is kept.
            may_rest: whether bytes may lie in it for some milliseconds before they are read.
        """
        # A read must not block: a script can read from its own pipes, and take what poll has announced.
        os.set_blocking(fd, False)
        self.fd = fd
        self.data = bytearray()
        self.truncated = False
        self.at_end = False
        self._cap_bytes = cap_bytes
        self._may_rest = may_rest
        self._rest_seconds = _SHORTEST_REST_SECONDS

    def read_some(self) -> int:
        """Read once what is there; return how many bytes."""
        try:
            if self.truncated:
                length = os.readv(self.fd, [_dropped])
                self.at_end = not length
                return length
            part = os.read(self.fd, _READ_BYTES)
        except BlockingIOError:
            return 0
        except ConnectionResetError:  # a socket whose other end closed without reading what was sent
            part = b""
        room = self._cap_bytes - len(self.data)
        self.data += part[:room]
        self.at_end = not part
        if len(part) > room:
            self.truncated = True
            with contextlib.suppress(OSError):  # no pipe, or too many large ones: see proc(5), pipe-user-pages-soft
                fcntl.fcntl(self.fd, fcntl.F_SETPIPE_SZ, _DROP_BYTES)
        return len(part)

    def look(self) -> float:
        """Read once, and return for how many seconds the stream may rest."""
        length = self.read_some()
        if not self._may_rest:
            return 0
        if self.truncated:
            return _DROP_REST_SECONDS
        if length >= _LITTLE_BYTES:
            self._rest_seconds = _SHORTEST_REST_SECONDS
            return 0
        rest_seconds, self._rest_seconds = self._rest_seconds, min(2 * self._rest_seconds, _LONGEST_REST_SECONDS)
        return rest_seconds

    def text(self) -> str:
        """Return what was kept as text, undecodable bytes replaced, without a character that the cap has cut."""
        return codecs.getincrementaldecoder("utf-8")("replace").decode(self.data, final=not self.truncated)

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self.fd)


def drain(streams: Iterable[CappedStream], done: Callable[[], bool], seconds: float) -> None:
    """Read the streams until `done()`, until all have ended, or for `seconds`; look at least once."""
    deadline = time.monotonic() + seconds
    poller = select.poll()
    by_fd = {stream.fd: stream for stream in streams if not stream.at_end}
    for fd in by_fd:
        poller.register(fd, select.POLLIN)
    resting: dict[int, float] = {}
    in_time = True
    while by_fd and in_time and not done():
        now = time.monotonic()
        in_time = now < deadline
        until = deadline
        if resting:
            for fd in [fd for fd, until in resting.items() if until <= now]:
                del resting[fd]
                poller.register(fd, select.POLLIN)
            until = min([deadline, *resting.values()])
        for fd, _ in poller.poll(max(until - now, 0) * 1000):
            rest_seconds = by_fd[fd].look()
            if by_fd[fd].at_end:
                poller.unregister(fd)
                del by_fd[fd]
            elif rest_seconds:
                poller.unregister(fd)
                resting[fd] = time.monotonic() + rest_seconds


def read_what_is_there(streams: Iterable[CappedStream]) -> None:
    """Read what lies in the streams, whose writers have stopped, without waiting."""
    for stream in streams:
        for _ in range(_MOST_READS):
            if stream.at_end or not stream.read_some():
                break
