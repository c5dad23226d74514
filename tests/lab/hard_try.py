"""One try of two players behind hard NATs, and what came of it.

SPDX-License-Identifier: MIT
"""

import signal
import time

import labtable
import netlab
from hard_cases import APART_S, DIRECT, RELAYED
from players import Player, PlayError, play, unix_us_of

START_S = 0.3    # a player needs this to start, have its cookie and know its NAT
PLAYER = ("--trace",)
SETTLE_S = 1.0   # after this the sockets that led nowhere are closed


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


def first_on(player, path):
    """When a player first used a kind of path to each peer."""
    times = {}
    for event in player.events:
        if event["event"] in ("connected", "path") and event.get("path") == path:
            times.setdefault(event["peer"], event["unix_us"])
    return times


def tale_of(players, zero_us):
    rows = sorted(((event["unix_us"], player.name, event) for player in players
                   for event in player.events), key=lambda row: row[:2])
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
                                  patience, (*PLAYER, *story.options)))
        if story.late is not None:
            be_late(players[story.late], at)
        zero_us = unix_us_of(at)
        limit_s = story.limit_s if story.outcome == DIRECT else 1.0
        play(players, lambda player: first_on(player, "direct"), at + limit_s + SETTLE_S)
        end = time.monotonic() + SETTLE_S
        while time.monotonic() < end and max(map(sockets_of, players)) > 2:
            play(players, lambda player: False, time.monotonic() + 0.05)
        _judge(story, players, zero_us, done)
    finally:
        for player in players:
            player.close()
    return done


def be_late(player, at):
    """A registered player sleeps while another one joins, and for a moment more."""
    _await_registered(player, 3)
    time.sleep(max(0, at - time.monotonic() - 0.02))
    player.process.send_signal(signal.SIGSTOP)
    try:
        time.sleep(max(0, at + APART_S - time.monotonic()))
    finally:
        player.process.send_signal(signal.SIGCONT)


def _judge(story, players, zero_us, done):
    directs = [min(first_on(player, "direct").values(), default=None) for player in players]
    relays = [min(first_on(player, "relay").values(), default=None) for player in players]
    joins = [event["unix_us"] for player in players for event in player.said("joined")]
    done.sockets = [sockets_of(player) for player in players]
    done.tale = tale_of(players, zero_us)
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
