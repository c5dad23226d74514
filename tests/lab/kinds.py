"""The kinds of NAT that the lab can put before a host, in the terms of RFC 4787, and what each is known
to do. test_kinds.py holds the one against the other.

SPDX-License-Identifier: MIT
"""

import selectors
import signal
import subprocess

import natrules as nat
import netlab
from players import PlayError, find_program

READY_S = 5.0

# Mapping: which public port a socket gets. Filtering: who may send to it.
NONE, ENDPOINT, ADDRESS, PORT = "none", "endpoint-independent", "address", "address and port"


class CountingNat:
    """tests/lab/seqnat in a gateway."""

    def __init__(self, gateway, *extra):
        path, environment = find_program("tests/lab/seqnat")
        self.process = subprocess.Popen(
            netlab.inside(gateway, [path, "--lan", "lan", "--wan", "wan", *extra]),
            stdout=subprocess.PIPE, env=environment)
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            if not selector.select(READY_S) or not self.process.stdout.readline():
                self.close()
                raise PlayError("seqnat does not start")

    def forget(self):
        """All flows are forgotten; the ports go on from where they were."""
        self.process.send_signal(signal.SIGHUP)

    def close(self):
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()


class Kind:
    """build(lab, name) makes a site of it with one host. What it is known to do:

    mapping, filtering; ports: preserved, steady (another for all), sequential, block or random; stride:
    of sequential ones, cross: flows of others a second, block: the size of the block; hops: gateways on
    the way; is_poisoned: a stranger's packet that comes first takes the port away."""

    def __init__(self, name, rules, build, mapping=ENDPOINT, filtering=PORT, ports="preserved",
                 stride=0, cross=0, block=0, hops=1, is_poisoned=False, short=None):
        self.name = name
        self.short = short or name  # for the head of a column
        self.rules = rules  # for the table
        self.build = build
        self.mapping = mapping
        self.filtering = filtering
        self.ports = ports
        self.stride = stride
        self.cross = cross
        self.block = block
        self.hops = hops
        self.is_poisoned = is_poisoned

    @property
    def is_steady(self):
        """One public port of a socket for all destinations."""
        return self.mapping != PORT

    @property
    def is_open(self):
        """Lets an address in that was spoken to, whatever its port."""
        return self.filtering in (NONE, ADDRESS)

    @property
    def behaviour(self):
        """In the abbreviations of RFC 5780: mapping, filtering, ports."""
        mapping = {NONE: "no NAT", ENDPOINT: "EIM", ADDRESS: "ADM", PORT: "APDM"}[self.mapping]
        filtering = {NONE: "EIF", ADDRESS: "ADF", PORT: "APDF"}[self.filtering]
        ports = {"sequential": f"sequential, {self.stride:+d}",
                 "block": f"random of {self.block:,}"}.get(self.ports, self.ports)
        return ", ".join([mapping, filtering] + ([ports] if self.mapping != NONE else []))


def _home(rules):
    def build(lab, name):
        return lab.home(rules, name)[0]
    return build


def _carrier(lab, name):
    return lab.carrier(nat.port_restricted, (nat.port_restricted, name))[0]


def _counting(stride, cross):
    def build(lab, name):
        host = lab.home(nat.left_to_program, name)[0]
        lab.programs[host.gateways[0]] = CountingNat(
            host.gateways[0], "--stride", str(stride), "--cross", str(cross),
            "--seed", str(lab.sites))
        return host
    return build


def _sequential(stride, cross=0):
    told = f"sequential, {stride:+d}" + (f", {cross} others' flows a second" if cross else "")
    return Kind(f"symmetric, {told}", f"seqnat --stride {stride}"
                + (f" --cross {cross}" if cross else ""), _counting(stride, cross), PORT, PORT,
                "sequential", stride, cross, short=f"sequential {stride:+d}" + (", others' flows" if cross else ""))


def _block(size):
    return Kind(f"symmetric, block of {size:,}",
                f"masquerade to :{nat.BLOCK_LOW}-{nat.BLOCK_LOW + size - 1} fully-random",
                _home(nat.symmetric_block(size)), PORT, PORT, "block", block=size,
                short=f"block {size:,}")


PUBLIC = Kind("public", "none", lambda lab, name: lab.public_host(name), NONE, NONE, hops=0)
FIREWALL = Kind("firewall", "ct state new drop", lambda lab, name: lab.behind_firewall(name), NONE)
FULL_CONE = Kind("full cone", "dynamic map", _home(nat.full_cone), filtering=NONE)
ADDRESS_RESTRICTED = Kind("address-restricted", "map and set", _home(nat.address_restricted),
                          filtering=ADDRESS)
PORT_RESTRICTED = Kind("port-restricted", "masquerade, WAN INPUT drop", _home(nat.port_restricted))
CARRIER = Kind("carrier", "masquerade twice", _carrier, hops=2)
POISON = Kind("poison-prone", "masquerade, WAN INPUT accepts",
              _home(nat.port_restricted_open_input), is_poisoned=True)
SEQUENTIAL = _sequential(1)
BLOCK = _block(512)
BLOCK_LARGE = _block(1024)
RANDOM = Kind("symmetric, random", "masquerade fully-random", _home(nat.symmetric), PORT, PORT,
              "random", short="random")
BY_TWO, BACKWARDS, CROSSED = _sequential(2), _sequential(-1), _sequential(1, cross=20)
STEADY = Kind("port-restricted, other ports", "masquerade to :udp sport ^ 0x4000",
              _home(nat.port_changing), ports="steady")

MATRIX = [PUBLIC, FIREWALL, FULL_CONE, ADDRESS_RESTRICTED, PORT_RESTRICTED, POISON, SEQUENTIAL, BLOCK,
          BLOCK_LARGE, RANDOM]
BESIDE = [CARRIER, STEADY, BY_TWO, BACKWARDS, CROSSED]
ALL = MATRIX + BESIDE
