# expects: script_exited
# category: kernel
# control: any
"""Make a call by the table of 32-bit programs (getpid), whose numbers mean something else to a 64-bit filter."""

import ctypes
import mmap


def main(**_):
    code = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")  # mov eax, 20; int 0x80; ret
    call = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))
    return "reached" if call() else "answered"
