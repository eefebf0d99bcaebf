# expects: refused
# category: resources
# control: any
# case sparse (resources): {"act": "sparse"}
# case length (resources): {"act": "length"}
# case reserve (resources): {"act": "reserve"}
# case write_far (resources): {"act": "write_far"}
# case copy (resources): {"act": "copy"}
"""Make one file longer than the scratch space, by every call that makes one longer."""

import os


def copy(fd, size):
    source = os.open("source", os.O_CREAT | os.O_RDWR)
    os.truncate("source", size // 2)
    for start in (0, size // 2, size):
        if os.copy_file_range(source, fd, size // 2, 0, start) == 0:
            raise OSError("nothing was copied")


def main(scratch_mb, act, **_):
    fd, size = os.open("file", os.O_CREAT | os.O_RDWR), scratch_mb * 2**20
    try:
        if act == "sparse":
            os.lseek(fd, size + 4096, os.SEEK_SET)
            os.write(fd, b"x")
        elif act == "length":
            os.ftruncate(fd, size + 4096)
        elif act == "reserve":
            os.posix_fallocate(fd, size, 4096)
        elif act == "write_far":
            os.pwrite(fd, b"x", 2**40)
        else:
            copy(fd, size)
    except OSError:
        return "refused"
    return "reached"
