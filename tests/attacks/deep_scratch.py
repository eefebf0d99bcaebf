# expects: refused or script_error
# category: files
# control: any
"""Leave a tree that is hard to remove: deep, and closed to its owner."""

import os


def main(**facts):
    for _ in range(60):
        os.mkdir("d")
        open("file", "x").close()
        os.chmod("file", 0)
        os.chdir("d")
    for _ in range(60):
        os.chdir("..")
        os.chmod("d", 0)
    return "refused"
