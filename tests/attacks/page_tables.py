# expects: memory_limit
# category: resources
# control: reached
# case two_megabytes_apart (resources): {"apart": 2097152}
# case a_gigabyte_apart (resources): {"apart": 1073741824}
# case under_the_name_of_their_size (resources): {"apart": 1073741824, "name": "\rVmPTE:\t1 kB"}
"""Take the kernel's memory by single pages far apart, each of which needs page tables of its own."""

import ctypes
import time

START = 2**40
MAP_PRIVATE_ANONYMOUS_FIXED_NOREPLACE = 0x100022
PROT_READ = 1
PR_SET_NAME = 15


def main(apart, name="x", **_):
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_NAME, name.encode(), 0, 0, 0)
    libc.mmap.restype = ctypes.c_ulong
    for number in range(24_000):
        wanted = START + number * apart
        flags = MAP_PRIVATE_ANONYMOUS_FIXED_NOREPLACE
        if libc.mmap(ctypes.c_void_p(wanted), ctypes.c_size_t(4096), PROT_READ, flags, -1, ctypes.c_long(0)) != wanted:
            return "refused"
        ctypes.string_at(wanted, 1)  # the page of zeros, which counts as no memory of the script's
    time.sleep(1)
    return "reached"
