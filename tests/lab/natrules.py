"""The nftables rules that make each kind of NAT and firewall, in the terms of RFC 4787.

SPDX-License-Identifier: MIT

Every gateway has a device "wan" towards the core and a device "lan" towards its hosts.
"""

BLOCK_LOW = 40960  # where a block of ports begins

# A gateway that forwards only what was asked for from inside.
_CLOSED_FORWARD = """
    chain forward {
        type filter hook forward priority 0;
        iifname "wan" ct state new drop
    }"""

_CLOSED_INPUT = """
    chain input {
        type filter hook input priority 0;
        iifname "wan" drop
    }"""

# Without a nat chain on prerouting, netfilter would not translate the answers' destinations.
_EMPTY_PREROUTING = """
    chain prerouting {
        type nat hook prerouting priority -100;
    }"""

# Which inside host and port owns a public port. It is read before the source is translated; that
# the two ports are the same rests on masquerade keeping the port, which it does unless it is taken.
_LEARN = """
    map owner {
        type inet_service : ipv4_addr . inet_service
        flags dynamic
        size 4096
    }
    set spoken {
        type ipv4_addr . inet_service . ipv4_addr
        flags dynamic
        size 4096
    }
    chain learn {
        type filter hook postrouting priority 0;
        oifname "wan" ip protocol udp update @owner { udp sport : ip saddr . udp sport }
        oifname "wan" ip protocol udp update @spoken { ip saddr . udp sport . ip daddr }
    }"""

_INWARD = """
    chain prerouting {
        type nat hook prerouting priority -100;
        iifname "wan" dnat ip to udp dport map @owner
    }"""


def _masquerade(how=""):
    return f"""
    chain postrouting {{
        type nat hook postrouting priority 100;
        oifname "wan" masquerade {how}
    }}"""


def _table(*parts):
    return "table ip gateway {" + "".join(parts) + "\n}\n"


def port_restricted(_gateway=None):
    """Endpoint-independent mapping, address-and-port-dependent filtering: plain masquerade."""
    return _table(_EMPTY_PREROUTING, _masquerade(), _CLOSED_INPUT, _CLOSED_FORWARD)


def port_restricted_open_input(_gateway=None):
    """The same, but the gateway accepts strangers' packets for itself and so remembers them."""
    return _table(_EMPTY_PREROUTING, _masquerade(), _CLOSED_FORWARD)


def port_restricted_rejecting(_gateway=None):
    """The same, but strangers are told so (ICMP) instead of being met with silence."""
    return _table(_EMPTY_PREROUTING, _masquerade(), _CLOSED_FORWARD, """
    chain input {
        type filter hook input priority 0;
        iifname "wan" meta l4proto udp reject
    }""")


def full_cone(_gateway=None):
    """Endpoint-independent mapping and filtering."""
    return _table(_LEARN, _INWARD, _masquerade("persistent"), _CLOSED_INPUT, """
    chain forward {
        type filter hook forward priority 0;
        iifname "wan" ct status dnat accept
        iifname "wan" ct state new drop
    }""")


def address_restricted(_gateway=None):
    """Endpoint-independent mapping, address-dependent filtering."""
    return _table(_LEARN, _INWARD, _masquerade("persistent"), _CLOSED_INPUT, """
    chain forward {
        type filter hook forward priority 0;
        iifname "wan" ct state new ip daddr . udp dport . ip saddr != @spoken drop
    }""")


def symmetric(_gateway=None):
    """Address-and-port-dependent mapping, a random port for each; the same filtering."""
    return _table(_EMPTY_PREROUTING, _masquerade("fully-random"), _CLOSED_INPUT, _CLOSED_FORWARD)


def symmetric_mapping(_gateway=None):
    """A random symmetric NAT with the chains that miniupnpd fills, as its nft_init.sh has them."""
    return """table inet filter {
    chain forward {
        type filter hook forward priority 0;
        iifname "wan" ct state new jump miniupnpd
        iifname "wan" ct state new drop
    }
    chain miniupnpd {
    }
    chain input {
        type filter hook input priority 0;
        iifname "wan" drop
    }
    chain prerouting {
        type nat hook prerouting priority -100;
        jump prerouting_miniupnpd
    }
    chain prerouting_miniupnpd {
    }
    chain postrouting {
        type nat hook postrouting priority 100;
        jump postrouting_miniupnpd
        oifname "wan" masquerade fully-random
    }
    chain postrouting_miniupnpd {
    }
}
"""


def symmetric_block(ports):
    """The same, its ports out of one block of so many."""
    def rules(_gateway=None):
        return _table(_EMPTY_PREROUTING, f"""
    chain postrouting {{
        type nat hook postrouting priority 100;
        oifname "wan" meta l4proto udp masquerade to :{BLOCK_LOW}-{BLOCK_LOW + ports - 1} fully-random
        oifname "wan" masquerade
    }}""", _CLOSED_INPUT, _CLOSED_FORWARD)
    return rules


def port_changing(_gateway=None):
    """Endpoint-independent mapping to another port than the host's: one bit of it is turned over."""
    return _table(_EMPTY_PREROUTING, """
    chain postrouting {
        type nat hook postrouting priority 100;
        oifname "wan" meta l4proto udp masquerade to :udp sport ^ 0x4000
        oifname "wan" masquerade
    }""", _CLOSED_INPUT, _CLOSED_FORWARD)


def left_to_program(_gateway=None):
    """For a gateway whose UDP a program maps (seqnat.c): the kernel does the rest, and nothing of it."""
    return _table(_EMPTY_PREROUTING, """
    chain untracked {
        type filter hook prerouting priority -300;
        meta l4proto udp notrack
    }
    chain untracked_out {
        type filter hook output priority -300;
        meta l4proto udp notrack
    }
    chain postrouting {
        type nat hook postrouting priority 100;
        oifname "wan" meta l4proto != udp masquerade
    }
    chain forward {
        type filter hook forward priority 0;
        meta l4proto udp drop
        ct state invalid drop
        iifname "wan" ct state new drop
    }""", _CLOSED_INPUT)


def hairpin(gateway):
    """A full cone that also turns round what inside hosts send to its public address."""
    return _table(_LEARN, f"""
    chain prerouting {{
        type nat hook prerouting priority -100;
        ip daddr {gateway} dnat ip to udp dport map @owner
    }}
    chain postrouting {{
        type nat hook postrouting priority 100;
        oifname "wan" masquerade persistent
        oifname "lan" ct status dnat snat ip to {gateway}
    }}
    chain forward {{
        type filter hook forward priority 0;
        iifname "wan" ct status dnat accept
        iifname "wan" ct state new drop
    }}""", _CLOSED_INPUT)


def firewall(_gateway=None):
    """A stateful firewall without NAT, IPv4 and IPv6 alike. Neighbour discovery must pass INPUT."""
    return """table inet gateway {
    chain input {
        type filter hook input priority 0;
        iifname "wan" meta l4proto udp drop
    }
    chain forward {
        type filter hook forward priority 0;
        iifname "wan" ct state new drop
    }
}
"""


def no_udp():
    """For a gateway: nothing but TCP passes."""
    return """table ip block {
    chain forward {
        type filter hook forward priority -10;
        meta l4proto udp drop
    }
}
"""


def dead_uplink():
    """For an edge router: the line behind it is up, and nothing passes it any more."""
    return """table inet dead {
    chain forward {
        type filter hook forward priority 0;
        drop
    }
}
"""


def lose_first(first_byte, server, port):
    """For an edge router: the first datagram of one type from the server to each host is lost."""
    return f"""table ip lossy {{
    set passed {{
        type ipv4_addr . inet_service
        flags dynamic
        size 4096
    }}
    chain forward {{
        type filter hook forward priority 0;
        ip saddr {server} udp sport {port} @th,64,8 {first_byte} jump once
    }}
    chain once {{
        ip daddr . udp dport @passed accept
        add @passed {{ ip daddr . udp dport }} drop
    }}
}}
"""
