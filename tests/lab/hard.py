#!/usr/bin/env python3
"""Pairs behind hard NATs: poisoned mappings, another port for each destination. Story by story, on real
netfilter and on a NAT that counts its ports up.

SPDX-License-Identifier: MIT

Needs what run.py needs.
"""

import argparse
import contextlib
import os
import queue
import signal
import sys
import threading
import time

import labtable
import netlab
from hard_cases import RELAYED, STORIES, Story, add_addresses
from hard_try import PLAYER, Try, be_late, first_on, hold, tale_of
from kinds import POISON, PORT_RESTRICTED
from natrules import port_restricted
from players import Player, PlayError, Server, find_program, folder, play, unix_us_of

SKIP = 77
LANES = 3            # tries side by side: most of each is waiting
MANY_MS = 100        # what 32 addresses may cost
MORE_TRIES = 2
NEWCOMER_S = 3.0     # the third one joins so much later ...
NEWCOMER_LIMIT_S = 1.5


class Stage:
    """One lab and server; lanes that work off tries, each with a pair of sites of its own."""

    def __init__(self, lab, server, place):
        self.lab = lab
        self.server = server
        self.place = place
        self.building = threading.Lock()

    def run(self, stories, tries_of):
        """Makes the tries of each story. Returns (story, [Try]) for each, in their order."""
        found = {story.name: [] for story in stories}
        work = queue.SimpleQueue()
        for story in sorted(stories, key=lambda one: -one.length_s * tries_of(one)):
            left = tries_of(story)
            for part in range(LANES):
                share = (left + part) // LANES
                if share:
                    work.put((story, part, share))
        lanes = [threading.Thread(target=self._lane, args=(work, found), daemon=True)
                 for _ in range(LANES)]
        for lane in lanes:
            lane.start()
        for lane in lanes:
            while lane.is_alive():
                lane.join(0.5)
        return [(story, found[story.name]) for story in stories]

    def _lane(self, work, found):
        while True:
            try:
                story, part, count = work.get_nowait()
            except queue.Empty:
                return
            try:
                self._play(story, part, count, found[story.name])
            except (PlayError, netlab.LabError, OSError) as error:
                broken = Try()
                broken.wrong = str(error)
                found[story.name].append(broken)

    def _play(self, story, part, count, tries):
        number = f"{STORIES.index(story)}{'abc'[part]}"
        with self.building:
            hosts = [kind.build(self.lab, f"{name}{number}")
                     for name, kind in zip(("alice", "bob"), story.kinds)]
        gateways = [gateway for host in hosts for gateway in host.gateways]
        for again in range(count):
            self.lab.forget(gateways)
            tries.append(hold(story, hosts, self.server, self.place, f"{number} {again}"))


@contextlib.contextmanager
def stage():
    """A lab with a server that has a second port and a second address."""
    with folder() as place, netlab.Lab() as lab, \
            Server(lab.server, [netlab.SERVER4], place,
                   extra=("--other-address", netlab.SERVER4_OTHER)) as server:
        yield Stage(lab, server, place)


def tell(story, tries, is_told):
    """Prints a story's line, and the tries that went wrong. Returns whether it passed."""
    good = [one for one in tries if not one.wrong]
    is_good = len(tries) - len(good) <= story.misses(len(tries))
    times = [one.relay_ms if story.outcome == RELAYED else one.direct_ms for one in good]
    figures = " ".join(f"p{int(part * 100)} {labtable.figure(labtable.percentile(times, part))}"
                       for part in (0.5, 0.95, 1.0)) if times else "never"
    print(f"{'ok' if is_good else 'not ok'} {len(good)} of {len(tries)} {story.outcome}, {figures} ms  "
          f"{story.name} (>= {story.share} % within {story.limit_s} s; sockets "
          + " or ".join(sorted({"+".join(map(str, one.sockets)) for one in tries})) + ")", flush=True)
    for number, one in enumerate(tries, 1):
        if one.wrong:
            print(f"    try {number}: {one.wrong}", flush=True)
    show(tries, is_told)
    return is_good


def show(tries, is_told):
    """What happened, as far as it is asked for."""
    for one in tries:
        if is_told and (one.wrong or is_told > 1):
            print("\n".join([f"        {one.wrong}"] + ["        " + line for line in one.tale]), flush=True)


def _two_homes(lab, name):
    return [PORT_RESTRICTED.build(lab, f"{side}{name}") for side in "ab"]


def _one_home(lab, name):
    return lab.home(port_restricted, f"a{name}", f"b{name}")


def many_addresses(lab, server, place, tries, is_told):
    """A host with 32 addresses connects nearly as fast as one with one: to another home, and within one.
    Returns whether it does."""
    all_good = True
    for where, build in (("two homes", _two_homes), ("one home", _one_home)):
        medians = []
        for name, more in (("few", 0), ("many", 31)):
            hosts = build(lab, f"{name}{where[0]}")
            for host in hosts:
                add_addresses(lab, host, more)
            story = Story(name, PORT_RESTRICTED, PORT_RESTRICTED, 1.0, 100)
            done = []
            for again in range(tries):
                lab.forget(hosts[0].gateways + hosts[1].gateways)
                done.append(hold(story, hosts, server, place, f"{where} {name} {again}"))
            show(done, is_told)
            times = [one.direct_ms for one in done if not one.wrong]
            medians.append(labtable.percentile(times, 0.5) if len(times) == tries else None)
        is_good = None not in medians and medians[1] - medians[0] <= MANY_MS
        all_good = all_good and is_good
        print(f"{'ok' if is_good else 'not ok'} direct after {labtable.figure(medians[0])} ms with one "
              f"address, {labtable.figure(medians[1])} with 32 on both sides  {where}, many addresses "
              f"(at most {MANY_MS} ms more)", flush=True)
    return all_good


def newcomer(lab, server, place, tries, is_told):
    """Who left a poisoned mapping for a fresh port is met directly by those who join later. Returns
    whether it is."""
    hosts = [kind.build(lab, f"{name}new") for name, kind in
             (("alice", POISON), ("bob", PORT_RESTRICTED), ("carol", PORT_RESTRICTED))]
    done = []
    for again in range(tries):
        lab.forget([gateway for host in hosts for gateway in host.gateways])
        at = time.monotonic() + 0.8
        players = [Player(host.name, host.namespace, place, f"newcomer {again}",
                          server.pin(netlab.SERVER4), at + wait, 9, 20, PLAYER)
                   for host, wait in zip(hosts, (-0.3, 0, NEWCOMER_S))]
        one = Try()
        try:
            be_late(players[0], at)
            play(players, lambda player: len(first_on(player, "direct")) == 2,
                 at + NEWCOMER_S + NEWCOMER_LIMIT_S)
            met = [first_on(player, "direct") for player in players]
            one.tale = tale_of(players, unix_us_of(at))
        finally:
            for player in players:
                player.close()
        if all(len(times) == 2 for times in met):
            one.direct_ms = (max(max(times.values()) for times in met)
                             - unix_us_of(at + NEWCOMER_S)) / 1000
        else:
            one.wrong = "of three " + " ".join(str(len(times)) for times in met) + " are met directly"
        done.append(one)
    show(done, is_told)
    times = [one.direct_ms for one in done if not one.wrong]
    is_good = len(times) == tries
    print(f"{'ok' if is_good else 'not ok'} {len(times)} of {tries} direct, p100 "
          f"{labtable.figure(max(times, default=None))} ms  poisoned before, a newcomer "
          f"(>= 100 % within {NEWCOMER_LIMIT_S} s)", flush=True)
    return is_good


MORE = {"many addresses": many_addresses, "poisoned before, a newcomer": newcomer}


def arguments():
    parser = argparse.ArgumentParser(description="pairs behind hard NATs")
    parser.add_argument("--story", metavar="NAME", action="append",
                        help="only stories whose name holds this; repeatable")
    parser.add_argument("--list", action="store_true", help="name the stories")
    parser.add_argument("--tries", type=int, metavar="N", help="tries of each story")
    parser.add_argument("--full", action="store_true", help="as many tries as the shares are of")
    parser.add_argument("--tell", action="count", default=0,
                        help="what happened in tries that went wrong; twice: in all")
    return parser.parse_args()


def main():
    options = arguments()
    names = [story.name for story in STORIES] + list(MORE)
    chosen = [name for name in names
              if not options.story or any(part in name for part in options.story)]
    if options.list:
        print("\n".join(chosen))
        return 0
    reason = "TRYST_SKIP_LAB=1" if os.environ.get("TRYST_SKIP_LAB") == "1" else netlab.why_not()
    if reason:
        print(f"hard NATs skipped: {reason}")
        return SKIP
    for sign in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, lambda *_: sys.exit(1))
    failed = 0
    try:
        find_program("tryst")
        with stage() as made:
            stories = [story for story in STORIES if story.name in chosen]
            done = made.run(stories, lambda story: options.tries or (
                story.full if options.full else story.tries))
            failed += sum(not tell(story, tries, options.tell) for story, tries in done)
            for name, measure in MORE.items():
                if name in chosen:
                    failed += not measure(made.lab, made.server, made.place,
                                          options.tries or MORE_TRIES, options.tell)
    except (PlayError, netlab.LabError) as error:
        print(f"not ok: {error}")
        failed += 1
    except KeyboardInterrupt:
        return 130
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
