"""The cases of the lab: who meets whom through which gateways, and what must come of it.

SPDX-License-Identifier: MIT
"""

import netlab
import natrules as nat

CONNECTED = "connected"  # directly, be it after a moment by the relay
RELAYED = "relayed"      # by the server's relay, for good
UNREACHABLE = "unreachable"
MEASURED = "measured"  # a finding: told, not judged


class Case:
    """build(lab) returns the hosts; the other fields say what is expected of a run."""

    def __init__(self, name, rules, build, outcome=CONNECTED, kinds=("public",), family=4,
                 limit_ms=1500, late_s=0.0, local=False, ports=False):
        self.name = name
        self.rules = rules        # for the table
        self.build = build
        self.outcome = outcome
        self.kinds = kinds        # allowed kinds of path
        self.family = family
        self.limit_ms = limit_ms  # the longest that a first message, and a direct path, may take
        self.late_s = late_s      # the second host joins so much later
        self.local = local        # the peer must be met at a local address of its own
        self.ports = ports        # the peer must be met at the very address the server saw


def _pair(one, other):
    """Two homes, a host in each, behind NATs of two kinds."""
    def build(lab):
        return lab.home(one, "alice") + lab.home(other, "bob")
    return build


def _public_public(lab):
    return [lab.public_host("alice"), lab.public_host("bob")]


def _public_home(lab):
    return [lab.public_host("alice")] + lab.home(nat.port_restricted, "bob")


def _firewalls(family):
    def build(lab):
        return [lab.behind_firewall("alice", family), lab.behind_firewall("bob", family)]
    return build


def _same_inner(lab):
    return (lab.home(nat.port_restricted, "alice", network="192.168.1")
            + lab.home(nat.port_restricted, "bob", network="192.168.1"))


def _one_home(kind):
    def build(lab):
        return lab.home(kind, "alice", "bob")
    return build


def _double(lab):
    return (lab.carrier(nat.port_restricted, (nat.port_restricted, "alice"))
            + lab.home(nat.port_restricted, "bob"))


def _one_carrier(kind):
    def build(lab):
        return lab.carrier(kind, (nat.port_restricted, "alice"), (nat.port_restricted, "bob"))
    return build


def _dual(dead):
    def build(lab):
        return [lab.dual_homed("alice", dead)] + lab.home(nat.port_restricted, "bob")
    return build


def _open_input(lab):
    return (lab.home(nat.port_restricted_open_input, "alice")
            + lab.home(nat.port_restricted_open_input, "bob"))


def _lost_roster(kind):
    def build(lab):
        alice, = lab.home(kind, "alice")
        bob, = lab.home(kind, "bob")
        lab.lose_first_roster(bob)
        return [alice, bob]
    return build


def _eight(lab):
    return ([lab.public_host("anna"), lab.behind_firewall("bert")]
            + lab.home(nat.port_restricted, "cleo", "dora")
            + lab.home(nat.full_cone, "emil") + lab.home(nat.address_restricted, "fritz")
            + lab.carrier(nat.port_restricted, (nat.port_restricted, "gerd"))
            + [lab.dual_homed("hanna", None)])


_ANY = ("public", "host", "observed")

CASES = [
    Case("public x public", "none", _public_public, kinds=("public", "host"), ports=True),
    Case("public x port-restricted", "none x masquerade", _public_home, kinds=_ANY, ports=True),
    Case("port-restricted x port-restricted", "masquerade, WAN INPUT drop",
         _pair(nat.port_restricted, nat.port_restricted), ports=True),
    Case("port-restricted x port-restricted, same inner network", "the same, 192.168.1.0/24 twice",
         _same_inner, ports=True),
    Case("port-restricted x port-restricted, WAN INPUT rejects", "masquerade, WAN INPUT reject",
         _pair(nat.port_restricted_rejecting, nat.port_restricted_rejecting), ports=True),
    Case("full cone x port-restricted", "dynamic map x masquerade",
         _pair(nat.full_cone, nat.port_restricted), kinds=_ANY, ports=True),
    Case("address-restricted x port-restricted", "map and set x masquerade",
         _pair(nat.address_restricted, nat.port_restricted), kinds=_ANY, ports=True),
    Case("firewall x firewall, IPv4", "ct state new drop, no NAT", _firewalls(4),
         kinds=("public", "host"), ports=True),
    Case("firewall x firewall, IPv6", "ct state new drop, no NAT", _firewalls(6),
         kinds=("ipv6", "host"), family=6, ports=True),
    Case("two hosts behind one NAT, no hairpin", "masquerade", _one_home(nat.port_restricted),
         kinds=("host",), local=True),
    Case("home behind carrier NAT x port-restricted", "masquerade twice x masquerade", _double,
         ports=True),
    Case("two uplinks, the preferred one dead x port-restricted", "masquerade on each", _dual(0),
         kinds=("public", "observed")),
    Case("two uplinks, the other one dead x port-restricted", "masquerade on each", _dual(1),
         kinds=("public", "observed")),
    Case("two uplinks, both alive x port-restricted", "masquerade on each", _dual(None),
         kinds=("public", "observed")),
    Case("eight players in mixed NATs, full mesh", "all of the above", _eight, kinds=_ANY,
         limit_ms=3000),
    Case("symmetric x full cone", "fully-random x dynamic map",
         _pair(nat.symmetric, nat.full_cone), kinds=_ANY),
    Case("symmetric x address-restricted", "fully-random x map and set",
         _pair(nat.symmetric, nat.address_restricted), kinds=_ANY),
    Case("symmetric x port-restricted", "fully-random x masquerade",
         _pair(nat.symmetric, nat.port_restricted), RELAYED),
    Case("symmetric x symmetric", "fully-random on both", _pair(nat.symmetric, nat.symmetric),
         MEASURED),
    Case("two hosts behind one NAT, hairpin", "dynamic map and snat back", _one_home(nat.hairpin),
         MEASURED),
    Case("two homes behind one carrier NAT, no hairpin", "masquerade twice",
         _one_carrier(nat.port_restricted), MEASURED),
    Case("two homes behind one carrier NAT, hairpin", "masquerade, map and snat back",
         _one_carrier(nat.hairpin), MEASURED),
    Case("port-restricted, one introduced late", "masquerade; the first REGISTERED is lost",
         _lost_roster(nat.port_restricted), kinds=_ANY),
    Case("WAN INPUT accepts, both at once", "masquerade, no INPUT rule", _open_input, MEASURED),
    Case("WAN INPUT accepts, one introduced late", "the same; the first REGISTERED is lost",
         _lost_roster(nat.port_restricted_open_input), MEASURED),
]


def listen_of(family):
    """The server's address for a session of one family."""
    return netlab.SERVER6 if family == 6 else netlab.SERVER4
