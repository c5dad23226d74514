"""Home routers that map ports: miniupnpd in a gateway, what it is asked, and what it has mapped.

SPDX-License-Identifier: MIT
"""

import ipaddress
import os
import re
import shutil
import subprocess
import time

import natrules
import netlab
from players import PlayError

READY_S = 5.0
NATPMP_PORT = 5351  # PCP's too: they differ in the first byte
HTTP_PORT = 5000
PCP, NATPMP, UPNP = "PCP", "NAT-PMP", "UPnP"
ALL = (PCP, NATPMP, UPNP)

# A PCP or NAT-PMP datagram begins with its version, 8 bytes into the UDP header and 64 bits.
_VERSIONS = {PCP: 2, NATPMP: 0}

# Not what the router sends to all, and so to itself, nor what a host sends to the public address to see
# whether it is turned round.
_COUNTERS = """table ip asked {
    counter PCP {
    }
    counter NAT-PMP {
    }
    counter UPnP {
    }
    counter total {
    }
    chain asked {
        type filter hook prerouting priority -200;
        iifname "lan" meta l4proto { udp, tcp } fib saddr type != local jump homes
    }
    chain homes {
        fib daddr . iif type { local, broadcast, multicast } jump ours
    }
    chain ours {
        counter name "total"
        udp dport 5351 @th,64,8 2 counter name "PCP"
        udp dport 5351 @th,64,8 0 counter name "NAT-PMP"
        udp dport 1900 counter name "UPnP"
%s
    }
}
"""


def _settings(folder, protocols, lifetime_s, told):
    lines = ["ext_ifname=wan", "listening_ip=lan", f"http_port={HTTP_PORT}",
             f"enable_natpmp={'yes' if {PCP, NATPMP} & set(protocols) else 'no'}",
             f"enable_upnp={'yes' if UPNP in protocols else 'no'}",
             f"min_lifetime={lifetime_s // 2}", f"max_lifetime={lifetime_s}",
             "secure_mode=yes", "uuid=6d2c9d3e-8f5f-4b0c-9d53-3f1e9a1f0c11",
             "upnp_table_name=filter", "upnp_nat_table_name=filter",
             "upnp_forward_chain=miniupnpd", "upnp_nat_chain=prerouting_miniupnpd",
             "upnp_nat_postrouting_chain=postrouting_miniupnpd",
             "allow 1024-65535 192.168.0.0/16 1024-65535", "deny 0-65535 0.0.0.0/0 0-65535"]
    if told:
        lines.append("ext_ip=45.255.0.1")
    path = os.path.join(folder, "miniupnpd.conf")
    with open(path, "w", encoding="ascii") as file:
        file.write("\n".join(lines) + "\n")
    return path


def _telling(address):
    """miniupnpd 2.3.1 maps nothing where its own address is no public one; 2.3.9 and those before 2.1 do,
    when they are let. It is told a public one, and its answers name the one it has: at byte 8 of NAT-PMP's,
    at byte 56 of PCP's."""
    number = f"0x{int(ipaddress.ip_address(address)):08x}"
    return f"""table ip telling {{
    chain output {{
        type filter hook output priority 0;
        udp sport {NATPMP_PORT} @th,64,16 0x0080 @th,128,32 set {number}
        udp sport {NATPMP_PORT} @th,64,16 0x0281 @th,512,32 set {number}
    }}
}}
"""


def daemon():
    """Where miniupnpd is, or None."""
    return shutil.which("miniupnpd", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


class Router:
    """A home router that counts what comes from its home for itself, and answers what is of
    `protocols`. told: the address it is to name as its own, when that is no public one."""

    def __init__(self, lab, gateway, place, protocols=ALL, lifetime_s=1200, told=None):
        self.lab = lab
        self.gateway = gateway
        self.folder = os.path.join(place, gateway)
        self.process = None
        self.log = None
        os.makedirs(self.folder)
        drops = [f"        udp dport {NATPMP_PORT} @th,64,8 {number} drop"
                 for name, number in _VERSIONS.items() if name not in protocols]
        if not {PCP, NATPMP} & set(protocols):
            drops = []  # nobody listens there, and the home is told so
        lab.rules(gateway, _COUNTERS % "\n".join(drops))
        if told:
            lab.rules(gateway, _telling(told))
        if protocols:
            self._start(protocols, lifetime_s, told)
        lab.programs[gateway] = self

    def _start(self, protocols, lifetime_s, told):
        settings = _settings(self.folder, protocols, lifetime_s, told)
        self.log = open(os.path.join(self.folder, "log"), "w+b")
        self.process = subprocess.Popen(
            netlab.inside(self.gateway, [daemon(), "-d", "-f", settings, "-P",
                                         os.path.join(self.folder, "pid")]),
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT)
        sockets = [("udp", NATPMP_PORT)] if {PCP, NATPMP} & set(protocols) else []
        sockets += [("tcp6", HTTP_PORT)] if UPNP in protocols else []
        end = time.monotonic() + READY_S
        while not all(self._listens(table, port) for table, port in sockets):
            if time.monotonic() > end or self.process.poll() is not None:
                complaint = self.said()[-300:]
                self.close()
                raise PlayError(f"miniupnpd does not start: {complaint}")
            time.sleep(0.02)

    def _listens(self, table, port):
        """Whether somebody holds the port already, in a table of /proc/net."""
        try:
            if os.readlink(f"/proc/{self.process.pid}/ns/net") == os.readlink("/proc/self/ns/net"):
                return False  # it has not entered its namespace yet
            with open(f"/proc/{self.process.pid}/net/{table}", encoding="ascii") as file:
                return any(line.split()[1].endswith(f":{port:04X}") for line in list(file)[1:])
        except OSError:
            return False  # it has ended

    def said(self):
        """Its log."""
        self.log.seek(0)
        return self.log.read().decode("utf-8", "replace").strip()

    def asked(self):
        """How many packets came from the home for the router itself, by protocol and in all."""
        text = netlab.command(netlab.inside(self.gateway, ["nft", "list", "counters", "table", "ip", "asked"]))
        return {name: int(count) for name, count in
                re.findall(r"counter (\S+) \{\s*packets (\d+)", text)}

    def mappings(self):
        """The ports that lead in now: (external port, internal address, internal port)."""
        text = netlab.command(netlab.inside(
            self.gateway, ["nft", "list", "chain", "inet", "filter", "prerouting_miniupnpd"]))
        return [(int(port), address, int(inner)) for port, address, inner in
                re.findall(r"th dport (\d+) dnat ip to ([\d.]+):(\d+)", text)]

    def silence(self, what=""):
        """From now on it drops what is for it, or a part of that in nftables' words."""
        netlab.command(netlab.inside(self.gateway, ["nft", f"add rule ip asked ours {what} drop"]))

    def forget(self):
        """Mappings that were asked for stay."""

    def close(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait()
        if self.log:
            self.log.close()

