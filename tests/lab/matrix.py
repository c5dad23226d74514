#!/usr/bin/env python3
"""Each of ten kinds of NAT and firewall meets each other: a sample of the pairs, or all of them.

SPDX-License-Identifier: MIT

Every kind has two sites in one lab, which are made once; two pairs at most meet at the same time, on
sites of their own. Needs what run.py needs, which also writes the tables (run.py --record).
"""

import argparse
import itertools
import os
import random
import signal
import sys
import threading
import time

import kinds
import labtable
import meeting
import netlab
from cases import CONNECTED, RELAYED, Case
from players import PlayError, Server, find_program, folder

SKIP = 77
RUNS_IN_CHECK = 3
RUNS_IN_WHOLE = 5
TOGETHER = 2         # pairs that meet at the same time, on two processors
AT_RANDOM = 4        # pairs of the sample that are drawn
MESSAGE_MS = 1500    # the longest that a first message may take: the relay brings it at once
STEADY_MS = 1500     # a direct path where both NATs keep their ports
POISON_MS = 1000     # the same where a gateway is to be outwitted first
WRONG_TOLD = 3       # of a pair
RELAYED_S = 3        # a pair without hope is watched for so long: long enough for a spray
LATE_S = 2           # a direct path that is late is waited for so much longer, to know how late
SEQUENTIAL_WIDTH = 1024  # ports of a sequential NAT that are worth a try
PORTS_ALL = 64512        # from 1024 on
WIDTHS_MOST = 2048 * 2048  # of two NATs that choose a port for each destination, multiplied: one try of
#                            k in n each way finds such a pair within 6 s at 500 tries a second


def width(kind):
    """How many ports a NAT may take for its next destination."""
    return {"sequential": SEQUENTIAL_WIDTH, "block": kind.block}.get(kind.ports, PORTS_ALL)


def promise(one, other):
    """What must come of a pair by theory: (outcome, within milliseconds, share of the runs)."""
    hard = [kind for kind in (one, other) if not kind.is_steady]
    if not hard:
        return CONNECTED, POISON_MS if one.is_poisoned or other.is_poisoned else STEADY_MS, 1.0
    ports = {kind.ports for kind in hard}
    if len(hard) == 1:
        easy = other if hard[0] is one else one
        if easy.is_open:
            return CONNECTED, STEADY_MS, 1.0
        return (CONNECTED, 2000, 0.90) if ports == {"sequential"} else (CONNECTED, 3000, 0.95)
    if width(one) * width(other) > WIDTHS_MOST:
        return RELAYED, MESSAGE_MS, 1.0
    if ports == {"sequential"}:
        return CONNECTED, 2000, 0.90
    return (CONNECTED, 3000, 0.95) if width(one) * width(other) <= 512 * 512 else (
        CONNECTED, 6000, 0.90)


class Pair(Case):
    """Two kinds that meet."""

    def __init__(self, one, other):
        outcome, limit_ms, share = promise(one, other)
        is_plain = one.is_steady and other.is_steady and not (one.is_poisoned or other.is_poisoned)
        super().__init__(f"{one.name} x {other.name}", f"{one.rules} x {other.rules}", None, outcome,
                         ("public", "host", "observed"), limit_ms=limit_ms, ports=is_plain,
                         share=share)
        self.nats = (one, other)
        self.message_limit_ms = MESSAGE_MS
        self.patience_s = RELAYED_S if outcome == RELAYED else limit_ms / 1000 + LATE_S
        self.is_shared = True

    @property
    def sites(self):
        """Which sites it needs: the first stands on one side of the grid, the second on the other."""
        return [("a", self.nats[0]), ("b", self.nats[1])]


def whole():
    """Each with each, and those beside the matrix: other strides, others' flows, other ports."""
    pairs = [Pair(*two) for two in itertools.combinations_with_replacement(kinds.MATRIX, 2)]
    return pairs + [Pair(kinds.PORT_RESTRICTED, kind) for kind in kinds.BESIDE] + [
        Pair(kinds.CARRIER, kind) for kind in
        (kinds.CARRIER, kinds.SEQUENTIAL, kinds.BLOCK, kinds.RANDOM)] + [
        Pair(kinds.STEADY, kind) for kind in (kinds.STEADY, kinds.RANDOM)]


def sample(seed):
    """The pairs that a check looks at: what is hard, and some that are drawn."""
    first = [Pair(*two) for two in (
        (kinds.PUBLIC, kinds.PORT_RESTRICTED), (kinds.PORT_RESTRICTED, kinds.PORT_RESTRICTED),
        (kinds.FIREWALL, kinds.FIREWALL), (kinds.ADDRESS_RESTRICTED, kinds.RANDOM),
        (kinds.POISON, kinds.POISON), (kinds.PORT_RESTRICTED, kinds.SEQUENTIAL),
        (kinds.PORT_RESTRICTED, kinds.RANDOM), (kinds.BLOCK, kinds.BLOCK),
        (kinds.RANDOM, kinds.RANDOM))]
    names = {pair.name for pair in first}
    rest = [pair for pair in whole() if pair.name not in names]
    return first + random.Random(seed).sample(rest, AT_RANDOM)


class Grid:
    """The sites of some pairs, and the work on them."""

    def __init__(self, lab, server, place, pairs):
        self.lab = lab
        self.server = server
        self.place = place
        self.waiting = list(pairs)
        self.busy = set()  # sites
        self.free = threading.Condition()
        self.results = {}
        # Here, not where the work is done: what a thread has started ends with the thread.
        for site in dict.fromkeys(site for pair in pairs for site in pair.sites):
            side, kind = site
            host = kind.build(lab, f"{side}{kinds.ALL.index(kind)}")
            for pair in pairs:
                pair.hosts += [host for one in pair.sites if one == site]
        for pair in pairs:
            pair.hosts.sort(key=lambda host: host.name[0])

    def take(self):
        """The next pair whose sites nobody uses; None when there are no more."""
        with self.free:
            while self.waiting:
                for pair in self.waiting:
                    if not self.busy.intersection(pair.sites):
                        self.waiting.remove(pair)
                        self.busy.update(pair.sites)
                        return pair
                self.free.wait()
        return None

    def work(self, runs, silent, number, told):
        """Pairs, one after the other. number: an iterator of numbers that nobody else gets."""
        while (pair := self.take()) is not None:
            outcomes = []
            while len(outcomes) < runs and silent > sum(
                    one.outcome not in (CONNECTED, RELAYED) for one in outcomes):
                try:
                    outcomes.append(meeting.hold(pair, self.lab, self.server, self.place,
                                                 next(number)))
                except (PlayError, netlab.LabError) as error:
                    outcomes.append(meeting.Outcome())
                    outcomes[-1].wrong.append(str(error))
            with self.free:
                self.results[pair.name] = outcomes
                self.busy.difference_update(pair.sites)
                self.free.notify_all()
                told(pair, outcomes)


def measure(pairs, runs, silent=1, told=lambda *_: None):
    """Makes `runs` runs of each pair, and of those at most `silent` without a connection. told: called
    with each pair and its outcomes. Returns the list of both, in the order of the pairs."""
    with folder() as place, netlab.Lab() as lab:
        with Server(lab.server, [netlab.SERVER4, netlab.SERVER6], place) as server:
            grid = Grid(lab, server, place, pairs)
            number = itertools.count(1)
            threads = [threading.Thread(target=grid.work, args=(runs, silent, number, told),
                                        daemon=True) for _ in range(TOGETHER)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    return [(pair, grid.results[pair.name]) for pair in pairs]


class Teller:
    """Says how far it is. Called with each pair and its outcomes."""

    def __init__(self, count):
        self.count = count
        self.told = 0
        self.failed = 0
        self.started = time.monotonic()

    def __call__(self, pair, outcomes):
        self.told += 1
        wrong = meeting.faults(pair, outcomes)
        self.failed += bool(wrong)
        print(f"{'not ok' if wrong else 'ok'} {self.told}/{self.count} "
              f"{time.monotonic() - self.started:.0f} s  {pair.name}: {labtable.summary(outcomes)}",
              flush=True)
        for number, words in wrong[:WRONG_TOLD]:
            print(f"    run {number}: {words}", flush=True)


def why_not():
    """Why the matrix cannot be measured here, or None."""
    if os.environ.get("TRYST_SKIP_LAB") == "1":
        return "TRYST_SKIP_LAB=1"
    return netlab.why_not()


def arguments():
    parser = argparse.ArgumentParser(description="kinds of NAT meet each other")
    parser.add_argument("--whole", action="store_true", help="all pairs")
    parser.add_argument("--case", metavar="NAME", action="append",
                        help="pairs whose name holds this; repeatable")
    parser.add_argument("--list", action="store_true", help="name the pairs")
    parser.add_argument("--runs", type=int, metavar="N", help="runs of each pair")
    parser.add_argument("--seed", type=int, metavar="N", help="which pairs are drawn")
    return parser.parse_args()


def main():
    options = arguments()
    seed = random.randrange(1 << 16) if options.seed is None else options.seed
    if options.whole or options.list or options.case:
        pairs = [pair for pair in whole() if not options.case
                 or any(part in pair.name for part in options.case)]
    else:
        pairs = sample(seed)
        print(f"a sample; the same again: --seed {seed}", flush=True)
    if options.list:
        print("\n".join(f"{pair.name}: {pair.outcome}" for pair in pairs))
        return 0
    if not pairs:
        print("no pair has that name; --list names them", file=sys.stderr)
        return 2
    reason = why_not()
    if reason:
        print(f"matrix skipped: {reason}")
        return SKIP
    for sign in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, lambda *_: sys.exit(1))
    tell = Teller(len(pairs))
    try:
        for name in ("trystd", "tryst", "tests/lab/seqnat"):
            find_program(name)
        measure(pairs, options.runs or (
            RUNS_IN_WHOLE if options.whole else RUNS_IN_CHECK), told=tell)
    except (PlayError, netlab.LabError) as error:
        print(f"not ok: {error}")
        return 1
    print(f"{len(pairs) - tell.failed} passed, {tell.failed} failed, "
          f"{time.monotonic() - tell.started:.0f} s")
    return 1 if tell.failed else 0


if __name__ == "__main__":
    sys.exit(main())
