"""The stories of staying connected, on real netfilter: what changes, and what must come of it.

SPDX-License-Identifier: MIT

Each is a function of a pair.Pair that is new; what it finds goes into pair.found.
"""

import os
import random
import subprocess

import natrules as nat
import netlab
import staylab
from pair import JOIN_S, now_us
from players import PlayError, find_program

GAP_MS = 1000
LEAVE_MS = 1500       # until a sick path is left
MOVES = 4             # path events of one side in the 20 s after
WATCH_S = 20
AGAIN_S = 62          # until a path that is well again is taken ...
AGAIN_IN_CHECK_S = 20  # ... and how long it is waited for in a check
QUIET_S = 68          # nothing is said for so long in a check ...
LONG_QUIET_S = 600    # ... and for the record
RETURN_MS = 2000      # until there is a direct path after a change of addresses


class Found:
    """What a run came to. Times in milliseconds, None where there is none."""

    def __init__(self):
        self.wrong = []
        self.gap_ms = []      # from a to b, from b to a
        self.relay_ms = None  # until the relay carries what is said
        self.direct_ms = None
        self.lost = None      # messages, once the change was over
        self.note = ""        # a figure of this story alone
        self.between = None   # datagrams from one to the other, where they were counted
        self.paths = ""       # as they followed each other
        self.tale = []        # the events, line by line

    def expect(self, is_so, words):
        if not is_so:
            self.wrong.append(words)


class Story:
    """name, rules: what changes and how, for the table. length_s: about how long a run takes in a
    check. is_quiet: nothing is said in it, so that it disturbs no other."""

    def __init__(self, name, rules, run, length_s, is_quiet=False, is_record_only=False):
        self.name = name
        self.rules = rules
        self.run = run
        self.length_s = length_s
        self.is_quiet = is_quiet
        self.is_record_only = is_record_only


def _talking(pair, size="64", kinds=(nat.port_restricted, nat.port_restricted), path="direct",
             extra=((), ()), prepare=None):
    """Both talk over a path of that kind, and have done for a while. prepare: is called between
    building and joining."""
    pair.build(*kinds)
    if prepare:
        prepare()
    pair.serve()
    for which in range(2):
        pair.start(which, "--size", size, *extra[which])
    if not pair.await_path(path, JOIN_S):
        raise PlayError(f"not both on a {path} path after {JOIN_S:.0f} s, but on "
                        f"{pair.a.path} and {pair.b.path}")
    pair.run(3)
    pair.mark()


def _ms_of_path(pair, since, who=None):
    """When the newest change of path was, of both or those named."""
    return max(max(0, p.state.get("us", 0) - since) for p in who or pair.players) / 1000


def _direct_again(pair, since):
    """A path that was given up is taken again. Returns whether it was seen."""
    limit_s = AGAIN_S + 3 if pair.is_long else AGAIN_IN_CHECK_S
    if pair.await_path("direct", limit_s):
        pair.found.direct_ms = _ms_of_path(pair, since)
        pair.found.expect(pair.found.direct_ms <= AGAIN_S * 1000,
                          f"direct again after {pair.found.direct_ms / 1000:.1f} s")
        return True
    pair.found.expect(not pair.is_long, f"not direct again after {limit_s} s")
    return False


def relayed(pair):
    """No hole can be punched between them: they talk as soon as the roster is there."""
    pair.build(nat.symmetric, nat.symmetric)
    pair.open()
    pair.until(lambda: all(p.said("first") for p in pair.players), JOIN_S)
    pair.await_path("relay", JOIN_S)
    joined = max(p.said("join")[0]["us"] for p in pair.players)
    firsts = [e["us"] for p in pair.players for e in p.said("first")]
    pair.found.expect(len(firsts) == 2, f"{len(firsts)} of 2 first messages came")
    pair.found.relay_ms = (max(firsts) - joined) / 1000 if firsts else None
    pair.found.expect(firsts and pair.found.relay_ms <= GAP_MS,
                      f"the first messages took {pair.found.relay_ms} ms")
    pair.mark()
    pair.run(15)
    pair.gaps(GAP_MS)
    pair.mark()
    pair.run(2)
    pair.whole()


def handover(pair):
    """The direct way is shut at first; when it opens, the move loses and reorders nothing."""
    pair.build(nat.port_restricted, nat.port_restricted)
    staylab.filter_direct(pair.lab, pair.number, staylab.CUT, *pair.homes)
    pair.open("--period-ms", "5")
    pair.found.expect(pair.await_path("relay", JOIN_S), "not relayed at first")
    pair.found.relay_ms = _ms_of_path(pair, max(p.said("join")[0]["us"] for p in pair.players))
    pair.run(random.uniform(1, 3))
    pair.mark()
    since = now_us()
    staylab.lift(pair.lab, pair.number)
    pair.found.expect(_direct_again(pair, since), "not direct after 20 s")
    pair.run(2)
    pair.gaps(GAP_MS)
    pair.whole()


def _sick(rules, size="64", is_one_way=False, is_gap_bound=True):
    """The direct path fails in one of many ways, the server's does not."""
    def run(pair):
        _talking(pair, size)
        since = now_us()
        staylab.filter_direct(pair.lab, pair.number, rules, *pair.homes)
        who = [pair.a] if is_one_way else pair.players
        is_moved = pair.await_path("relay", 5, who)
        took_ms = _ms_of_path(pair, since, who) if is_moved else None
        pair.found.relay_ms = took_ms
        pair.found.expect(is_moved and took_ms <= LEAVE_MS,
                          f"left after {took_ms:.0f} ms" if is_moved else "not left in 5 s")
        moved = now_us()
        pair.run(WATCH_S)
        pair.gaps(GAP_MS if is_gap_bound else None)
        for player in pair.players:
            moves = len(player.said("path", since=moved))
            pair.found.expect(moves <= MOVES, f"{player.name} moved {moves} times in 20 s")
        pair.mark()
        since = now_us()
        staylab.lift(pair.lab, pair.number)
        if _direct_again(pair, since):
            pair.run(2)
            pair.whole()
    return run


def _moved(change, is_both=False):
    """Addresses or ports change, of one home or both: bridged, then direct again. change: makes of
    a pair that is built what is to be called then."""
    acts = {}  # by the pair's number

    def run(pair):
        _talking(pair, prepare=lambda: acts.update({pair.number: change(pair)}))
        handles = [player.peer for player in pair.players]
        known = [player.state["address"] for player in pair.players]
        begun = pair.note("the change begins")
        acts[pair.number]()
        since = pair.note("and is over")
        pair.run(max(0.0, RETURN_MS / 1000 - (now_us() - since) / 1e6))
        pair.gaps(GAP_MS + (since - begun) / 1000)  # a cable is in no switch for a while

        def is_again():
            return (all(p.path == "direct" for p in pair.players)
                    and pair.b.state["address"] != known[1]
                    and (not is_both or pair.a.state["address"] != known[0]))
        is_in_time = is_again()
        if pair.until(is_again, AGAIN_IN_CHECK_S):
            pair.found.direct_ms = _ms_of_path(pair, since)
        told = pair.found.direct_ms
        pair.found.expect(is_in_time, "not direct again after 2 s"
                          + (f", but after {told / 1000:.1f}" if told else ""))
        relays = [e["us"] for p in pair.players for e in p.said("path", since=begun)
                  if e["path"] == "relay"]
        pair.found.relay_ms = (min(relays) - begun) / 1000 if relays else None
        pair.found.expect(handles == [player.peer for player in pair.players],
                          "known by another handle")
        pair.run(1)
        pair.mark()
        pair.run(2)
        pair.whole()
    return run


def _map_anew(pair):
    return pair.homes[0].map_anew


def _readdress(pair):
    return pair.homes[0].readdress


def _roam(*which):
    def change(pair):
        homes = {one: pair.spare_home("ab"[one]) for one in which}

        def act():
            for one in which:
                pair.hosts[one].move(homes[one])
        return act
    return change


def sleep(pair):
    """A player's process stands still, as in a laptop that sleeps."""
    _talking(pair)
    handles = [player.peer for player in pair.players]
    since = pair.freeze(0, 60 if pair.is_long else 20)
    pair.run(RETURN_MS / 1000)
    is_in_time = pair.await_path("direct", 0)
    pair.gaps(GAP_MS)
    if pair.await_path("direct", AGAIN_IN_CHECK_S):
        pair.found.direct_ms = _ms_of_path(pair, since)
    pair.found.expect(is_in_time, f"not direct 2 s after waking, but {pair.found.direct_ms} ms")
    pair.found.expect(handles == [player.peer for player in pair.players],
                      "known by another handle")
    pair.mark()
    pair.run(2)
    pair.whole()


def _quiet(memory_s, keepalive="learned"):
    """Nothing is said for long. The NATs forget what is idle for memory_s."""
    def run(pair):
        pair.build(nat.port_restricted, nat.port_restricted)
        for home in pair.homes:
            home.remember_for(memory_s)
        pair.open("--period-ms", "0", "--keepalive", keepalive)
        if not pair.await_path("direct", JOIN_S):
            raise PlayError("not direct at first")
        pair.run(1.5)
        since = now_us()
        peer, server = pair.homes[1].public, netlab.SERVER4
        pair.homes[0].count({"said_to_peer": f"ip daddr {peer}", "heard_of_peer": f"ip saddr {peer}",
                             "said_to_server": f"ip daddr {server}",
                             "heard_of_server": f"ip saddr {server}"})
        length_s = LONG_QUIET_S if pair.is_long else QUIET_S
        pair.run(length_s)
        count = pair.homes[0].counted()
        pair.found.between = count["said_to_peer"] + count["heard_of_peer"]
        served = count["said_to_server"] + count["heard_of_server"]
        pair.found.note = (f"{pair.found.between} datagrams between them in {length_s} s, "
                           f"{served} to and from the server")
        for player in pair.players:
            told = player.said("unreachable", "path", "left", "server-lost", since=since)
            pair.found.expect(not told, f"{player.name} told of {told[:3]}")
        for player in pair.players:
            player.say("period 20")
        pair.mark()
        pair.run(0.5)
        pair.whole()
    return run


def compare(measured):
    """What is learnt of the NATs must save datagrams. measured: a list of (story, its Found)."""
    most = {story.name: max((f.between or 0) for f in found) for story, found in measured}
    fixed = [f.between for story, found in measured if story.name == FIXED
             for f in found if f.between]
    for story, found in measured:
        if story.name == LEARNT and fixed:
            found[0].expect(most[LEARNT] * 3 <= min(fixed),
                            f"{most[LEARNT]} datagrams, {min(fixed)} with a fixed 5 s")


def _server_killed(is_relayed):
    """The server is killed under a pair, and comes back after 2 s."""
    def run(pair):
        kind, path = (nat.symmetric, "relay") if is_relayed else (nat.port_restricted, "direct")
        _talking(pair, kinds=(kind, kind), path=path)
        pair.kill(pair.server)
        pair.run(2)
        pair.serve()
        if not is_relayed:
            pair.run(5)
            pair.gaps(GAP_MS)
        else:
            since = pair.mark()
            pair.run(3)
            sums = pair.sums()
            took = [s["first_us"] - since for s in sums if s["first_us"]]
            pair.found.relay_ms = max(took) / 1000 if len(took) == 2 else None
            pair.found.gap_ms = [2000 + s["gap_us"] / 1000 for s in reversed(sums)]
            pair.found.expect(len(took) == 2, f"{len(took)} of 2 ways work 3 s after its return")
            pair.run(3)
            pair.mark()
            pair.run(3)
        pair.whole()
    return run


def client_killed(pair):
    """A player is killed, and started again as the same identity: it is back in its seat."""
    extra = ("--key", os.path.join(pair.folder, "key"))
    _talking(pair, extra=(extra, ()))
    pair.kill(pair.a)
    pair.run(1)
    since = now_us()
    pair.start(0, "--size", "64", *extra)

    def is_back():
        return (pair.b.said("first", since=since) and pair.a.said("first")
                and pair.b.said("connected", since=since))
    pair.until(is_back, 10)
    heard = pair.b.said("first", since=since) + pair.a.said("first")
    joined = pair.b.said("joined", "connected", since=since)
    took = [e["us"] - since for e in heard + joined]
    pair.found.expect(len(heard) == 2 and joined, "not back after 10 s")
    if took:
        pair.found.relay_ms = max(took) / 1000
        pair.found.expect(max(took) <= 1000000, f"back after {max(took) / 1000:.0f} ms")
    pair.found.note = "back in its seat"
    if pair.await_path("direct", AGAIN_IN_CHECK_S):
        pair.found.direct_ms = _ms_of_path(pair, since)
    pair.mark()
    pair.run(2)
    pair.whole()


def stream_settings(pair=None):
    """The arguments that make this server take participants where no UDP passes, by its option or by
    a line in a file; None where it has neither."""
    path, environment = find_program("trystd")
    told = subprocess.run([path, "--help"], env=environment, capture_output=True, text=True,
                          check=False)
    where = f"{netlab.SERVER4}:{pair.port}" if pair else ""
    if "--listen-tcp" in told.stdout + told.stderr:
        return ("--listen-tcp", where)
    settings = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs/trystd.ini")
    with open(settings, encoding="utf-8") as file:
        if "listen_tcp" not in file.read():
            return None
    if not pair:
        return ()
    name = os.path.join(pair.folder, "trystd.ini")
    with open(name, "w", encoding="utf-8") as file:
        file.write(f"[server]\nlisten_tcp = {where}\n")
    return ("--config", name)


def _blocked(*which):
    """No UDP passes at one home or both: connected by the server's stream."""
    def run(pair):
        pair.build(nat.port_restricted, nat.port_restricted)
        for one in which:
            pair.homes[one].block_udp()
        pair.server_extra = stream_settings(pair)
        pair.open()
        pair.until(lambda: all(p.said("first") for p in pair.players), 10)
        joined = max(p.said("join")[0]["us"] for p in pair.players)
        firsts = [e["us"] for p in pair.players for e in p.said("first")]
        pair.found.relay_ms = (max(firsts) - joined) / 1000 if len(firsts) == 2 else None
        pair.found.expect(len(firsts) == 2 and pair.found.relay_ms <= LEAVE_MS,
                          f"connected after {pair.found.relay_ms} ms")
        pair.run(1)
        pair.mark()
        pair.run(5)
        pair.gaps(GAP_MS)
    return run


LEARNT = "quiet, NATs remember 120 s"
FIXED = "quiet, NATs remember 120 s, keepalive 5 s"
BOTH = "masquerade on both"
STORIES = [
    Story("relayed", "fully-random on both", relayed, 22),
    Story("relayed, then the direct way opens", BOTH + "; the core drops, at first", handover, 15),
    Story("direct way cut", BOTH + "; the core drops", _sick(staylab.CUT), 45),
    Story("cut one way", BOTH + "; the core drops A to B",
          _sick(staylab.CUT_ONE_WAY, is_one_way=True), 45),
    Story("30 % loss", BOTH + "; the core drops numgen random mod 100 < 30",
          _sick(staylab.LOSE, is_gap_bound=False), 45),
    Story("large datagrams dropped", BOTH + "; the core drops meta length > 600",
          _sick(staylab.DROP_LARGE, size="0", is_gap_bound=False), 45),
    Story("mapping changed", "conntrack -F, masquerade to another port", _moved(_map_anew), 12),
    Story("another network", "the cable moves to another gateway", _moved(_roam(0)), 12),
    Story("another network, both at once", "both cables move",
          _moved(_roam(0, 1), is_both=True), 12),
    Story("another public address", "the gateway's address is replaced", _moved(_readdress), 12),
    Story("asleep", "SIGSTOP, SIGCONT after 60 s (in a check 20)", sleep, 32),
    Story("quiet, NATs remember 20 s", "nf_conntrack_udp_timeout and _stream 20", _quiet(20), 73,
          is_quiet=True),
    Story(LEARNT, "nf_conntrack_udp_timeout and _stream 120", _quiet(120), 73, is_quiet=True),
    Story(FIXED, "the same, keepalive_ms 5000", _quiet(120, "5000"), 73, is_quiet=True,
          is_record_only=True),
    Story("server killed under a direct pair", "kill -9, back after 2 s",
          _server_killed(False), 14),
    Story("server killed under a relayed pair", "fully-random on both; kill -9, back after 2 s",
          _server_killed(True), 17),
    Story("player killed", "kill -9, started with the same key", client_killed, 12),
]
STREAM_STORIES = [
    Story("no UDP at one home", "forward: meta l4proto udp drop", _blocked(0), 12),
    Story("no UDP at both homes", "forward: meta l4proto udp drop, on both", _blocked(0, 1), 12),
]
