# expects: refused
# category: kernel
# control: any
# case process_of_the_other_end (processes): {"option": 17}
# case groups_of_the_other_end (processes): {"option": 59}
# case open_process_of_the_other_end (processes): {"option": 77}
# case label_of_the_other_end (processes): {"option": 31}
# case name_of_network (network): {"option": 71}
# case name_of_socket (network): {"option": 57}
# case memory (kernel): {"option": 55}
# case filter (kernel): {"option": 26}
# case busy_poll (network): {"option": 46}
"""Ask a pair of sockets for what no script needs."""

import socket


def main(option, **_):
    for one in socket.socketpair():
        try:
            one.getsockopt(socket.SOL_SOCKET, option, 256)
        except PermissionError:
            continue
        except OSError as error:
            return f"answered: {error}"
        return "reached"
    return "refused"
