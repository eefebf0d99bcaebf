# expects: refused
# category: descriptors
# control: any
# case get_owner (descriptors): {"command": 9}
# case set_signal (descriptors): {"command": 10}
# case get_signal (descriptors): {"command": 11}
# case set_owner (descriptors): {"command": 15}
# case get_owner_of (descriptors): {"command": 16}
# case lock_of_open_file_asked (descriptors): {"command": 36}
# case lock_of_open_file (descriptors): {"command": 37}
# case lock_of_open_file_waited_for (descriptors): {"command": 38}
# case set_lease (descriptors): {"command": 1024}
# case get_lease (descriptors): {"command": 1025}
# case notify (neighbours): {"command": 1026}
# case pipe_size (descriptors): {"command": 1032}
# case add_seals (descriptors): {"command": 1033}
# case write_hint (descriptors): {"command": 1036}
"""Ask fcntl for what no script needs, of every descriptor that it has."""

import fcntl


def main(command, **_):
    for fd in range(4):
        try:
            fcntl.fcntl(fd, command, bytes(16))
        except PermissionError:
            continue
        except OSError as error:
            return f"answered: {error}"
        return "reached"
    return "refused"
