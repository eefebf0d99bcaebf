# expects: refused
# category: files
# control: any
"""Ask for truncation with an open that is for reading: of a file that is there to be read, such as a library."""

import os


def main(**_):
    with open("own-file", "w") as file:
        file.write("x")
    try:
        os.close(os.open("own-file", os.O_RDONLY | os.O_TRUNC))
    except OSError:
        return "refused"
    return "reached"
