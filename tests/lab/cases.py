"""The cases of the lab: who meets whom through which gateways, and what must come of it.

SPDX-License-Identifier: MIT
"""

import natrules as nat
import netlab
import sites

CONNECTED = "connected"  # directly, be it after a moment by the relay
RELAYED = "relayed"      # by the server's relay, for good
UNREACHABLE = "unreachable"

CONNECT_S = 8  # a run that is to connect is given up after this
BASE_MS = 100  # what a case may be slower than another
RELAYED_S = 1  # what is not direct by then is called relayed


class Case:
    """build(lab) returns the hosts; the other fields say what is expected of a run."""

    def __init__(self, name, rules, build, outcome=CONNECTED, kinds=("public",), family=4,
                 limit_ms=1500, late_s=0.0, local=False, ports=False, share=1.0,
                 base=None, server_extra=()):
        self.name = name
        self.rules = rules        # for the table
        self.build = build
        self.hosts = []
        self.outcome = outcome
        self.kinds = kinds        # allowed kinds of path
        self.family = family
        self.limit_ms = limit_ms  # the longest that a first message, and a direct path, may take
        self.message_limit_ms = limit_ms
        self.late_s = late_s      # the second host joins so much later
        self.local = local        # the peer must be met at a local address of its own
        self.ports = ports        # the peer must be met at the very address the server saw
        self.share = share        # of the runs must come to the outcome, in the time
        self.patience_s = CONNECT_S if outcome == CONNECTED else RELAYED_S  # before a run is judged
        self.base = base          # the name of a case before it, which it may be slower than by base_ms
        self.base_ms = BASE_MS if base else 0
        self.server_extra = server_extra  # arguments of the server
        self.is_shared = False    # the lab's other gateways are not to be touched


def _pair(one, other):
    """Two homes, a host in each, behind NATs of two kinds."""
    def build(lab):
        return lab.home(one, "alice") + lab.home(other, "bob")
    return build


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


def _isolated(kind):
    def build(lab):
        return lab.home(kind, "alice", "bob", isolated=True)
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


def _families(*kinds):
    """Hosts with these families, 4, 6 or both (46), that know the server by its name."""
    def build(lab):
        hosts = []
        for name, kind in zip(("alice", "bob"), kinds):
            if kind == 4:
                hosts += lab.home(nat.port_restricted, name)
            else:
                hosts.append(sites.dual_stack(lab, name) if kind == 46
                             else lab.behind_firewall(name, 6))
        return [sites.know_server(lab, host) for host in hosts]
    return build


def _crowded(lab):
    return [sites.crowd(lab, host) for host in (lab.home(nat.port_restricted, "alice")
                                                + lab.home(nat.port_restricted, "bob"))]


def _crowded_once(lab):
    return [sites.crowd(lab, lab.home(nat.port_restricted, "alice")[0])] + lab.home(
        nat.port_restricted, "bob")


def _no_udp(*which):
    def build(lab):
        hosts = _pair(nat.port_restricted, nat.port_restricted)(lab)
        for one in which:
            lab.rules(hosts[one].gateways[0], nat.no_udp())
        return hosts
    return build


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
_V6 = ("ipv6", "host")
_TWO = (4, 6)  # families: the server is known by a name
_TCP = ("--listen-tcp", f"{netlab.SERVER4}:7777")
_POISON_MS = 1000

# How each kind of NAT meets each other is told by matrix.py.
CASES = [
    Case("port-restricted x port-restricted", "masquerade, WAN INPUT drop",
         _pair(nat.port_restricted, nat.port_restricted), ports=True),
    Case("port-restricted x port-restricted, same inner network", "the same, 192.168.1.0/24 twice",
         _same_inner, ports=True),
    Case("port-restricted x port-restricted, WAN INPUT rejects", "masquerade, WAN INPUT reject",
         _pair(nat.port_restricted_rejecting, nat.port_restricted_rejecting), ports=True),
    Case("port-restricted, one introduced late", "masquerade; the first REGISTERED is lost",
         _lost_roster(nat.port_restricted), kinds=_ANY),
    Case("WAN INPUT accepts, both at once", "masquerade, no INPUT rule", _open_input, kinds=_ANY,
         limit_ms=_POISON_MS),
    Case("WAN INPUT accepts, one introduced late", "the same; the first REGISTERED is lost",
         _lost_roster(nat.port_restricted_open_input), kinds=_ANY, limit_ms=_POISON_MS),
    Case("two hosts behind one NAT, no hairpin", "masquerade", _one_home(nat.port_restricted),
         kinds=("host",), local=True),
    Case("two hosts behind one NAT, hairpin", "dynamic map and snat back", _one_home(nat.hairpin),
         kinds=_ANY),
    Case("two hosts behind one NAT, kept apart, no hairpin", "masquerade; isolated ports of the switch",
         _isolated(nat.port_restricted), RELAYED),
    Case("two hosts behind one NAT, kept apart, hairpin",
         "dynamic map and snat back; isolated ports of the switch", _isolated(nat.hairpin), kinds=_ANY),
    Case("home behind carrier NAT x port-restricted", "masquerade twice x masquerade", _double,
         ports=True),
    Case("two homes behind one carrier NAT, no hairpin", "masquerade twice",
         _one_carrier(nat.port_restricted), RELAYED),
    Case("two homes behind one carrier NAT, hairpin", "masquerade, map and snat back",
         _one_carrier(nat.hairpin), kinds=_ANY),
    Case("two uplinks, the preferred one dead x port-restricted", "masquerade on each", _dual(0),
         kinds=("public", "observed")),
    Case("two uplinks, the other one dead x port-restricted", "masquerade on each", _dual(1),
         kinds=("public", "observed")),
    Case("two uplinks, both alive x port-restricted", "masquerade on each", _dual(None),
         kinds=("public", "observed")),
    Case("32 addresses x port-restricted", "masquerade; containers, a VPN, link-local",
         _crowded_once, kinds=_ANY, base="port-restricted x port-restricted"),
    Case("32 addresses x 32 addresses", "the same on both", _crowded, kinds=_ANY,
         base="port-restricted x port-restricted"),
    Case("firewall x firewall, IPv6", "ct state new drop, no NAT", _firewalls(6), kinds=_V6, family=6,
         ports=True),
    Case("IPv4 alone x IPv4 alone", "masquerade", _families(4, 4), family=_TWO),
    Case("IPv4 alone x both", "masquerade x the same and ct state new drop", _families(4, 46),
         family=_TWO, kinds=_ANY),
    Case("IPv4 alone x IPv6 alone", "masquerade x ct state new drop", _families(4, 6), RELAYED,
         family=_TWO),
    Case("both x both", "masquerade and ct state new drop", _families(46, 46), family=_TWO,
         kinds=_ANY + _V6),
    Case("both x IPv6 alone", "the same x ct state new drop", _families(46, 6), family=_TWO,
         kinds=_V6),
    Case("IPv6 alone x IPv6 alone", "ct state new drop", _families(6, 6), family=_TWO, kinds=_V6),
    Case("UDP blocked at one home", "forward: meta l4proto udp drop; the server listens on TCP",
         _no_udp(0), RELAYED, server_extra=_TCP),
    Case("UDP blocked at both homes", "the same on both", _no_udp(0, 1), RELAYED, server_extra=_TCP),
    Case("eight players in mixed NATs, full mesh", "all of the above", _eight, kinds=_ANY,
         limit_ms=3000),
]


def listen_of(case):
    """The server's address for a case."""
    if case.family == _TWO:
        return sites.NAME
    return netlab.SERVER6 if case.family == 6 else netlab.SERVER4
