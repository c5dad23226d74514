#!/usr/bin/env python3
"""Each kind of NAT in the lab does what it is said to do: measured, one after the other.

SPDX-License-Identifier: MIT

Needs what run.py needs.
"""

import argparse
import os
import signal
import sys

import kinds
import natrules
import netlab
from natprobe import Probe
from players import PlayError

SKIP = 77
CORE_HOPS = 3  # routers between any gateway and the server: its edge and the middle one; and itself

CROSS_S = 0.01  # at 20 flows of others a second, 64 pauses see none in 1 of 300,000 runs


def measure(lab, host, pause_s):
    """What a host's gateways do, by name. pause_s: between two flows, when ports are looked at."""
    with Probe(lab, host) as probe:
        found = {"mapping": probe.mapping(), "filtering": probe.filtering(), "hops": probe.hops(),
                 "poisoned": probe.is_poisoned(), "errors": probe.hears_errors()}
        found["ports"], found["stride"], found["span"] = probe.ports(pause_s)
        return found


def expected(kind):
    return {"mapping": kind.mapping, "filtering": kind.filtering, "hops": kind.hops + CORE_HOPS,
            "poisoned": kind.is_poisoned or kind.ports != "preserved",  # it looks so where ports change
            "errors": True, "ports": kind.ports, "stride": kind.stride}


def faults(kind, found):
    """What differs, in words."""
    told = [f"{name} {found[name]}, not {value}" for name, value in expected(kind).items()
            if found[name] != value]
    if kind.block and not kind.block * 0.7 < found["span"] <= kind.block:
        told.append(f"ports span {found['span']}, of a block of {kind.block}")
    if kind.ports == "random" and found["span"] < 30000:
        told.append(f"ports span {found['span']} only")
    if kind.ports == "sequential" and (found["span"] > 64 * abs(kind.stride)) != bool(kind.cross):
        told.append(f"64 ports span {found['span']}, others' flows: {kind.cross} a second")
    return told


def hairpins(lab):
    """Which of three homes turn round what goes to their own public address."""
    told = []
    for rules, is_turned in ((natrules.port_restricted, False), (natrules.full_cone, False),
                             (natrules.hairpin, True)):
        host, neighbour = lab.home(rules, f"h{lab.sites}", f"n{lab.sites}")
        with Probe(lab, host) as probe:
            if probe.is_hairpinned(neighbour) != is_turned:
                told.append(f"{rules.__name__}: hairpinning is not {is_turned}")
    return told


def tell(name, wrong, found=""):
    print(f"{'not ok' if wrong else 'ok'} {name}: {'; '.join(wrong) or found}", flush=True)
    return bool(wrong)


def check(chosen):
    """Measures these kinds in one lab. Returns how many are not as said."""
    failed = 0
    with netlab.Lab() as lab:
        for number, kind in enumerate(chosen):
            found = measure(lab, kind.build(lab, f"h{number}"), CROSS_S if kind.cross else 0)
            failed += tell(kind.name, faults(kind, found), ", ".join(
                f"{name} {value}" for name, value in found.items()))
        if len(chosen) == len(kinds.ALL):
            failed += tell("hairpinning", hairpins(lab), "only where it is said")
    return failed


def main():
    parser = argparse.ArgumentParser(description="the lab's NATs do what they are said to do")
    parser.add_argument("--kind", metavar="NAME", action="append",
                        help="only kinds whose name holds this; repeatable")
    options = parser.parse_args()
    reason = netlab.why_not()
    if os.environ.get("TRYST_SKIP_LAB") == "1":
        reason = "TRYST_SKIP_LAB=1"
    if reason:
        print(f"kinds skipped: {reason}")
        return SKIP
    for sign in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, lambda *_: sys.exit(1))
    chosen = [kind for kind in kinds.ALL
              if not options.kind or any(part in kind.name for part in options.kind)]
    try:
        return 1 if not chosen or check(chosen) else 0
    except (PlayError, netlab.LabError) as error:
        print(f"not ok: {error}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
