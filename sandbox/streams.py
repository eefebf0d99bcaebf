"""Reading from a hostile process: to the end of the stream, in bytes, up to a cap."""

import codecs
import os
import select
import time
from collections.abc import Callable, Iterable

_READ_BYTES = 64 * 1024
# More than fit into a pipe, whatever its size (proc(5), pipe-max-size).
_MOST_READS = 64


class CappedStream:
    """What came out of a descriptor, up to a cap; what is over it is read too, and dropped, so that no writer blocks.

    Attributes:
        fd: the descriptor, which this object owns.
        data: what was kept.
        truncated: whether something was dropped.
        at_end: whether the stream has ended.
    """

    def __init__(self, fd: int, cap_bytes: int) -> None:
        """Take over a descriptor."""
        # What there was to read may be gone when it is read: a script can find ways to read from its own pipes.
        os.set_blocking(fd, False)
        self.fd = fd
        self.data = bytearray()
        self.truncated = False
        self.at_end = False
        self._cap_bytes = cap_bytes

    def read_some(self) -> int:
        """Read once, what there is; return how many bytes that were."""
        try:
            part = os.read(self.fd, _READ_BYTES)
        except BlockingIOError:
            return 0
        except ConnectionResetError:  # a socket whose other end closed without reading what was sent
            part = b""
        room = self._cap_bytes - len(self.data)
        self.data += part[:room]
        self.truncated = self.truncated or len(part) > room
        self.at_end = not part
        return len(part)

    def text(self) -> str:
        """Return what was kept as text, undecodable bytes replaced; a character that the cap has cut is left out."""
        return codecs.getincrementaldecoder("utf-8")("replace").decode(self.data, final=not self.truncated)

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self.fd)


def drain(streams: Iterable[CappedStream], done: Callable[[], bool], seconds: float) -> None:
    """Read the streams until `done()`, until all have ended, or for so many seconds."""
    deadline = time.monotonic() + seconds
    poller = select.poll()
    by_fd = {stream.fd: stream for stream in streams if not stream.at_end}
    for fd in by_fd:
        poller.register(fd, select.POLLIN)
    while by_fd and not done():
        remaining_seconds = deadline - time.monotonic()
        if remaining_seconds <= 0:
            return
        for fd, _ in poller.poll(remaining_seconds * 1000):
            by_fd[fd].read_some()
            if by_fd[fd].at_end:
                poller.unregister(fd)
                del by_fd[fd]


def read_what_is_there(streams: Iterable[CappedStream]) -> None:
    """Read what lies in the streams, whose writers have stopped, and wait for nothing."""
    for stream in streams:
        for _ in range(_MOST_READS):
            if stream.at_end or not stream.read_some():
                break
