"""The pairs of hard NATs, and what must come of each.

SPDX-License-Identifier: MIT
"""

import kinds
import netlab

DIRECT, RELAYED = "direct", "relayed"
APART_S = 0.2  # so much later the second one hears of the first


class Story:
    """A pair of kinds of NAT. limit_s: how long a direct path may take; share: of all tries, in percent;
    late: which host (0 or 1) hears of the other later; options: of both players; tries: in a check."""

    def __init__(self, name, one, other, limit_s, share, late=None, outcome=DIRECT, tries=2,
                 full=100, options=()):
        self.name = name
        self.kinds = (one, other)
        self.limit_s = limit_s
        self.share = share
        self.late = late
        self.outcome = outcome
        self.tries = tries
        self.full = full
        self.options = options

    def misses(self, tries):
        """How many of so many tries may miss. Of a few one may, as chance has a part in it."""
        return 0 if self.share == 100 else max(1, tries * (100 - self.share) // 100)

    @property
    def length_s(self):
        """About how long a try takes."""
        return self.limit_s + 1


def _poison():
    """A gateway that accepts what comes to itself and hears the stranger before its own host."""
    pairs = [("on one side", kinds.POISON, kinds.PORT_RESTRICTED), ("on both", kinds.POISON, kinds.POISON)]
    return [Story(f"poisoned {where}, {who} first", one, other, 1.0, 100, late=late, full=20)
            for where, one, other in pairs for who, late in (("it", 1), ("the other", 0))
            if (one, late) != (other, 1)]


def _meeting(one, other, limit_s, share, **more):
    return Story(f"{one.short} x {other.short}", one, other, limit_s, share, **more)


STORIES = _poison() + [
    _meeting(kinds.SEQUENTIAL, kinds.PORT_RESTRICTED, 2.0, 90),
    _meeting(kinds.BY_TWO, kinds.PORT_RESTRICTED, 2.0, 90),
    _meeting(kinds.BACKWARDS, kinds.PORT_RESTRICTED, 2.0, 90),
    Story("sequential +1 and others' flows x port-restricted", kinds.CROSSED, kinds.PORT_RESTRICTED, 2.0, 90),
    _meeting(kinds.SEQUENTIAL, kinds.SEQUENTIAL, 2.0, 90),
    _meeting(kinds.RANDOM, kinds.PORT_RESTRICTED, 3.0, 95),
    _meeting(kinds.RANDOM, kinds.CARRIER, 3.0, 95),
    _meeting(kinds.BLOCK, kinds.PORT_RESTRICTED, 3.0, 95),
    _meeting(kinds.BLOCK, kinds.BLOCK, 3.0, 95),
    _meeting(kinds.BLOCK_LARGE, kinds.BLOCK_LARGE, 6.0, 90),
    _meeting(kinds.RANDOM, kinds.RANDOM, 0.05, 100, outcome=RELAYED),
    Story("random x port-restricted, spraying denied", kinds.RANDOM, kinds.PORT_RESTRICTED, 0.05, 100,
          outcome=RELAYED, options=("--spray", "deny")),
]

# Names of adapters as they are found on players' machines; each is up, and leads nowhere.
ADAPTERS = ["docker0", "br-1c2d3e", "vethab12", "virbr0", "tun0", "wg0", "tailscale0", "zt3jn7", "eth5",
            "eth6", "wlan3", "vmnet8"]


def add_addresses(lab, host, count):
    """Gives a host so many more addresses, on its own adapter and on others that lead nowhere."""
    for number, adapter in enumerate(ADAPTERS):
        netlab.command(["ip", "link", "add", adapter, "netns", host.namespace, "type", "veth", "peer",
                        "name", f"{host.name}{number}", "netns", lab.middle])
        lab.ip(lab.middle, f"link set {host.name}{number} up")
        lab.ip(host.namespace, f"link set {adapter} up")
    for number in range(count):
        at = number % (len(ADAPTERS) + 1)
        adapter = ADAPTERS[at] if at < len(ADAPTERS) else "eth0"
        lab.ip(host.namespace, f"addr add 10.{100 + at}.{number}.2/24 dev {adapter}")
