#!/usr/bin/env python3
"""tryst doctor is right about every kind of NAT in the lab, and about networks without UDP.

SPDX-License-Identifier: MIT

Needs what run.py needs.
"""

import argparse
import concurrent.futures
import json
import os
import re
import signal
import subprocess
import sys

import kinds
import natrules
import netlab
import sites
from players import PlayError, Server, find_program, folder

SKIP = 77
PATIENCE_S = 60
UNLIKELY = 5  # tools/join.h
AT_ONCE = 5

MAPPING = {kinds.NONE: "none", kinds.ENDPOINT: "endpoint-independent", kinds.ADDRESS: "address-dependent",
           kinds.PORT: "address-and-port-dependent"}
FILTERING = {kinds.NONE: "endpoint-independent", kinds.ADDRESS: "address-dependent",
             kinds.PORT: "address-and-port-dependent"}
PORTS = {"preserved": "preserved", "steady": "steady", "sequential": "sequential", "block": "random",
         "random": "random"}


def ask(host, pin, *extra):
    """Exit status and output of a doctor on a host."""
    path, environment = find_program("tryst")
    done = subprocess.run(netlab.inside(host.namespace, [path, "doctor", "--server", pin, *extra]),
                          env=environment, capture_output=True, text=True, timeout=PATIENCE_S,
                          check=False)
    if done.stderr:
        raise PlayError(f"doctor: {done.stderr.strip()}")
    return done.returncode, done.stdout


def outlook(kind):
    if kind.mapping == kinds.NONE:
        return "open"
    return {"sequential": "foreseen", "block": "guessed", "random": "hard"}.get(kind.ports, "easy")


def expected(kind, has_other_address):
    """What the doctor shall say of a kind, by key."""
    filtering = FILTERING[kind.filtering]
    if filtering == "endpoint-independent" and not has_other_address:
        filtering = "address-dependent"
    told = {"udp": True, "ipv4": True, "survey": "done", "mapping": MAPPING[kind.mapping],
            "filtering": filtering, "ports": PORTS[kind.ports], "outlook": outlook(kind),
            "direct_likely": True, "server_other_port": True,
            "server_other_address": True if has_other_address else None}
    if kind.mapping == kinds.ENDPOINT and kind.filtering == kinds.PORT:
        told["poison_prone"] = kind.is_poisoned
    if kind.ports == "sequential":
        told["stride"] = kind.stride
    if kind.mapping == kinds.ENDPOINT:
        told["hairpin"] = False
    return told


def faults(kind, found, has_other_address):
    """What differs, in words."""
    wrong = [f"{key} {found.get(key)}, not {value}"
             for key, value in expected(kind, has_other_address).items() if found.get(key) != value]
    if kind.ports == "block" and not wrong:
        size = found["port_high"] - found["port_low"] + 1
        if not kind.block // 2 <= size <= 2 * kind.block:
            wrong.append(f"block of {size}, not {kind.block}")
    if not found.get("ipv4_mtu") == 1500:
        wrong.append(f"MTU {found.get('ipv4_mtu')}")
    return wrong


def tell(name, wrong, found=""):
    print(f"{'not ok' if wrong else 'ok'} {name}: {'; '.join(wrong) or found}", flush=True)
    return bool(wrong)


def examine(name, kind, host, pin, has_other_address):
    status, text = ask(host, pin, "--json")
    found = json.loads(text)
    wrong = faults(kind, found, has_other_address)
    if status != 0:
        wrong.append(f"ends with {status}")
    return tell(name, wrong, f"{found['survey_us'] / 1000:.0f} ms, {found['datagrams']} datagrams")


def check_kinds(chosen, has_other_address):
    failed = 0
    extra = ("--other-address", netlab.SERVER4_OTHER) if has_other_address else ()
    with folder() as place, netlab.Lab() as lab, \
            Server(lab.server, [netlab.SERVER4], place, extra=extra) as server:
        pin = server.pin(netlab.SERVER4)
        hosts = [kind.build(lab, f"d{number}") for number, kind in enumerate(chosen)]

        def examine_one(number):
            kind = chosen[number]
            name = kind.name + ("" if has_other_address else ", one server address")
            return examine(name, kind, hosts[number], pin, has_other_address)

        # A doctor mostly waits, for a router that may be asked for a port.
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            failed += sum(pool.map(examine_one, range(len(chosen))))
    return failed


def check_hairpin(lab, pin):
    host = lab.home(natrules.hairpin, "p0")[0]
    found = json.loads(ask(host, pin, "--json")[1])
    return tell("hairpin", [] if found["hairpin"] else [f"hairpin {found['hairpin']}"], "yes")


def check_text(lab, pin):
    """What is to be pasted has no full address in it."""
    host = lab.home(natrules.port_restricted, "t0")[0]
    status, text = ask(host, pin)
    verdict, pasted = text.split("\n", 1)[0], text.split("```")[1]
    wrong = [] if verdict.startswith("Direct play is likely") and status == 0 else [verdict]
    wrong += [f"pasted: {address}" for address in re.findall(r"\d+\.\d+\.\d+\.\d+", pasted)]
    if not re.search(r"\d+\.\d+\.\d+\.x:\d+", pasted):
        wrong.append("no masked address is pasted")
    return tell("text", wrong, verdict)


def check_families(lab, server):
    """Both families, and the same in a crowd of addresses."""
    failed = 0
    for name in ("both families", "32 addresses"):
        host = sites.know_server(lab, sites.dual_stack(lab, f"f{lab.sites}"))
        if name == "32 addresses":
            sites.crowd(lab, host)
        found = json.loads(ask(host, server.pin(sites.NAME), "--json")[1])
        wrong = [f"{key} {found.get(key)}" for key, value in
                 {"ipv4": True, "ipv6": True, "mapping": "endpoint-independent",
                  "filtering": "address-and-port-dependent", "ipv6_mtu": 1500}.items()
                 if found.get(key) != value]
        wrong += [] if found.get("ipv6_address", "").startswith(f"[{host.public[-1]}]:") else ["IPv6 address"]
        failed += tell(name, wrong, found.get("ipv6_address"))
    return failed


def check_mtu(lab, pin):
    """A narrower line behind the gateway."""
    host = lab.home(natrules.port_restricted, "n0")[0]
    lab.ip(host.gateways[0], "link set wan mtu 1400")
    found = json.loads(ask(host, pin, "--json")[1])
    return tell("MTU", [] if found.get("ipv4_mtu") == 1400 else [f"MTU {found.get('ipv4_mtu')}"], "1400")


def check_memory(lab, pin):
    """A gateway that forgets after 12 s."""
    host = lab.home(natrules.port_restricted, "m0")[0]
    for name in ("timeout", "timeout_stream"):
        subprocess.run(netlab.inside(host.gateways[0], [
            "sysctl", "-qw", f"net.netfilter.nf_conntrack_udp_{name}=12"]), check=True)
    found = json.loads(ask(host, pin, "--json", "--lifetime", "20")[1])
    lasts = found.get("lifetime_s"), found.get("lifetime_lost_s")
    return tell("memory", [] if lasts == (10, 15) else [f"{lasts}, not (10, 15)"], "12 s")


def check_walls(lab, pin):
    """No UDP out of the house: TCP is found, and direct play is not likely. And nothing at all."""
    failed = 0
    for name, drop, stream in (("no UDP", "udp", "tcp"), ("nothing", "all", None)):
        host = lab.home(natrules.port_restricted, f"w{drop}")[0]
        match = "" if drop == "all" else "meta l4proto udp "
        lab.rules(host.gateways[0], "table inet wall {\nchain out {\n"
                                    f"type filter hook forward priority -10\n{match}drop\n}}\n}}\n")
        status, text = ask(host, pin, "--json", "--timeout", "6")
        found = json.loads(text)
        wrong = [f"{key} {found.get(key)}" for key, value in
                 {"udp": False, "ipv4": False, "direct_likely": False if stream else None, "stream": stream}.items()
                 if found.get(key) != value]
        if status != UNLIKELY:
            wrong.append(f"ends with {status}")
        failed += tell(name, wrong, f"{found['took_us'] / 1e6:.1f} s")
    return failed


def check_vpn(lab, pin):
    """A VPN whose addresses are out of 100.64.0.0/10, as Tailscale's, is no carrier's NAT."""
    host = lab.home(natrules.port_restricted, "v0")[0]
    lab.ip(host.namespace, "link add tailscale0 type veth peer name far0", "link set far0 up",
           "link set tailscale0 up", "addr add 100.101.7.9/32 dev tailscale0")
    found = json.loads(ask(host, pin, "--json")[1])
    return tell("VPN", [] if found["carrier_nat"] is None else [f"carrier NAT {found['carrier_nat']}"], "no carrier")


def check_haste(lab, pin):
    """Who ends before the router has answered does not say that it gives no port."""
    host = lab.home(natrules.symmetric_mapping, "h0")[0]
    found = json.loads(ask(host, pin, "--json", "--timeout", "0.6")[1])
    return tell("haste", [] if found["port_mapping"] is None else [f"port mapping {found['port_mapping']}"],
                "not known yet")


def check_beside():
    with folder() as place, netlab.Lab() as lab, \
            Server(lab.server, [netlab.SERVER4, netlab.SERVER6], place,
                   extra=("--other-address", netlab.SERVER4_OTHER)) as server:
        pin = server.pin(netlab.SERVER4)
        return check_families(lab, server) + check_mtu(lab, pin) + check_hairpin(lab, pin) \
            + check_vpn(lab, pin) + check_haste(lab, pin) + check_text(lab, pin) + check_walls(lab, pin) + check_memory(lab, pin)


def main():
    parser = argparse.ArgumentParser(description="the doctor is right about the lab's NATs")
    parser.add_argument("--kind", metavar="NAME", action="append",
                        help="only kinds whose name holds this; repeatable")
    options = parser.parse_args()
    reason = netlab.why_not()
    if os.environ.get("TRYST_SKIP_LAB") == "1":
        reason = "TRYST_SKIP_LAB=1"
    if reason:
        print(f"doctor skipped: {reason}")
        return SKIP
    for sign in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, lambda *_: sys.exit(1))
    chosen = [kind for kind in kinds.ALL
              if not options.kind or any(part in kind.name for part in options.kind)]
    try:
        failed = check_kinds(chosen, True)
        if not options.kind:
            failed += check_kinds([kinds.PUBLIC, kinds.FULL_CONE, kinds.PORT_RESTRICTED, kinds.RANDOM], False)
            failed += check_beside()
        return 1 if failed or not chosen else 0
    except (PlayError, netlab.LabError, subprocess.TimeoutExpired) as error:
        print(f"not ok: {error}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
