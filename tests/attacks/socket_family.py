# expects: refused
# category: network
# control: any
# case inet (network): {"family": 2}
# case ax25 (network): {"family": 3}
# case ipx (network): {"family": 4}
# case appletalk (network): {"family": 5}
# case netrom (network): {"family": 6}
# case x25 (network): {"family": 9}
# case inet6 (network): {"family": 10}
# case rose (network): {"family": 11}
# case key (network): {"family": 15}
# case netlink (network): {"family": 16}
# case packet (network): {"family": 17}
# case econet (network): {"family": 19}
# case atmsvc (network): {"family": 20}
# case rds (network): {"family": 21}
# case irda (network): {"family": 23}
# case pppox (network): {"family": 24}
# case llc (network): {"family": 26}
# case ib (network): {"family": 27}
# case mpls (network): {"family": 28}
# case can (network): {"family": 29}
# case tipc (network): {"family": 30}
# case bluetooth (network): {"family": 31}
# case iucv (network): {"family": 32}
# case rxrpc (network): {"family": 33}
# case isdn (network): {"family": 34}
# case phonet (network): {"family": 35}
# case ieee802154 (network): {"family": 36}
# case caif (network): {"family": 37}
# case alg (network): {"family": 38}
# case nfc (network): {"family": 39}
# case vsock (network): {"family": 40}
# case kcm (network): {"family": 41}
# case qipcrtr (network): {"family": 42}
# case smc (network): {"family": 43}
# case xdp (network): {"family": 44}
# case mctp (network): {"family": 45}
"""Open a socket of one family, of whatever type it has."""

import socket


def main(family, **_):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET):
        try:
            socket.socket(family, kind).close()
        except PermissionError:
            continue
        except OSError as error:
            return f"answered: {error}"
        return "reached"
    return "refused"
