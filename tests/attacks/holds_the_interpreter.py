# expects: timeout
# category: processes
# control: any
"""Stay in one C call that never lets go of the interpreter."""


def main(**_):
    return len(range(2**60)) and sum(range(2**60))
