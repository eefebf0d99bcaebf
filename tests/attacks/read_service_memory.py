# expects: refused
# category: processes
# control: reached
"""Read the service's memory."""


def main(service_pid, **_):
    try:
        open(f"/proc/{service_pid}/mem", "rb").close()
    except OSError:
        return "refused"
    return "reached"
