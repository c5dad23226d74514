"""Homes in the lab, and what can happen to them while their players talk.

SPDX-License-Identifier: MIT
"""

import random

import netlab

# What the core may do to the direct way of a pair; {a} and {b} are the public addresses.
CUT = "ip saddr {a} ip daddr {b} drop; ip saddr {b} ip daddr {a} drop"
CUT_ONE_WAY = "ip saddr {a} ip daddr {b} drop"
LOSE = ("ip saddr {a} ip daddr {b} numgen random mod 100 < 30 drop; "
        "ip saddr {b} ip daddr {a} numgen random mod 100 < 30 drop")
DROP_LARGE = ("ip saddr {a} ip daddr {b} meta length > 600 drop; "
              "ip saddr {b} ip daddr {a} meta length > 600 drop")


class Home:
    """A gateway on an edge router of its own. A host is plugged in, or comes later."""

    def __init__(self, lab, kind, name):
        self.lab = lab
        self.gateway = lab.namespace(f"gw-{name}", forward=True)
        self.site = lab.access(self.gateway, "wan")
        self.public = f"45.{self.site}.0.2"
        self.network = f"192.168.{self.site}"
        lab.switch(self.gateway, self.network)
        lab.rules(self.gateway, kind())

    def _nft(self, text):
        netlab.command(netlab.inside(self.gateway, ["nft", "-f", "-"]), text + "\n")

    def map_anew(self):
        """The gateway maps to another port from now on, and forgets the flows that there are."""
        port = random.randint(20000, 60000)
        self._nft("flush chain ip gateway postrouting\nadd rule ip gateway postrouting "
                  f'oifname "wan" meta l4proto udp masquerade to :{port}')
        netlab.command(netlab.inside(self.gateway, ["conntrack", "-F"]))

    def readdress(self):
        """The provider gives the gateway another public address."""
        old, self.public = self.public, f"45.{self.site}.0.{random.randint(3, 250)}"
        self.lab.ip(self.gateway, f"addr del {old}/24 dev wan",
                    f"addr add {self.public}/24 dev wan",
                    f"route replace default via 45.{self.site}.0.1 dev wan")

    def remember_for(self, seconds):
        """How long the gateway remembers a UDP flow that nothing is said on."""
        names = ("nf_conntrack_udp_timeout", "nf_conntrack_udp_timeout_stream")
        netlab.command(netlab.inside(self.gateway, ["sysctl", "-qw"] + [
            f"net.netfilter.{name}={seconds}" for name in names]))

    def block_udp(self):
        """Nothing but TCP passes."""
        self._nft("table ip block {\nchain forward {\ntype filter hook forward priority -10;\n"
                  "meta l4proto udp drop\n}\n}")

    def count(self, ways):
        """Counts forwarded datagrams from now on; ways: name -> what matches."""
        lines = [f"counter {name} {{}}" for name in ways]
        lines.append("chain forward {\ntype filter hook forward priority -20;")
        lines += [f"{match} counter name {name}" for name, match in ways.items()]
        self._nft("table ip tally {\n" + "\n".join(lines) + "\n}\n}")

    def counted(self):
        """Name -> datagrams so far."""
        text = netlab.command(netlab.inside(self.gateway, ["nft", "list", "counters"]))
        words = text.replace("{", " ").split()
        return {words[i + 1]: int(words[i + 3]) for i, word in enumerate(words)
                if word == "counter"}


class Roamer:
    """A host and the home that its cable is in."""

    def __init__(self, lab, home, name):
        self.lab = lab
        self.home = home
        self.port = f"{name}10"  # the gateway's end of its cable, as plug names it
        self.namespace = lab.namespace(name)
        lab.plug(home.gateway, self.namespace, home.network, 10)

    def move(self, home):
        """Takes the cable out of one gateway's switch and puts it into another's."""
        old, self.home = self.home, home
        self.lab.ip(old.gateway, f"link set {self.port} netns {home.gateway}")
        self.lab.ip(home.gateway, f"link set {self.port} master lan up")
        self.lab.ip(self.namespace, "addr flush dev eth0",
                    f"addr add {home.network}.10/24 dev eth0",
                    f"route replace default via {home.network}.1 dev eth0")


def filter_direct(lab, number, rules, one, other):
    """The core filters the direct way of pair `number`. Lifted by `lift`."""
    text = rules.format(a=one.public, b=other.public).replace("; ", "\n")
    netlab.command(netlab.inside(lab.middle, ["nft", "-f", "-"]),
                   f"table ip pair{number} {{\nchain forward {{\n"
                   f"type filter hook forward priority 0;\n{text}\n}}\n}}\n")


def lift(lab, number):
    """Ends what filter_direct began."""
    netlab.command(netlab.inside(lab.middle, ["nft", "-f", "-"]),
                   f"delete table ip pair{number}\n")
