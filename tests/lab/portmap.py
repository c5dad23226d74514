#!/usr/bin/env python3
"""Home routers are asked for a port: miniupnpd behind random symmetric NATs, story by story.

SPDX-License-Identifier: MIT

Needs what run.py needs, and miniupnpd (Debian: miniupnpd-nftables).
"""

import argparse
import concurrent.futures
import os
import select
import signal
import subprocess
import sys
import threading
import time

import labtable
import natrules
import netlab
import router
from hard_try import first_on, tale_of
from players import Player, PlayError, Program, Server, find_program, folder, play, unix_us_of

SKIP = 77
LANES = 3
START_S = 0.4       # a player needs this to start and have its cookie
STAY_S = 0.6        # so long a pair that shall be relayed has time to become direct
END_MS = 1200       # an end with a router that does not answer
END_GOOD_MS = 300   # and with one that does
DELAY_MS = 200      # as much later is late: a protocol that is met with silence takes longer
SHORT_LEASE_S = 8   # the shortest that is believed


class Fault(Exception):
    """A story did not come to what it promises."""


def expect(holds, what):
    if not holds:
        raise Fault(what)


class Meeting:
    """Two players that join at one instant. maps: which of them ask their routers."""

    def __init__(self, stage, label, hosts, maps, start_s=START_S):
        self.stage = stage
        self.at = time.monotonic() + start_s
        pin = stage.server.pin(netlab.SERVER4)
        self.players = []
        try:
            for host, asks in zip(hosts, maps):
                self.players.append(Player(host.name, host.namespace, stage.place, label, pin, self.at, 9, 60,
                                           ("--trace",), maps=asks))
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.close()
        if kind is not None and self.stage.is_told:
            print("\n".join("    " + line for line in tale_of(self.players, unix_us_of(self.at))), flush=True)

    def close(self):
        for player in self.players:
            player.close()

    def run(self, seconds):
        """Reads for so long after the join."""
        play(self.players, lambda _: False, self.at + seconds)

    def direct_ms(self, limit_s):
        """Milliseconds from the join until both had a direct path; a fault if that is not within the limit."""
        play(self.players, lambda player: first_on(player, "direct"), self.at + limit_s)
        return self._since("direct", limit_s)

    def relayed_ms(self, limit_s):
        """The same of the relay."""
        play(self.players, lambda player: first_on(player, "relay"), self.at + limit_s)
        return self._since("relay", limit_s)

    def _since(self, path, limit_s):
        zero_us = unix_us_of(self.at)
        times = [min(first_on(player, path).values(), default=None) for player in self.players]
        expect(None not in times, f"not {path} within {limit_s:g} s: "
               + ", ".join(f"{player.name} {player.events[-1]['event'] if player.events else 'silent'} "
                           f"{player.complaint()}" for player in self.players))
        return (max(times) - zero_us) / 1000

    def addresses(self):
        """The addresses of the peer on the newest direct path, of each player that has one."""
        told = {}
        for player in self.players:
            for event in player.said("connected") + player.said("path"):
                if event.get("path") == "direct":
                    told[player.name] = event["address"]
        return told


def end_ms(player, sign=signal.SIGINT):
    """Ends a player. Returns how long it took."""
    before = time.monotonic()
    player.process.send_signal(sign)
    while player.process.poll() is None:
        expect(time.monotonic() - before < 5, "still there five seconds after it was told to end")
        time.sleep(0.002)
    return (time.monotonic() - before) * 1000


def _told(ms):
    return f"{labtable.figure(ms)} ms"


# ---- stories ----

def both_sides(stage):
    """The same two homes: nobody asks, one side does, both do."""
    hosts = stage.homes("anna", "abel")
    routers = [stage.route(host) for host in hosts]
    told = []
    for label, maps in (("none", (False, False)), ("one side", (True, False)), ("both", (True, True))):
        stage.lab.forget([one.gateway for one in routers])
        with Meeting(stage, f"both {label}", hosts, maps) as meeting:
            if not any(maps):
                told.append(f"{label}: relayed {_told(meeting.relayed_ms(1.0))}")
                meeting.run(STAY_S)
                expect(not any(first_on(player, "direct") for player in meeting.players),
                       "direct though nobody asked")
                counts = [one.asked() for one in routers]
                expect(not any(count["total"] for count in counts), f"asked though none may: {counts}")
                continue
            told.append(f"{label}: direct {_told(meeting.direct_ms(1.0))}")
            for asks, one, host in zip(maps, routers, hosts):
                expect(bool(one.mappings()) == asks, f"{host.name}'s router has {one.mappings()}")
            for player, sign in zip(meeting.players, (signal.SIGINT, signal.SIGTERM)):
                took_ms = end_ms(player, sign)
                expect(took_ms <= END_GOOD_MS, f"its end took {_told(took_ms)}")
        for one in routers:
            expect(not one.mappings(), f"still mapped after the end: {one.mappings()}")
    return ", ".join(told)


def _alone(protocol, limit_s, lifetime, *names):
    """One side's router speaks one protocol alone. lifetime: what its log says of it."""
    def story(stage):
        hosts = stage.homes(*names)
        one = stage.route(hosts[0], protocols=(protocol,))
        stage.route(hosts[1], protocols=())
        with Meeting(stage, f"{protocol} alone", hosts, (True, False)) as meeting:
            took_ms = meeting.direct_ms(limit_s)
            mapped = one.mappings()
            expect(len(mapped) == 1 and mapped[0][1] == hosts[0].local[0], f"mapped is {mapped}")
            expect(one.asked()[protocol] > 0, f"{protocol} was not spoken: {one.asked()}")
            expect(lifetime in one.said(), f"{lifetime!r} was not asked for")
            away_ms = end_ms(meeting.players[0])
            expect(away_ms <= END_GOOD_MS, f"its end took {_told(away_ms)}")
        expect(not one.mappings(), f"still mapped after the end: {one.mappings()}")
        return f"direct {_told(took_ms)}, given back within {_told(away_ms)}"
    story.__doc__ = f"{protocol} alone, at one side"
    return story


def _kept(host, one, asked, wait, kill):
    """A mapping is renewed for longer than it lasts, and ends with who is killed."""
    first, before = one.mappings(), asked()
    expect(len(first) == 1 and first[0][1] == host.local[0], f"mapped is {first}")
    for second in range(1, SHORT_LEASE_S + 4):
        wait(second)
        expect(one.mappings() == first, f"mapped is {one.mappings()} after {second} s, was {first}")
    renewals = asked() - before
    expect(2 <= renewals <= 4, f"asked {renewals} times more")
    kill()
    killed = time.monotonic()
    expect(one.mappings() == first, "a killed player gave its port back")
    while one.mappings():
        expect(time.monotonic() - killed < SHORT_LEASE_S + 2, "a killed player's port leads in for ever")
        time.sleep(0.1)
    return (f"open for {SHORT_LEASE_S + 3} s, {renewals} renewals; "
            f"closed {time.monotonic() - killed:.1f} s after its player was killed")


def lease(stage):
    """PCP's leases of eight seconds are renewed: a router may grant less than was asked for."""
    host, = stage.homes("lena")
    one = stage.route(host, protocols=(router.PCP,), lifetime_s=SHORT_LEASE_S)
    with Meeting(stage, "lease", [host], (True,)) as meeting:
        meeting.run(0.5)
        return _kept(host, one, lambda: one.asked()[router.PCP], lambda second: meeting.run(0.5 + second),
                     lambda: end_ms(meeting.players[0], signal.SIGKILL))


def _await(program, start, limit_s):
    """The first line that starts so."""
    lines, end = [], time.monotonic() + limit_s
    while time.monotonic() < end:
        if select.select([program.process.stdout], [], [], 0.1)[0]:
            new = program.read()
            expect(new is not None, f"ended: {program.complaint()}")
            lines += new
        for line in lines:
            if line.startswith(start):
                return line
    raise Fault(f"no {start!r} but {lines}")


def _short_lease(protocol, word, name):
    """The same where the router grants what is asked for, and a client asks for twenty minutes: by its mapper
    alone. word: what the router's log says of each grant."""
    def story(stage):
        host, = stage.homes(name)
        one = stage.route(host, protocols=(protocol,))
        keeper = Program("tests/lab/portkeeper", ["--device", "eth0", "--local", f"{host.local[0]}:7200",
                                                  "--lease", str(SHORT_LEASE_S)], host.namespace, stage.place, name)
        try:
            _await(keeper, f"held {protocol}", 5.0)
            return _kept(host, one, lambda: one.said().count(word), lambda _: time.sleep(1),
                         lambda: end_ms(keeper, signal.SIGKILL))
        finally:
            keeper.close()
    story.__doc__ = f"{protocol}'s leases of eight seconds are renewed"
    return story


def carrier(stage):
    """Two homes behind one carrier's NAT that does not hairpin."""
    with stage.building:
        hosts = stage.lab.carrier(natrules.port_restricted, (natrules.symmetric_mapping, "cora"),
                                  (natrules.symmetric_mapping, "carl"))
    site = hosts[0].public[0].split(".")[1]
    inside = [f"100.64.{site}.{number}" for number, _ in enumerate(hosts, 10)]
    routers = [stage.route(host, told=own) for host, own in zip(hosts, inside)]
    with Meeting(stage, "carrier deny", hosts, (False, False)) as meeting:
        relayed_ms = meeting.relayed_ms(1.0)
        meeting.run(STAY_S)
        expect(not any(first_on(player, "direct") for player in meeting.players), "direct though nobody asked")
    stage.lab.forget([gateway for host in hosts for gateway in host.gateways])
    with Meeting(stage, "carrier", hosts, (True, True)) as meeting:
        took_ms = meeting.direct_ms(1.0)
        ways = meeting.addresses()
        expect(all(way.startswith("100.64.") for way in ways.values()), f"by {ways}")
        for player in meeting.players:
            end_ms(player)
    expect(not any(one.mappings() for one in routers), "still mapped after the end")
    return (f"nobody asks: relayed {_told(relayed_ms)}; both: direct {_told(took_ms)} "
            f"by {' and '.join(ways.values())}")


def deaf(stage):
    """Routers that drop whatever is for them: no delay, a bounded end, and silence where it is denied."""
    hosts = stage.homes("dora")
    hosts += stage.homes("dirk", kind=natrules.port_restricted)
    one = stage.route(hosts[0], protocols=())
    one.silence()
    times, ends = [], []
    for maps in (False, True):
        stage.lab.forget([gateway for host in hosts for gateway in host.gateways])
        with Meeting(stage, f"deaf {maps}", hosts, (maps, False)) as meeting:
            play(meeting.players, lambda player: player.said("registered"), meeting.at + 1.0)
            registered = [event["unix_us"] for event in meeting.players[0].said("registered")]
            expect(registered, "not registered within a second")
            times.append((registered[0] - unix_us_of(meeting.at)) / 1000)
            meeting.relayed_ms(1.0)
            ends.append(end_ms(meeting.players[0]))
        expect((one.asked()["total"] > 0) == maps, f"asked {one.asked()} where asking is {maps}")
    for after_s in (1.0, 2.5):  # while UPnP is searched for, and when all have been asked
        with Meeting(stage, f"deaf {after_s}", hosts[:1], (True,)) as meeting:
            meeting.run(after_s)
            ends.append(end_ms(meeting.players[0], signal.SIGTERM))
    expect(times[1] - times[0] < DELAY_MS, f"registered after {times} ms")
    expect(max(ends) <= END_MS, f"ends of {ends} ms")
    return (f"registered {_told(times[1])} (denied: {_told(times[0])}), denied: no packet, "
            f"ends of {', '.join(labtable.figure(ms) for ms in ends)} ms, denied the first")


def falls_silent(stage):
    """A router that stops to answer: in the middle of UPnP, and with a mapping that was granted."""
    told = []
    for name, protocol, part, asked_s in (("hugo", router.UPNP, f"tcp dport {router.HTTP_PORT}", 1.5),
                                          ("hans", router.UPNP, "", 1.0), ("hope", router.PCP, "", 0.5)):
        host, = stage.homes(name)
        one = stage.route(host, protocols=(protocol,))
        if part:
            one.silence(part)
        with Meeting(stage, f"falls silent {name}", [host], (True,)) as meeting:
            meeting.run(asked_s)
            expect(one.asked()[protocol] > 0, f"{protocol} was not spoken: {one.asked()}")
            expect(len(one.mappings()) == (0 if part else 1), f"mapped is {one.mappings()}")
            one.silence()
            told.append(end_ms(meeting.players[0], signal.SIGTERM))
    expect(max(told) <= END_MS, f"ends of {told} ms")
    return ("ends of {} ms where UPnP's description does not come, {} ms with its mapping, "
            "{} ms with PCP's").format(*map(labtable.figure, told))


def doctor(stage):
    """A doctor that is interrupted gives the port back, and so does a player whose terminal is closed."""
    host, = stage.homes("dina")
    one = stage.route(host, protocols=(router.PCP,))
    path, environment = find_program("tryst")
    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        with subprocess.Popen(netlab.inside(host.namespace, [
                path, "doctor", "--server", stage.server.pin(netlab.SERVER4), "--lifetime", "60"]),
                env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
            end = time.monotonic() + 5
            while not one.mappings() and time.monotonic() < end:
                time.sleep(0.02)
            is_mapped = bool(one.mappings())
            process.send_signal(sign)
            status = process.wait()
        expect(is_mapped, "no mapping to give back")
        expect(status == 1, f"ends with {status} after {sign.name}")
        expect(not one.mappings(), f"still mapped after {sign.name}: {one.mappings()}")
    with Meeting(stage, "terminal", [host], (True,)) as meeting:
        meeting.run(0.5)
        expect(one.mappings(), "no mapping of the player's")
        end_ms(meeting.players[0], signal.SIGHUP)
    expect(not one.mappings(), f"still mapped after a player's SIGHUP: {one.mappings()}")
    return "interrupted, ended, terminal closed: given back"


STORIES = {
    "the same homes, nobody, one side, both": both_sides,
    "PCP alone": _alone(router.PCP, 1.0, "", "pia", "paul"),
    "NAT-PMP alone": _alone(router.NATPMP, 2.0, "lifetime=1200s", "nora", "nils"),
    "UPnP alone": _alone(router.UPNP, 4.0, "leaseduration=1200", "ulla", "ulf"),
    "leases are renewed by PCP": lease,
    "leases are renewed by NAT-PMP": _short_lease(router.NATPMP, f"lifetime={SHORT_LEASE_S}s", "liv"),
    "leases are renewed by UPnP": _short_lease(router.UPNP, f"leaseduration={SHORT_LEASE_S}", "lisa"),
    "two homes behind one carrier NAT, no hairpin": carrier,
    "a router that does not answer": deaf,
    "a router that falls silent": falls_silent,
    "a doctor that is interrupted": doctor,
}


class Stage:
    """What stories share: one lab and server."""

    def __init__(self, lab, server, place, is_told):
        self.lab = lab
        self.server = server
        self.place = place
        self.is_told = is_told
        self.building = threading.Lock()

    def homes(self, *names, kind=natrules.symmetric_mapping):
        """A home for each name, with one host, behind a NAT of a kind."""
        with self.building:
            return [self.lab.home(kind, name)[0] for name in names]

    def route(self, host, **options):
        """Puts a Router to work in a host's own gateway."""
        return router.Router(self.lab, host.gateways[-1], self.place, **options)

    def run(self, chosen):
        """Plays stories side by side. Returns how many failed."""
        order = sorted(chosen, key=lambda name: not name.startswith("leases"))  # the longest first
        with concurrent.futures.ThreadPoolExecutor(LANES) as pool:
            return sum(pool.map(self._tell, order))

    def _tell(self, name):
        before = time.monotonic()
        try:
            found, is_wrong = STORIES[name](self), False
        except (Fault, PlayError, netlab.LabError, OSError) as error:
            found, is_wrong = str(error), True
        print(f"{'not ok' if is_wrong else 'ok'} {name}: {found} [{time.monotonic() - before:.1f} s]", flush=True)
        return is_wrong


def arguments():
    parser = argparse.ArgumentParser(description="home routers are asked for a port")
    parser.add_argument("--story", metavar="NAME", action="append",
                        help="only stories whose name holds this; repeatable")
    parser.add_argument("--tell", action="store_true", help="what happened in stories that went wrong")
    return parser.parse_args()


def _why_not():
    if os.environ.get("TRYST_SKIP_LAB") == "1":
        return "TRYST_SKIP_LAB=1"
    return netlab.why_not() or (None if router.daemon() else "not installed: miniupnpd")


def main():
    options = arguments()
    chosen = [name for name in STORIES
              if not options.story or any(part in name for part in options.story)]
    reason = _why_not()
    if reason:
        print(f"port mapping skipped: {reason}")
        return SKIP
    for sign in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, lambda *_: sys.exit(1))
    try:
        find_program("tryst")
        with folder() as place, netlab.Lab() as lab, \
                Server(lab.server, [netlab.SERVER4], place) as server:
            return 1 if not chosen or Stage(lab, server, place, options.tell).run(chosen) else 0
    except (PlayError, netlab.LabError) as error:
        print(f"not ok: {error}")
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
