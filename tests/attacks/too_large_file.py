# expects: refused
# category: resources
# control: any
"""Fill the scratch folder with one file."""


def main(scratch_mb, **_):
    try:
        with open("file", "wb") as file:
            for _ in range(scratch_mb + 8):
                file.write(b"x" * 2**20)
    except OSError:
        return "refused"
    return "reached"
