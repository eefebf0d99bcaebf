"""What one script may use."""

from dataclasses import dataclass

MB = 2**20
KB = 2**10


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one script may use; the defaults are the service's.

    Attributes:
        timeout_seconds: wall clock, from the script's first line.
        cpu_seconds: CPU time, all threads together.
        memory_bytes: address space beyond that of a fresh interpreter.
        result_bytes: the JSON text of what `main()` returned.
        stdout_bytes, stderr_bytes: what is kept of each stream.
        scratch_bytes: the files in its scratch folder, all together.
        open_files: file descriptors.
        threads: threads, the first one included.
    """

    timeout_seconds: float = 10.0
    cpu_seconds: int = 10
    memory_bytes: int = 512 * MB
    result_bytes: int = 4 * MB
    stdout_bytes: int = 1 * MB
    stderr_bytes: int = 1 * MB
    scratch_bytes: int = 64 * MB
    open_files: int = 256
    threads: int = 64
