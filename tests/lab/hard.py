#!/usr/bin/env python3
"""Pairs behind hard NATs: poisoned mappings, another port for each destination. Story by story, on real
netfilter and on a NAT that counts its ports up.

SPDX-License-Identifier: MIT

Needs what run.py needs.
"""

import argparse
import os
import queue
import signal
import sys
import threading
import time

import labtable
import netlab
from hard_cases import APART_S, DIRECT, RELAYED, STORIES, add_addresses
from kinds import PORT_RESTRICTED
from players import Player, PlayError, Server, find_program, folder, play, unix_us_of

SKIP = 77
START_S = 0.45       # a player needs this to start, have its cookie and know its NAT
SETTLE_S = 1.0       # after this the sockets that led nowhere are closed
LANES = 2            # tries side by side, on two processors
MANY_MS = 100        # what 32 addresses may cost


class Try:
    """What came of one try."""

    def __init__(self):
        self.direct_ms = None   # until both had a direct path
        self.relay_ms = None    # from hearing of the peer to being relayed, the slower one
        self.sockets = []       # of each player, IPv4, at the end
        self.wrong = ""
        self.tale = []


def sockets_of(player):
    """How many IPv4 UDP sockets there are in a player's namespace, which are all its own."""
    with open(f"/proc/{player.process.pid}/net/udp", encoding="ascii") as table:
        return len(table.readlines()) - 1


def _first(player, path):
    """When a player first used a kind of path, or None."""
    times = [event["unix_us"] for event in player.events
             if event["event"] in ("connected", "path") and event.get("path") == path]
    return times[0] if times else None


def _tale(players, zero_us):
    rows = sorted((event["unix_us"], player.name, event) for player in players
                  for event in player.events)
    return [f"{(us - zero_us) / 1000:9.1f} {name} {event['event']} "
            + " ".join(str(event[key]) for key in ("path", "kind", "address", "public", "text", "reason")
                       if event.get(key)) for us, name, event in rows]


def _await_registered(player, limit_s):
    play([player], lambda one: one.said("registered"), time.monotonic() + limit_s)
    if not player.said("registered"):
        raise PlayError(f"{player.name} is not registered: {player.complaint()}")


def hold(story, hosts, server, place, label):
    """One try. Returns a Try."""
    done = Try()
    at = time.monotonic() + START_S + (0.3 if story.late is not None else 0)
    pin = server.pin(netlab.SERVER4)
    patience = int(story.limit_s + 20)
    players = []
    try:
        for which, host in enumerate(hosts):
            early = 0.3 if story.late == which else 0
            players.append(Player(host.name, host.namespace, place, label, pin, at - early, 9,
                                  patience, ("--trace",)))
        if story.late is not None:
            _be_late(players[story.late], at)
        zero_us = unix_us_of(at)
        limit_s = story.limit_s if story.outcome == DIRECT else 1.0
        play(players, lambda player: _first(player, "direct"), at + limit_s + SETTLE_S)
        end = time.monotonic() + SETTLE_S
        while time.monotonic() < end and max(map(sockets_of, players)) > 2:
            play(players, lambda player: False, time.monotonic() + 0.05)
        _judge(story, players, zero_us, done)
    finally:
        for player in players:
            player.close()
    return done


def _be_late(player, at):
    """A registered player sleeps while another one joins, and for a moment more."""
    _await_registered(player, 3)
    time.sleep(max(0, at - time.monotonic() - 0.02))
    player.process.send_signal(signal.SIGSTOP)
    try:
        time.sleep(max(0, at + APART_S - time.monotonic()))
    finally:
        player.process.send_signal(signal.SIGCONT)


def _judge(story, players, zero_us, done):
    directs = [_first(player, "direct") for player in players]
    relays = [_first(player, "relay") for player in players]
    joins = [event["unix_us"] for player in players for event in player.said("joined")]
    done.sockets = [sockets_of(player) for player in players]
    done.tale = _tale(players, zero_us)
    if all(directs):
        done.direct_ms = (max(directs) - zero_us) / 1000
    if all(relays) and joins:
        done.relay_ms = (max(relays) - max(joins)) / 1000
    if story.outcome == RELAYED:
        if done.direct_ms is not None:
            done.wrong = "direct"
        elif done.relay_ms is None or done.relay_ms > story.limit_s * 1000:
            done.wrong = f"relayed after {labtable.figure(done.relay_ms)} ms"
        elif max(done.sockets) > 1:
            done.wrong = f"sockets {done.sockets}"
    elif done.direct_ms is None or done.direct_ms > story.limit_s * 1000:
        done.wrong = ("direct after " + labtable.figure(done.direct_ms) + " ms"
                      if done.direct_ms else "relayed" if all(relays) else "not connected")
    elif max(done.sockets) > 2:
        done.wrong = f"sockets {done.sockets}"


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
        number = f"{STORIES.index(story)}{'ab'[part]}"
        with self.building:
            hosts = [kind.build(self.lab, f"{name}{number}")
                     for name, kind in zip(("alice", "bob"), story.kinds)]
        gateways = [gateway for host in hosts for gateway in host.gateways]
        for again in range(count):
            self.lab.forget(gateways)
            tries.append(hold(story, hosts, self.server, self.place, f"{number} {again}"))


def tell(story, tries, is_told):
    """Prints a story's line, and the tries that went wrong. Returns whether it passed."""
    good = [one for one in tries if not one.wrong]
    is_good = len(good) * 100 >= story.share * len(tries)
    times = [one.relay_ms if story.outcome == RELAYED else one.direct_ms for one in good]
    figures = " ".join(f"p{int(part * 100)} {labtable.figure(labtable.percentile(times, part))}"
                       for part in (0.5, 0.95, 1.0)) if times else "never"
    print(f"{'ok' if is_good else 'not ok'} {len(good)} of {len(tries)} {story.outcome}, {figures} ms  "
          f"{story.name} (>= {story.share} % within {story.limit_s} s; sockets "
          + " or ".join(sorted({"+".join(map(str, one.sockets)) for one in tries})) + ")", flush=True)
    for number, one in enumerate(tries, 1):
        if one.wrong:
            print(f"    try {number}: {one.wrong}", flush=True)
        if is_told and (one.wrong or is_told > 1):
            print("\n".join("        " + line for line in one.tale), flush=True)
    return is_good


def many_interfaces(lab, server, place, tries, is_told):
    """A host with 32 addresses connects nearly as fast as one with one. Returns whether it does."""
    medians = []
    for name, more in (("few", 0), ("many", 31)):
        hosts = [PORT_RESTRICTED.build(lab, f"{side}{name}") for side in ("a", "b")]
        for host in hosts:
            add_addresses(lab, host, more)
        story = STORIES[0].__class__(name, PORT_RESTRICTED, PORT_RESTRICTED, 1.0, 100)
        done = []
        for again in range(tries):
            lab.forget([gateway for host in hosts for gateway in host.gateways])
            done.append(hold(story, hosts, server, place, f"{name} {again}"))
        times = [one.direct_ms for one in done if not one.wrong]
        medians.append(labtable.percentile(times, 0.5) if len(times) == tries else None)
        for one in done:
            if is_told and (one.wrong or is_told > 1):
                print(one.wrong, "\n".join("        " + line for line in one.tale), sep="\n", flush=True)
    is_good = None not in medians and medians[1] - medians[0] <= MANY_MS
    print(f"{'ok' if is_good else 'not ok'} direct after {labtable.figure(medians[0])} ms with one address, "
          f"{labtable.figure(medians[1])} with 32 on both sides (at most {MANY_MS} more)", flush=True)
    return is_good


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
    many = "many addresses"
    names = [story.name for story in STORIES] + [many]
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
        with folder() as place, netlab.Lab() as lab, \
                Server(lab.server, [netlab.SERVER4], place,
                       extra=("--other-address", netlab.SERVER4_OTHER)) as server:
            stories = [story for story in STORIES if story.name in chosen]
            done = Stage(lab, server, place).run(
                stories, lambda story: options.tries or (story.full if options.full else story.tries))
            failed += sum(not tell(story, tries, options.tell) for story, tries in done)
            if many in chosen:
                failed += not many_interfaces(lab, server, place, options.tries or 3, options.tell)
    except (PlayError, netlab.LabError) as error:
        print(f"not ok: {error}")
        failed += 1
    except KeyboardInterrupt:
        return 130
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
