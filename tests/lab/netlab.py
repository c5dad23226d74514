"""A small internet of network namespaces: a routed core, a server, homes behind gateways, hosts.

SPDX-License-Identifier: MIT

    host - gateway - edge 1 - middle - edge 2 - gateway - host
                                |
                              server

Each site hangs on an edge router of its own, so that three routers lie between any two gateways and
small TTLs count. Names of namespaces start with "tryst-" and the process id; `Lab.close` (also run
at exit) removes them. The public addresses are of a class that the library takes for the public
Internet's; they never leave the namespaces.
"""

import atexit
import os
import shutil
import subprocess
import threading

import natrules

SERVER4 = "5.1.0.2"
SERVER4_OTHER = "5.1.0.3"  # of the same machine
SERVER6 = "2a02:7::2"
COMMAND_TIMEOUT_S = 20


class LabError(Exception):
    """A command of the lab's own plumbing failed."""


def command(argv, text=None):
    """Runs one command of the plumbing and returns what it printed."""
    try:
        done = subprocess.run(argv, input=text, capture_output=True, text=True,
                              timeout=COMMAND_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LabError(f"{' '.join(argv)}: {error}") from error
    if done.returncode != 0:
        raise LabError(f"{' '.join(argv)}: {done.stderr.strip() or done.returncode}")
    return done.stdout


def inside(namespace, argv):
    """The command line that runs argv in a namespace, and dies with the one who started it."""
    return ["setpriv", "--pdeathsig", "KILL", "ip", "netns", "exec", namespace] + list(argv)


def why_not():
    """Why no lab can be made here, or None."""
    if os.geteuid() != 0:
        return "not root"
    missing = [tool for tool in ("ip", "nft", "conntrack", "sysctl", "setpriv")
               if not shutil.which(tool)]
    if missing:
        return "not installed: " + " ".join(missing)
    probe = f"tryst-{os.getpid()}-probe"
    try:
        command(["ip", "netns", "add", probe])
        try:
            command(inside(probe, ["conntrack", "-F"]))
            command(inside(probe, ["nft", "-f", "-"]),
                    "table ip t { chain c { type nat hook postrouting priority 100; }; }\n")
        finally:
            command(["ip", "netns", "del", probe])
    except LabError as error:
        return f"no namespaces with netfilter here: {error}"
    return None


class Host:
    """A namespace that a player runs in, and what others may see of it."""

    def __init__(self, name, namespace, public, local, gateways=()):
        self.name = name
        self.namespace = namespace
        self.public = public  # the addresses a server may see it at
        self.local = local    # its own addresses
        self.gateways = list(gateways)  # between it and the core, the outermost first


class Lab:
    """One topology. Use as `with Lab() as lab`."""

    def __init__(self):
        self.prefix = f"tryst-{os.getpid()}-"
        self.names = []
        self.stateful = {}  # namespace: the sets and maps of its rules
        self.programs = {}  # namespace: what maps its UDP instead; has forget() and close()
        self.folders = []   # of files that a namespace has instead of those in /etc
        self.sites = 0
        self.counting = threading.Lock()  # of sites, which may be built side by side
        self.edges = {}     # site number: namespace
        atexit.register(self.close)
        try:
            self._core()
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Removes every namespace; devices and rules go with them."""
        for program in self.programs.values():
            program.close()
        self.programs = {}
        for name in self.names:
            subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL, check=False)
        self.names = []
        for folder in self.folders:
            shutil.rmtree(folder, ignore_errors=True)
        self.folders = []
        atexit.unregister(self.close)

    # ---- parts ----

    def namespace(self, name, forward=False):
        """Makes a namespace: loopback up, no duplicate address detection, loose reverse path."""
        full = self.prefix + name
        self.names.append(full)
        command(["ip", "netns", "add", full])
        settings = ["net.ipv6.conf.all.accept_dad=0", "net.ipv6.conf.default.accept_dad=0",
                    "net.ipv6.conf.default.dad_transmits=0",
                    "net.ipv4.conf.all.rp_filter=2", "net.ipv4.conf.default.rp_filter=2"]
        if forward:
            settings += ["net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"]
        command(inside(full, ["sysctl", "-qw"] + settings))
        self.ip(full, "link set lo up")
        return full

    def ip(self, namespace, *lines):
        """Runs lines of ip(8) in a namespace."""
        command(["ip", "-n", namespace, "-batch", "-"], "\n".join(lines) + "\n")

    def link(self, one, one_device, other, other_device):
        """Joins two namespaces by a cable without delay."""
        command(["ip", "link", "add", one_device, "netns", one, "type", "veth",
                 "peer", "name", other_device, "netns", other])
        self.ip(one, f"link set {one_device} up")
        self.ip(other, f"link set {other_device} up")

    def rules(self, namespace, text):
        """Loads nftables rules; their sets and maps are emptied by `forget`."""
        command(inside(namespace, ["nft", "-f", "-"]), text)
        known = self.stateful.setdefault(namespace, [])
        words = [line.split() for line in text.splitlines()]
        table = " ".join(words[0][1:3])
        known += [f"flush {w[0]} {table} {w[1]}" for w in words if w and w[0] in ("set", "map")]

    def forget(self, gateways=None):
        """Makes every gateway, or those named, forget all flows and mappings."""
        for namespace, flush in list(self.stateful.items()):
            if gateways is not None and namespace not in gateways:
                continue
            if namespace in self.programs:
                self.programs[namespace].forget()
            command(inside(namespace, ["conntrack", "-F"]))
            if flush:
                command(inside(namespace, ["nft", "-f", "-"]), "\n".join(flush) + "\n")

    def _core(self):
        self.middle = self.namespace("middle", forward=True)
        self.server = self.namespace("server")
        self.link(self.server, "eth0", self.middle, "server")
        self.ip(self.middle, "addr add 5.1.0.1/24 dev server",
                "addr add 2a02:7::1/64 dev server nodad")
        self.ip(self.server, f"addr add {SERVER4}/24 dev eth0",
                f"addr add {SERVER4_OTHER}/24 dev eth0",
                f"addr add {SERVER6}/64 dev eth0 nodad", "route add default via 5.1.0.1",
                "route add default via 2a02:7::1")

    def _edge(self):
        """One more edge router. Its customer has 45.N.0.2 and 2a02:7:N::2 on the access line, and
        45.N.1.0/24 and 2a02:7:N:1::/64 are routed to it."""
        with self.counting:
            self.sites += 1
            n = self.sites
        edge = self.namespace(f"edge{n}", forward=True)
        self.edges[n] = edge
        self.link(edge, "core", self.middle, f"edge{n}")
        self.ip(self.middle, f"addr add 5.255.{n}.1/30 dev edge{n}",
                f"addr add 2a02:7:ffff:{n}::1/64 dev edge{n} nodad",
                f"route add 45.{n}.0.0/16 via 5.255.{n}.2",
                f"route add 2a02:7:{n}::/48 via 2a02:7:ffff:{n}::2")
        self.ip(edge, f"addr add 5.255.{n}.2/30 dev core",
                f"addr add 2a02:7:ffff:{n}::2/64 dev core nodad",
                f"route add default via 5.255.{n}.1",
                f"route add default via 2a02:7:ffff:{n}::1")
        return n, edge

    def access(self, customer, device):
        """Connects a customer's device to an edge router of its own. Returns the site's number."""
        n, edge = self._edge()
        self.link(customer, device, edge, "access")
        self.ip(edge, f"addr add 45.{n}.0.1/24 dev access",
                f"addr add 2a02:7:{n}::1/64 dev access nodad",
                f"route add 45.{n}.1.0/24 via 45.{n}.0.2",
                f"route add 2a02:7:{n}:1::/64 via 2a02:7:{n}::2")
        self.ip(customer, f"addr add 45.{n}.0.2/24 dev {device}")
        self.ip(customer, f"route add default via 45.{n}.0.1 dev {device}")
        return n

    def switch(self, gateway, network):
        """A switch inside the gateway, so that hosts of one home reach each other without it: where
        bridges are filtered too, a frame that the gateway turns round would never leave the switch."""
        command(inside(gateway, ["sysctl", "-eqw", "net.bridge.bridge-nf-call-iptables=0"]))
        self.ip(gateway, "link add lan type bridge", "link set lan up",
                f"addr add {network}.1/24 dev lan")

    def plug(self, gateway, host, network, number, device="eth0", metric=0):
        """Puts a host on a gateway's switch and gives it a default route there."""
        port = f"{host.rsplit('-', 1)[-1]}{number}"[:15]
        self.link(host, device, gateway, port)
        self.ip(gateway, f"link set {port} master lan")
        self.ip(host, f"addr add {network}.{number}/24 dev {device}")
        self.ip(host, f"route add default via {network}.1 dev {device} metric {metric}")
        return f"{network}.{number}"

    # ---- sites ----

    def public_host(self, name):
        """A host with a public address and nothing before it."""
        namespace = self.namespace(name)
        n = self.access(namespace, "eth0")
        return Host(name, namespace, [f"45.{n}.0.2"], [f"45.{n}.0.2"])

    def home(self, kind, *names, network=None, isolated=False):
        """A home behind a NAT gateway of a kind (a function of natrules) with a host per name.
        isolated: the switch lets them speak to the gateway alone, as in a network for guests."""
        gateway = self.namespace(f"gw{self.sites + 1}", forward=True)
        n = self.access(gateway, "wan")
        public = f"45.{n}.0.2"
        hosts = self._household(gateway, kind, names, public, public, network or f"192.168.{n}")
        for number, host in enumerate(hosts if isolated else (), 10):
            self.ip(gateway, f"link set {host.name}{number} type bridge_slave isolated on")
        return hosts

    def _household(self, gateway, kind, names, wan, public, network):
        self.switch(gateway, network)
        self.rules(gateway, kind(wan))
        hosts = []
        for number, name in enumerate(names, 10):
            namespace = self.namespace(name)
            local = self.plug(gateway, namespace, network, number)
            hosts.append(Host(name, namespace, [public], [local], [gateway]))
        return hosts

    def carrier(self, kind, *homes):
        """A carrier's NAT of a kind, with homes behind it: pairs of (kind, name), one host each."""
        carrier = self.namespace(f"carrier{self.sites + 1}", forward=True)
        n = self.access(carrier, "wan")
        public = f"45.{n}.0.2"
        self.switch(carrier, f"100.64.{n}")
        self.rules(carrier, kind(public))
        hosts = []
        for number, (home_kind, name) in enumerate(homes, 10):
            gateway = self.namespace(f"gw{n}x{number}", forward=True)
            wan = self.plug(carrier, gateway, f"100.64.{n}", number, device="wan")
            hosts += self._household(gateway, home_kind, [name], wan, public,
                                     f"192.168.{(n * 16 + number) % 256}")
            hosts[-1].gateways.insert(0, carrier)
        return hosts

    def behind_firewall(self, name, family=4):
        """A host of one family behind a stateful firewall without NAT."""
        gateway = self.namespace(f"fw{self.sites + 1}", forward=True)
        namespace = self.namespace(name)
        self.link(namespace, "eth0", gateway, "lan")
        n = self.access(gateway, "wan")
        self.rules(gateway, natrules.firewall())
        if family == 4:
            self.ip(gateway, f"addr add 45.{n}.1.1/24 dev lan")
            self.ip(namespace, f"addr add 45.{n}.1.10/24 dev eth0",
                    f"route add default via 45.{n}.1.1")
            own = f"45.{n}.1.10"
        else:
            self.ip(gateway, f"addr add 2a02:7:{n}::2/64 dev wan nodad",
                    f"addr add 2a02:7:{n}:1::1/64 dev lan nodad",
                    f"route add default via 2a02:7:{n}::1")
            self.ip(namespace, f"addr add 2a02:7:{n}:1::10/64 dev eth0 nodad",
                    f"route add default via 2a02:7:{n}:1::1")
            own = f"2a02:7:{n}:1::10"
        return Host(name, namespace, [own], [own], [gateway])

    def dual_homed(self, name, dead):
        """A host with two uplinks, each behind a port-restricted NAT; of the two default routes the
        first is preferred. The line of uplink `dead` (0 or 1; None: neither) is dead."""
        namespace = self.namespace(name)
        public, local = [], []
        for uplink in range(2):
            gateway = self.namespace(f"gw{self.sites + 1}", forward=True)
            n = self.access(gateway, "wan")
            self.switch(gateway, f"192.168.{n}")
            self.rules(gateway, natrules.port_restricted())
            local.append(self.plug(gateway, namespace, f"192.168.{n}", 10, device=f"eth{uplink}",
                                    metric=100 * (uplink + 1)))
            if uplink == dead:
                self.rules(self.edges[n], natrules.dead_uplink())
            else:
                public.append(f"45.{n}.0.2")
        return Host(name, namespace, public, local)

    def lose_first_roster(self, host):
        """The first REGISTERED (0x07) sent down to a host is lost: it is introduced late."""
        n = int(host.public[0].split(".")[1])
        self.rules(self.edges[n], natrules.lose_first("0x07", SERVER4, 7777))
