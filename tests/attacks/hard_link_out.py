# expects: refused
# category: files
# control: reached
"""Take a file of others into the scratch folder."""

import os


def main(secret_file, **_):
    try:
        os.link(secret_file, "link")
        open("link").close()
    except OSError:
        return "refused"
    return "reached"
