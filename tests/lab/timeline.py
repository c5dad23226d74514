"""The demo: two players meet through trystd, told by the clock as each of them sees it.

SPDX-License-Identifier: MIT

As root they sit behind two home routers in network namespaces of their own; otherwise on loopback.
"""

import os
import signal
import sys
import time

import natrules
import netlab
from players import PORT, PlayError, Player, Server, folder, free_port, play

FIRST_JOINS_S = 0.6    # by then both have their cookie
SECOND_JOINS_S = 0.25  # so much later, to show an announcement
PATIENCE_S = 5

PICTURE = """
                     rendezvous server
                     {server}
                             |
          edge 1 -------- middle -------- edge 2
             |                               |
     {gateway[0]:^17}               {gateway[1]:^17}
       home router                     home router
   (masquerade, INPUT drop)        (masquerade, INPUT drop)
             |                               |
     {local[0]:^17}               {local[1]:^17}
           Alice                            Bob
"""

PICTURE_LOOPBACK = """
      Alice -------- rendezvous server -------- Bob
                      {server}
"""

COLOURS = {"Alice": "\033[36m", "Bob": "\033[33m"}
BOLD, PLAIN = "\033[1m", "\033[0m"


def paint(text, colour):
    """Colours text where a terminal shows it."""
    if sys.stdout.isatty() and "NO_COLOR" not in os.environ:
        return f"{colour}{text}{PLAIN}"
    return text


def milliseconds(microseconds):
    return f"{microseconds / 1000:.1f} ms"


def words(who, event, other, first):
    """What one event means, for people; None for what is not worth a line."""
    address = event.get("address")
    name = event["event"]
    if name == "cookie":
        return f"has the server's cookie; the server sees it at {event.get('public', address)}"
    if name == "registered":
        local = event.get("local") or []
        local = ", ".join(local if isinstance(local, list) else [local])
        return f"registered: public address {event.get('public')}, local {local or 'none'}"
    if name == "joined":
        if who == first:
            return f"is told that {other} has come (announced by the server)"
        return f"is told who is there: {other}"
    if name == "punch":
        return f"hello out to {address}, which opens the way back"
    if name == "hello":
        return f"hello in from {address}"
    if name in ("connected", "path"):
        return (f"path chosen: {address} ({event.get('path')}, {event.get('kind')}), "
                f"round trip {milliseconds(event.get('rtt_us') or 0)}")
    if name == "message":
        return f"first message in: \"{event.get('text')}\""
    if name in ("unreachable", "refused", "server-lost"):
        return f"{name}: {event.get('stage', '')} {event.get('reason', '')}".rstrip()
    return None


def tell(players):
    """Prints the timeline of both."""
    rows = sorted(((event["unix_us"], player.name, event) for player in players
                   for event in player.events), key=lambda row: row[0])
    first = players[0].name
    names = [player.name for player in players]
    print(f"{'ms':>8} | who   | what")
    print(f"{'-' * 8} | ----- | {'-' * 60}")
    for when, who, event in rows:
        other = names[1 - names.index(who)]
        text = words(who, event, other, first)
        if text:
            print(f"{(when - rows[0][0]) / 1000:8.1f} | {paint(f'{who:5}', COLOURS[who])} | {text}")
    print()


def ending(players):
    """The last sentence, or None where the two did not come to talk."""
    ends, trips = [], []
    for player in players:
        paths = player.said("connected") + player.said("path")
        if not paths or not player.said("message") or paths[-1].get("path") != "direct":
            return None
        ends.append(paths[-1].get("address"))
        trips.append(paths[-1].get("rtt_us") or 0)
    joined = players[1].said("registered")[0]["unix_us"]
    heard = max(player.said("message")[0]["unix_us"] for player in players)
    # What one side sends to is where the other one is.
    return (f"Alice and Bob talk directly: {ends[1]} <-> {ends[0]}, round trip "
            f"{milliseconds(min(trips))}. No relay, nobody in between.\n"
            f"From Bob's registration to the first message both ways: "
            f"{milliseconds(heard - joined)}.")


def is_done(player):
    """Whether it was talked to, and talks directly: the relay may have been quicker."""
    paths = player.said("connected") + player.said("path")
    return player.said("message") and any(path.get("path") == "direct" for path in paths)


def meet(homes, server_namespace, address, port=PORT):
    """Runs the two players. `homes` holds their namespaces. Returns the players."""
    with folder() as place, Server(server_namespace, [address], place, port) as server:
        at = time.monotonic() + FIRST_JOINS_S
        players = []
        try:
            for name, home, wait in zip(("Alice", "Bob"), homes, (0, SECOND_JOINS_S)):
                players.append(Player(name, home, place, "demo", server.pin(address), at + wait, 1,
                                      PATIENCE_S, ["--trace", "--linger", str(PATIENCE_S)]))
            play(players, is_done, time.monotonic() + PATIENCE_S)
        finally:
            for player in players:
                player.close()
        return players


def in_namespaces():
    """The demo as it is meant."""
    with netlab.Lab() as lab:
        hosts = [lab.home(natrules.port_restricted, name)[0] for name in ("alice", "bob")]
        print(PICTURE.format(server=f"{netlab.SERVER4}:{PORT}",
                             gateway=[host.public[0] for host in hosts],
                             local=[host.local[0] for host in hosts]))
        return meet([host.namespace for host in hosts], lab.server, netlab.SERVER4)


def main():
    for sign in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, lambda *_: sys.exit(1))
    reason = netlab.why_not()
    try:
        print(paint("tryst: two players meet", BOLD))
        if reason:
            print(f"On loopback, without NATs ({reason}). "
                  "Run it as root to see two real home routers.")
            port = free_port("127.0.0.1")
            print(PICTURE_LOOPBACK.format(server=f"127.0.0.1:{port}"))
            players = meet([None, None], None, "127.0.0.1", port)
        else:
            players = in_namespaces()
    except (PlayError, netlab.LabError) as error:
        print(f"The demo could not start: {error}\n"
              "Next: ./bootstrap build, then ./bootstrap demo again.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    tell(players)
    sentence = ending(players)
    if sentence:
        print(paint(sentence, BOLD))
        return 0
    for player in players:
        if player.fate:
            print(f"{player.name} {player.fate}", file=sys.stderr)
    print("They did not come to talk. Next: ./bootstrap check runs the same meeting and many more, "
          "and says which fail.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
