"""Two players on a field, 20 times a second: each tells the other where it is.

    duel.py PIN ROOM [SECONDS]      PIN: the line that trystd prints

A message is the text "X Y", two whole numbers. The duel in Lua says the same, so the two can play.
SPDX-License-Identifier: MIT
"""
import math
import sys
import time

import tryst

RATE = 20


def main(pin, room, seconds="inf"):
    """Plays until the time is over or somebody presses Ctrl-C."""
    start, told = time.monotonic(), None
    peers = set()
    with tryst.Client(pin, app="duel") as client:
        client.join(room)
        while (now := time.monotonic() - start) < float(seconds):
            position = round(50 + 40 * math.cos(now)), round(50 + 40 * math.sin(now))
            for peer in peers:
                client.send(peer, b"%d %d" % position)
            for event in client.events(timeout=1 / RATE):
                if event.type is tryst.EventType.CONNECTED:
                    print(f"met a player at {event.address}", flush=True)
                    peers.add(event.peer)
                elif event.type is tryst.EventType.MESSAGE:
                    told, before = event.data.decode(), told
                    if told != before:
                        print(f"the other is at {told}", flush=True)
                elif event.type is tryst.EventType.LEFT:
                    print(f"the other left: {event.reason.text}", flush=True)
                    peers.discard(event.peer)
                elif event.type in (tryst.EventType.REFUSED, tryst.EventType.UNREACHABLE):
                    print(f"{event.type.text}: {event.text or event.reason.text}", flush=True)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except KeyboardInterrupt:
        pass
