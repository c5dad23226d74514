"""Two that talk all the time behind two home routers, and what becomes of what they say.

SPDX-License-Identifier: MIT
"""

import json
import os
import selectors
import signal
import subprocess
import threading
import time

import natrules
import netlab
import staylab
from players import PlayError, Program, Server

FIRST_PORT = 7000
JOIN_S = 5.0
ANSWER_S = 10.0
BUILDING = threading.Semaphore(2)  # homes that are built at the same time, on two processors
COUNTED = ("received", "lost", "duplicates", "behind")  # of a sum: added up from mark to whole


def now_us():
    """CLOCK_MONOTONIC, as chatter tells it."""
    return time.monotonic_ns() // 1000


class Chatter(Program):
    """One tests/lab/chatter, and the events it printed."""

    def __init__(self, name, namespace, folder, pin, extra=()):
        self.name = name
        self.events = []
        super().__init__("tests/lab/chatter", ["--server", pin, "--session", "stay", "--name", name,
                                               *extra], namespace, folder, name, subprocess.PIPE)

    def close(self):
        super().close()
        self.process.stdin.close()

    def take(self):
        """Reads what is there."""
        lines = self.read()
        if lines is None:
            raise PlayError(f"{self.name} ended: {self.complaint()}")
        for line in lines:
            try:
                self.events.append(json.loads(line))
            except ValueError:
                raise PlayError(f"{self.name} printed what is no event: {line[:120]}") from None

    def say(self, command):
        """Hands it one of its commands."""
        try:
            self.process.stdin.write((command + "\n").encode())
            self.process.stdin.flush()
        except OSError as error:
            raise PlayError(f"{self.name} does not listen: {error}") from error

    def said(self, *names, since=0):
        """Its events of these names, since an instant."""
        return [e for e in self.events if e["event"] in names and e["us"] >= since]

    @property
    def state(self):
        """The newest of its events that says how the peer is reached, or {}."""
        told = self.said("connected", "path", "unreachable", "left")
        return told[-1] if told else {}

    @property
    def path(self):
        """direct, relay or none."""
        return self.state.get("path", "none")

    @property
    def peer(self):
        """The handle of the peer that joined last."""
        joined = self.said("joined")
        return joined[-1]["peer"] if joined else 0


class Pair:
    """One run of one story. Figures and mistakes end up in `found`, a stay_cases.Found."""

    def __init__(self, lab, number, folder, found, is_long):
        self.lab = lab
        self.number = number
        self.folder = os.path.join(folder, f"pair{number}")
        os.makedirs(self.folder)
        self.found = found
        self.is_long = is_long  # for the record: may wait for what takes a minute
        self.homes = []
        self.hosts = []
        self.players = []
        self.server = None
        self.server_extra = ()
        self.added = []
        self.notes = []  # (when, what) of the story itself

    def close(self):
        for program in self.players + [self.server]:
            if program:
                program.close()

    @property
    def port(self):
        """Of its server, which takes the next one too."""
        return FIRST_PORT + 2 * self.number

    # ---- what there is ----

    def build(self, *kinds):
        """Two homes with a host each."""
        with BUILDING:
            for which, kind in zip("ab", kinds):
                name = f"{which}{self.number}"
                self.homes.append(staylab.Home(self.lab, kind, name))
                self.hosts.append(staylab.Roamer(self.lab, self.homes[-1], name))

    def spare_home(self, which):
        """Another home, for somebody to move to."""
        with BUILDING:
            return staylab.Home(self.lab, natrules.port_restricted, f"{which}{self.number}x")

    def serve(self):
        """Starts the pair's own server, the first time or again."""
        self.server = Server(self.lab.server, [netlab.SERVER4], self.folder,
                             self.port, self.server_extra)

    def start(self, which, *extra):
        """Starts one player. Returns it, as a.k.a. pair.a and pair.b."""
        player = Chatter("ab"[which], self.hosts[which].namespace, self.folder,
                         self.server.pin(netlab.SERVER4), extra)
        self.players[which:which + 1] = [player]
        return player

    def open(self, *extra):
        """The server and both players."""
        self.serve()
        self.start(0, *extra)
        self.start(1, *extra)

    @property
    def a(self):
        return self.players[0]

    @property
    def b(self):
        return self.players[1]

    def paths(self):
        """The kinds of path that a and b used, one after the other."""
        told = []
        for player in self.players:
            kinds = [e.get("path", "none")
                     for e in player.said("connected", "path", "unreachable", "left")]
            told.append(" > ".join(kind for i, kind in enumerate(kinds)
                                   if i == 0 or kinds[i - 1] != kind))
        return " / ".join(told if len(set(told)) > 1 else told[:1])

    def tale(self):
        """The events of both, for people: milliseconds since the last join."""
        began = max((e["us"] for p in self.players for e in p.said("join")), default=0)
        told = sorted([(e["us"], p.name, e) for p in self.players for e in p.events
                       if e["event"] not in ("told", "sum")]
                      + [(us, "-", {"event": what}) for us, what in self.notes],
                      key=lambda row: row[:2])
        return [f"{(us - began) / 1000:10.1f} {name} {e['event']} {e.get('path', '')} "
                f"{e.get('kind', '')} {e.get('address', '')} {e.get('reason', '')}"
                for us, name, e in told]

    def note(self, what):
        """For the tale. Returns the instant."""
        self.notes.append((now_us(), what))
        return self.notes[-1][0]

    # ---- time ----

    def until(self, wanted, limit_s):
        """Reads both players until `wanted()` holds. Returns whether it came to that."""
        end = time.monotonic() + limit_s
        with selectors.DefaultSelector() as selector:
            for player in self.players:
                if not player.process.stdout.closed:
                    selector.register(player.process.stdout, selectors.EVENT_READ, player)
            while not wanted():
                left = end - time.monotonic()
                if left <= 0:
                    return False
                for key, _ in selector.select(left):
                    key.data.take()
        return True

    def run(self, seconds):
        """Lets time pass."""
        self.until(lambda: False, seconds)

    def await_path(self, path, limit_s, who=None):
        """Until both, or those named, use that kind of path. Returns whether they came to it."""
        return self.until(lambda: all(p.path == path for p in who or self.players), limit_s)

    # ---- sums ----

    def _ask(self, command, answer):
        since = now_us()
        for player in self.players:
            player.say(command)
        if not self.until(lambda: all(p.said(answer, since=since) for p in self.players),
                          ANSWER_S):
            raise PlayError(f"no answer to {command}")
        return since

    def mark(self):
        """A new window at both; what was before is in no gap, and not counted."""
        self.added = [dict.fromkeys(COUNTED, 0) for _ in self.players]
        return self._ask("start", "started")

    def sums(self):
        """What came to each since the last window, by the one who received it: [to a, to b]."""
        since = self._ask("tell", "told")
        sums = [player.said("sum", since=since) for player in self.players]
        for player, told, added in zip(self.players, sums, self.added):
            if not told:
                raise PlayError(f"{player.name} knows nobody any more")
            for name in COUNTED:
                added[name] += told[-1][name]
        return [told[-1] for told in sums]

    def gaps(self, limit_ms=None):
        """Notes the gaps of this window each way; judges them where a limit is given."""
        to_a, to_b = self.sums()
        self.found.gap_ms = [to_b["gap_us"] / 1000, to_a["gap_us"] / 1000]
        if limit_ms is not None:
            self.found.expect(max(self.found.gap_ms) <= limit_ms,
                              "gaps of {:.0f} and {:.0f} ms".format(*self.found.gap_ms))
        return to_a, to_b

    def whole(self):
        """Both fall silent; all that was sent since mark must have come, once and in order."""
        for player in self.players:
            player.say("period 0")
        self.run(0.5)
        to_a, to_b = self.sums()
        lost = 0
        for name, got, sent, added in (("a", to_b, to_a, self.added[1]),
                                       ("b", to_a, to_b, self.added[0])):
            missing = added["lost"] + sent["last"] - got["highest"]
            came = f"of {added['received'] + missing} messages from {name}"
            self.found.expect(missing == 0, f"{came} {missing} did not come")
            self.found.expect(not added["duplicates"] and not added["behind"],
                              f"{came} {added['duplicates']} came twice, "
                              f"{added['behind']} out of order")
            lost += missing
        self.found.lost = lost

    # ---- acts ----

    def freeze(self, which, seconds):
        """Stops a player's process for so long; its windows begin anew when it wakes. Returns when."""
        player = self.players[which]
        player.process.send_signal(signal.SIGSTOP)
        try:
            self.run(seconds)
            player.say("start")
        finally:
            player.process.send_signal(signal.SIGCONT)
        since = now_us()
        self.players[1 - which].say("start")
        return since

    def kill(self, program):
        """kill -9 of one of our own processes, without a word to anybody."""
        program.process.kill()
        program.process.wait()
        program.close()
