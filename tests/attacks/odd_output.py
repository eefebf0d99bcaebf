# expects: 1
# category: results
# control: any
# case invalid_utf8 (results): {"octets": [255, 254, 0, 192, 128, 237, 160, 128]}
# case half_character (results): {"octets": [240, 159, 144]}
# case nuls (results): {"octets": [0, 0, 0, 0]}
# case log_line (results): {"octets": [123, 34, 115, 101, 118, 101, 114, 105, 116, 121, 34, 58, 49, 125, 10]}
# case line_breaks (results): {"octets": [13, 10, 13, 10]}
# case terminal (results): {"octets": [27, 91, 50, 74, 27, 93, 48, 59, 120, 7]}
"""Print what a decoder, a log or a terminal may stumble over."""

import os


def main(octets, **_):
    for fd in (1, 2):
        os.write(fd, bytes(octets) * 1000)
    return 1
