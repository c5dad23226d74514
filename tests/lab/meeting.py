"""One run of one case: all join at one instant, and what they report is held against the case.

SPDX-License-Identifier: MIT
"""

import ipaddress
import math
import time

import cases
import labtable
import netlab
from players import Player, play, unix_us_of

START_S = 0.55          # a player needs this to start, have its cookie and know its NAT ...
START_EACH_S = 0.05     # ... and this for each that starts beside it
LINGER_S = 20           # players stay until they are ended: the direct path may come after all is said
CHANCE = 0.001          # as rare as this, it is no bad luck any more


class Outcome:
    """What a run came to. `wrong` holds what must never be, `missed` what the case promises of most runs:
    its outcome, in its time."""

    def __init__(self):
        self.wrong = []
        self.missed = []
        self.outcome = "silent"
        self.connected_ms = None  # until the last of all pairs was connected
        self.message_ms = None    # until the last first message had arrived
        self.direct_ms = None     # until the last of all pairs had a direct path
        self.kinds = set()
        self.addresses = {}       # (who, whom): the address the path leads to
        self.rtt_us = []


def split_address(text):
    """An address and its port from "1.2.3.4:5", "[::1]:5" or "tcp:1.2.3.4:5"; neither from anything
    else."""
    host, _, port = str(text).removeprefix("tcp:").rpartition(":")
    try:
        return str(ipaddress.ip_address(host.strip("[]").split("%")[0])), int(port)
    except ValueError:
        return None, None


def hold(case, lab, server, folder, number):
    """Runs a case once on its topology. Returns an Outcome."""
    lab.forget([gateway for host in case.hosts for gateway in host.gateways]
               if case.is_shared else None)
    late = [0.0] * len(case.hosts)
    late[1] = case.late_s
    at = time.monotonic() + START_S + START_EACH_S * len(case.hosts)
    patience = case.patience_s
    others = len(case.hosts) - 1
    pin = server.pin(cases.listen_of(case))
    players = []
    try:
        for host, wait in zip(case.hosts, late):
            players.append(Player(host.name, host.namespace, folder, f"lab {number}", pin,
                                  at + wait, others, patience + 6,
                                  ("--linger", str(LINGER_S))))
        joined_us = unix_us_of(at + case.late_s)
        play(players, lambda player: _is_settled(player, others), at + case.late_s + patience)
    finally:
        for player in players:
            player.close()
    return _judge(case, players, joined_us)


def _paths(player):
    """The newest word on the path to each peer."""
    return {event["peer"]: event for event in player.events
            if event["event"] in ("connected", "path")}


def _direct_us(player):
    """When each peer was first met on a direct path."""
    first = {}
    for event in player.events:
        if event["event"] in ("connected", "path") and event.get("path") == "direct":
            first.setdefault(event["peer"], event["unix_us"])
    return first.values()


def _is_settled(player, others):
    """Whether a player has heard everyone and talks directly to all, or was given up on."""
    if player.said("unreachable") or player.said("refused"):
        return True
    direct = [event for event in _paths(player).values() if event.get("path") == "direct"]
    return (bool(player.said("registered")) and len(direct) >= others
            and len({event.get("text") for event in player.said("message")}) >= others)


def _judge(case, players, joined_us):
    result = Outcome()
    others = len(players) - 1
    met = heard = 0
    for host, player in zip(case.hosts, players):
        met += len({event["peer"] for event in player.said("connected")})
        heard += _count_messages(player, players, result)
        _check_registration(host, player, result)
    everyone = others * len(players)
    times = [e["unix_us"] - joined_us for p in players for e in p.said("connected")]
    if met == everyone and heard == everyone:
        result.outcome = cases.CONNECTED
        result.connected_ms = max(times) / 1000
        arrivals = [_first_messages(p, joined_us) for p in players]
        result.message_ms = max(max(a) for a in arrivals) / 1000
        _check_direct(players, everyone, joined_us, result)
    elif any(player.said("unreachable") for player in players) and not met:
        result.outcome = cases.UNREACHABLE
    elif met:
        result.outcome = f"{met} of {everyone} connected, {heard} of {everyone} heard"
    for host, player in zip(case.hosts, players):
        _note_paths(case, host, player, players, result)
    if result.outcome != case.outcome:
        result.missed.append(f"{result.outcome}, not {case.outcome}{_last_words(players)}")
    for what, took, limit in (("first message", result.message_ms, case.message_limit_ms),
                              ("direct path", result.direct_ms, case.limit_ms)):
        if took is not None and took > limit:
            result.missed.append(f"{what} after {took:.0f} ms, more than {limit}")
    return result


def is_bad_luck(misses, runs, share):
    """Whether so many misses still go with a promise that this share of runs holds: more of them would
    be rare. The binomial distribution."""
    if share >= 1.0 or misses == 0:
        return misses == 0
    return CHANCE <= sum(math.comb(runs, n) * (1 - share) ** n * share ** (runs - n)
                         for n in range(misses, runs + 1))


def compare(case, outcomes, measured):
    """Holds a case against the one that it may not be much slower than, if that was measured."""
    base = [one for other, runs in measured if other.name == case.base for one in runs]
    times = [labtable.percentile([one.direct_ms for one in runs], 0.5) for runs in (outcomes, base)]
    if None not in times and times[0] > times[1] + case.base_ms:
        outcomes[-1].wrong.append(f"direct after {times[0]:.0f} ms, more than {case.base_ms} ms after "
                                  f"{case.base}: {times[1]:.0f}")


def faults(case, outcomes):
    """(number of the run, words) of all that is held against a case."""
    missed = sum(bool(outcome.missed) for outcome in outcomes)
    is_kept = is_bad_luck(missed, len(outcomes), case.share)
    return [(number, words) for number, outcome in enumerate(outcomes, 1)
            for words in outcome.wrong + ([] if is_kept else outcome.missed)]


def _check_direct(players, everyone, joined_us, result):
    """Whether all who are connected are so directly."""
    paths = [event.get("path") for player in players for event in _paths(player).values()]
    if "direct" not in paths:
        result.outcome = cases.RELAYED
    elif paths.count("direct") == everyone:
        result.direct_ms = (max(max(_direct_us(player)) for player in players) - joined_us) / 1000
    else:
        result.outcome = f"{paths.count('direct')} of {everyone} direct"


def _first_messages(player, joined_us):
    first = {}
    for event in player.said("message"):
        first.setdefault(event.get("text"), event["unix_us"] - joined_us)
    return list(first.values())


def _count_messages(player, players, result):
    """Messages heard from the others, each at most once and unchanged."""
    texts = [event.get("text") for event in player.said("message")]
    expected = {f"hello from {other.name}" for other in players if other is not player}
    if len(texts) != len(set(texts)):
        result.wrong.append(f"{player.name} got a message twice")
    if set(texts) - expected:
        result.wrong.append(f"{player.name} got what nobody sent: {set(texts) - expected}")
    return len(set(texts) & expected)


def _check_registration(host, player, result):
    seen = player.said("registered")
    if not seen:
        result.wrong.append(f"{player.name} is not registered")
    elif split_address(seen[0].get("public"))[0] not in host.public:
        result.wrong.append(f"{player.name} was told {seen[0].get('public')}, not {host.public}")


def _note_paths(case, host, player, players, result):
    """Collects the paths' kinds and addresses, and checks both."""
    seen_at = {}
    for other, theirs in zip(case.hosts, players):
        if other is not host and theirs.said("registered"):
            seen_at[theirs.said("registered")[0].get("public")] = other
    possible = {address for other in case.hosts if other is not host
                for address in (other.local if case.local else other.public + other.local)}
    for event in _paths(player).values():
        result.rtt_us.append(event.get("rtt_us") or 0)
        if event.get("path") != "direct":
            continue
        result.kinds.add(event.get("kind"))
        result.addresses[(player.name, event["peer"])] = event.get("address")
        if event.get("kind") not in case.kinds:
            result.wrong.append(f"{player.name} met at a {event.get('kind')} address, not "
                                + " or ".join(case.kinds))
        if split_address(event.get("address"))[0] not in possible:
            result.wrong.append(f"{player.name} met at {event.get('address')}, nobody's address")
        if case.ports and event.get("address") not in seen_at:
            result.wrong.append(f"{player.name} met at {event.get('address')}, the server saw "
                                + " ".join(map(str, seen_at)))


def _last_words(players):
    words = []
    for player in players:
        last = player.events[-1]["event"] if player.events else "nothing"
        words.append(" and ".join(filter(None, [f"{player.name} said {last} last", player.fate])))
    return "; " + ", ".join(words)


def topology(case):
    """The lab of a case, with its hosts in case.hosts."""
    lab = netlab.Lab()
    try:
        case.hosts = case.build(lab)
    except BaseException:
        lab.close()
        raise
    return lab
