"""Sites of the lab beyond a home behind a NAT: both families, many interfaces, a name for the server.

SPDX-License-Identifier: MIT
"""

import os

import natrules
import netlab

NAME = "server.lab"  # of the server, in both families
ETC = "/etc/netns"   # ip-netns(8) puts what is in a namespace's folder there over /etc

ADDRESSES = 32       # IPv4 ones of a crowded host, loopback not counted
CONTAINERS = 4       # networks of containers among them, with one container each
SECONDARY = 8        # further addresses of the real interface


def dual_stack(lab, name):
    """A home with NAT for IPv4 and a stateful firewall for IPv6."""
    host, = lab.home(natrules.port_restricted, name)
    gateway, n = host.gateways[0], lab.sites
    lab.rules(gateway, natrules.firewall())
    lab.ip(gateway, f"addr add 2a02:7:{n}::2/64 dev wan nodad",
           f"addr add 2a02:7:{n}:1::1/64 dev lan nodad", f"route add default via 2a02:7:{n}::1")
    own = f"2a02:7:{n}:1::10"
    lab.ip(host.namespace, f"addr add {own}/64 dev eth0 nodad",
           f"route add default via 2a02:7:{n}:1::1")
    host.public.append(own)
    host.local.append(own)
    return host


def know_server(lab, host):
    """The host knows the server by a name that has an address of each family."""
    place = os.path.join(ETC, host.namespace)
    os.makedirs(place)
    lab.folders.append(place)
    with open(os.path.join(place, "hosts"), "w", encoding="ascii") as file:
        file.write(f"127.0.0.1 localhost\n{netlab.SERVER4} {NAME}\n{netlab.SERVER6} {NAME}\n")
    return host


def crowd(lab, host):
    """Gives a host what a developer's machine has: networks of containers, which are the same on every
    such machine, with the containers' cables; a VPN's device that swallows all; link-local and further
    addresses: ADDRESSES in all, and the link-local IPv6 ones that come with each device."""
    lines, count = [], 1
    for i in range(CONTAINERS):
        bridge = "docker0" if i == 0 else f"br-{i}f0c2d"
        lines += [f"link add {bridge} type bridge", f"link set {bridge} up",
                  f"addr add 172.{17 + i}.0.1/16 dev {bridge}",
                  f"link add veth{i}a type veth peer name veth{i}b",
                  f"link set veth{i}a master {bridge}", f"link set veth{i}a up",
                  f"link set veth{i}b up"]
    lines += ["tuntap add dev tun0 mode tun", "link set tun0 up", "addr add 10.8.0.6/24 dev tun0",
              "addr add fd42:8::6/64 dev tun0 nodad",
              "route add 10.0.0.0/8 dev tun0", "addr add 169.254.7.9/16 dev eth0"]
    count += CONTAINERS + 2
    network = host.local[0].rpartition(".")[0]
    lines += [f"addr add {network}.{100 + i}/24 dev eth0" for i in range(SECONDARY)]
    count += SECONDARY
    lines += [f"addr add 10.{100 + i}.0.1/24 dev docker0" for i in range(ADDRESSES - count)]
    lab.ip(host.namespace, *lines)
    host.local += [f"{network}.{100 + i}" for i in range(SECONDARY)]
    return host
