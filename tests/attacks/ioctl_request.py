# expects: refused
# category: descriptors
# control: any
# case owner (descriptors): {"request": 35073}
# case group (descriptors): {"request": 35074}
# case signals (descriptors): {"request": 21586}
# case type_into_terminal (descriptors): {"request": 21522}
# case take_terminal (descriptors): {"request": 21518}
# case console (descriptors): {"request": 21532}
# case name_of_interface (network): {"request": 35088}
# case interfaces (network): {"request": 35090}
# case address (network): {"request": 35093}
# case hardware_address (network): {"request": 35111}
# case add_route (network): {"request": 35083}
# case name_of_namespace (privilege): {"request": 46849}
# case entropy (kernel): {"request": 1074287107}
# case file_flags (files): {"request": 1074292226}
# case clone_file (files): {"request": 1074041865}
# case encryption (files): {"request": 2148296211}
"""Ask ioctl for what no script needs, of a descriptor of each kind that it has; nothing is in what it points to."""

import fcntl
import os
import socket


def main(request, **_):
    file = os.open(".", os.O_RDONLY)
    kinds = [0, 1, file, os.open("/dev/urandom", os.O_RDONLY), *(one.detach() for one in socket.socketpair())]
    for fd in kinds:
        try:
            fcntl.ioctl(fd, request, bytes(64))
        except PermissionError:
            continue
        except OSError as error:
            return f"answered: {error}"
        return "reached"
    return "refused"
